"""``--json`` of every command: a file, or standard output with nothing else on it."""

import json

import numpy as np
import pytest

from accel import boards
from accel.core.pe import ELEMENTS
from accel.numeric.formats import FORMATS
from tests.support.built import build_folder
from tests.support.networks.onnx.floating import calibration, small

from .conftest import DIGITS, MODEL
from .test_options import commands

# What runs in a moment; a bitstream, a board's link, an exploration in RTL and lines of JSON have
# tests of their own in test_commands.py, test_simulated_boards.py, test_live.py,
# tests/end_to_end/test_loading.py and here, with the option looked at alone.
RUNS = {
    ("check",): [MODEL],
    ("fit",): [MODEL],
    ("compile",): [MODEL, "-o", "out"],
    ("export", "c"): [MODEL, "-o", "out"],
    ("export", "micropython"): [MODEL, "-o", "out"],
    ("run",): [MODEL, "-i", DIGITS / "test_images.npz", "-o", "y.npy"],
    ("show",): [MODEL, "-o", "page.html"],
    ("estimate",): [MODEL],
    ("boards",): [],
    ("program",): ["b", "--dry-run"],
    ("doctor",): [],
    ("datapath", "list"): [],
    ("datapath", "check"): ["multiplier", "--format", "int8_pow2", "--no-layers"],
    ("datapath", "report"): ["int8", "--seeds", "0"],
    ("export", "verilog"): ["--rows", "2", "--cols", "2", "--no-testbench", "-o", "core"],
    ("explore",): [MODEL, "-o", "sweep", "--rows", "2,4", "--route", "0", "--jobs", "1"],
    ("bench",): ["--quick", "--no-rtl"],
    ("quantize",): ["net.onnx", "-c", "x.npz", "-o", "int8.onnx", "-b", "icebreaker"],
    ("demo",): ["--no-build", "--samples", "1"],
}
ELSEWHERE = {("build",), ("load",), ("live",), ("board-sim",), ("selftest",), ("bisect",)}
ELSEWHERE |= {("verify-netlist",)}


def test_every_command_has_it_and_is_run():
    found = commands()
    for words, command in found.items():
        (option,) = (p for p in command.params if "--json" in p.opts)
        assert (option.name, option.metavar) == ("json_file", "FILE"), words
        assert " - " in option.help
    assert RUNS.keys() | ELSEWHERE == found.keys()


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.onnx").write_bytes(small().bytes())
    np.savez(tmp_path / "x.npz", x=calibration(16))
    build_folder(tmp_path / "b", "icebreaker")
    return tmp_path


@pytest.mark.parametrize("words", RUNS, ids=" ".join)
def test_standard_output_has_the_json_and_nothing_else(words, accel, here):
    code, output, errors = accel(*words, *RUNS[words], "--json", "-")
    assert code == 0, errors
    answer = json.loads(output)
    assert answer
    assert errors.strip()  # what people read is there
    assert not (here / "-").exists()


@pytest.mark.parametrize("words", [("boards",), ("doctor",), ("datapath", "list")], ids=" ".join)
def test_a_file_has_what_standard_output_has(words, accel, here):
    _, output, _ = accel(*words, "--json", "-")
    code, said, _ = accel(*words, "--json", "file.json")
    assert code == 0
    assert json.loads((here / "file.json").read_text()) == json.loads(output)
    assert said.endswith("Wrote file.json\n")


def test_the_next_command_has_standard_output_again(accel, here):
    accel("boards", "--json", "-")
    _, output, errors = accel("boards")
    assert "icebreaker" in output
    assert errors == ""


def test_lists_have_everything(accel, here):
    _, output, _ = accel("boards", "--json", "-")
    found = {one["board"]: one for one in json.loads(output)}
    assert found.keys() == boards.BOARDS.keys()
    assert found["icebreaker"]["configuration"]["rows"] == 4
    assert found["icebreaker"]["resources"]["SPRAM"] == 4
    _, output, _ = accel("datapath", "list", "--json", "-")
    found = json.loads(output)
    assert [one["name"] for one in found["formats"]] == list(FORMATS)
    assert [one["name"] for one in found["elements"]] == list(ELEMENTS)
    assert found["broken"] == []


def test_a_network_that_cannot_run_is_answered_too(accel, here):
    (here / "bad.tflite").write_bytes(MODEL.read_bytes()[:900])
    code, output, errors = accel("check", "bad.tflite", "-b", "icebreaker", "--json", "-")
    (answer,) = json.loads(output)
    assert (code, answer["runs"], len(answer["reasons"])) == (2, False, 1)
    assert "error: bad.tflite: is a damaged TFLite file" in errors
    size = ("--rows", "8", "--json", "-")
    code, output, errors = accel("check", MODEL, "-b", "icebreaker", *size)
    (answer,) = json.loads(output)
    assert (code, answer["runs"]) == (2, False)
    assert "does not run" in errors


def test_a_refusal_leaves_standard_output_empty(accel, here):
    code, output, errors = accel("compile", "none.tflite", "-o", "out", "--json", "-")
    assert (code, output) == (2, "")
    assert errors.startswith("error: none.tflite: ")
