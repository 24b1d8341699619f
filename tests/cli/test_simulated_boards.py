"""Commands that talk to a board, with a simulated one: within the command, or behind a port."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from accel.cli.inputs.flash import UnusableFlash, read_flash
from accel.config import AcceleratorConfig
from accel.sim.rtl import compiled

from .conftest import MODEL

CONFIG = AcceleratorConfig()
CORE = ["--set", "family=generic", "--set", "flash_lanes=0", "--set", "sum_bits=24"]
SECONDS = 60

# What compiles the same RTL stays in one process.
pytestmark = pytest.mark.xdist_group("serial")


@pytest.fixture
def broken(monkeypatch):
    """Has every simulated core hold a bit of an element's product at 1."""
    right = compiled.CompiledCore.__init__

    def init(self, *arguments, **more):
        right(self, *arguments, **more)
        self.state.hold("core.array.p[9]", 4, 1)

    monkeypatch.setattr(compiled.CompiledCore, "__init__", init)


def test_a_right_board_passes_the_self_test(accel):
    code, output, errors = accel(
        "selftest", *CORE, "--port", "sim", "--only", "network", "--json", "-"
    )
    answer = json.loads(output)
    assert (code, answer["passed"], answer["board"], answer["port"]) == (
        0,
        True,
        "icebreaker",
        "sim",
    )
    assert answer["config"] == CONFIG.as_dict()
    assert [step["step"] for step in answer["steps"]] == ["link", "identity", "network"]
    assert {step["outcome"] for step in answer["steps"]} == {"passed"}
    assert "7,670 cycles are the model's" in errors


def test_a_broken_board_fails_the_self_test_by_name(accel, broken):
    code, output, _ = accel("selftest", *CORE, "--port", "sim", "--only", "array")
    assert code == 1
    assert "element (2, 1) of the array, row and column, is wrong in " in output
    assert "look at:" in output
    assert output.rstrip().endswith("Failed: array")


def test_a_step_of_no_such_name_is_refused(refused):
    message = refused("selftest", *CORE, "--port", "sim", "--only", "arrays")
    assert message.startswith("--only must be one of link, identity, memory, ")


def test_bisect_says_that_all_layers_are_equal(accel, digits):
    code, output, _ = accel("bisect", MODEL, "-i", digits, *CORE, "--port", "sim", "--json", "-")
    answer = json.loads(output)
    assert (code, answer["equal"], answer["layers"], answer["samples"]) == (0, True, 9, 2)
    assert answer["first_difference"] is None and answer["cycles_differ"] == []


def test_bisect_names_the_first_element_that_a_broken_board_computes_otherwise(
    accel, digits, broken
):
    code, output, _ = accel("bisect", MODEL, "-i", digits, *CORE, "--port", "sim", "--json", "-")
    first = json.loads(output)["first_difference"]
    assert (code, first["sample"], first["number"], first["layer"]) == (1, 0, 0, "conv2d_0")
    # Column 1, row 2 of the array: the first of every fourth channel, every fourth position.
    assert first["index"][-1] % CONFIG.columns == 1
    assert first["value"] != first["expected"]
    assert first["chunk_bytes"] == 0


def test_run_takes_a_board_that_is_simulated_within(accel, digits, tmp_path):
    files = ["-i", digits, "-o", tmp_path / "y.npy"]
    code, output, errors = accel("run", MODEL, *files, *CORE, "-e", "board", "--port", "sim")
    assert code == 0, errors
    assert "counted on the board" in output
    accel("run", MODEL, "-i", digits, "-o", tmp_path / "z.npy", "-e", "reference")
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), np.load(tmp_path / "z.npy"))


def test_load_takes_one_too(accel, tmp_path):
    accel("compile", MODEL, *CORE, "-o", tmp_path / "program")
    code, output, errors = accel("load", tmp_path / "program/program.bin", "--port", "sim")
    assert code == 0, errors
    assert output.startswith("Loaded digits_int8: ")


def test_no_port_is_asked_for_by_name(refused):
    assert "give --port" in refused("selftest", *CORE)


@pytest.mark.skipif(os.name != "posix", reason="has no pseudo-terminals")
def test_a_board_is_offered_until_it_is_interrupted(accel, tmp_path):
    link, told = tmp_path / "board", tmp_path / "told.json"
    words = ["board-sim", *CORE, "--link", link, "--json", told]
    process = subprocess.Popen(
        [sys.executable, "-m", "accel", *map(str, words)], stdout=subprocess.PIPE, text=True
    )
    try:
        for line in process.stdout:
            if line.startswith("Next: "):
                break
        assert line.rstrip() == f"Next: accel selftest --board icebreaker --port {link}"
        code, output, errors = accel("selftest", *CORE, "--port", link, "--only", "requantizer")
        assert code == 0, output + errors
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 130  # as of every command that is interrupted
    finally:
        process.kill()
        process.wait()
    assert not link.is_symlink()
    answer = json.loads(told.read_text())
    assert (answer["board"], answer["link"], answer["uart"]) == ("icebreaker", str(link), False)


def test_the_flash_of_a_simulated_board_is_a_file_for_a_core_that_reads_one(tmp_path):
    file = tmp_path / "program.bin"
    file.write_bytes(b"anything")
    with_flash = CONFIG.replace(flash_lanes=4)
    assert read_flash(file, with_flash) == b"anything"
    assert read_flash(None, CONFIG) == b""
    with pytest.raises(
        UnusableFlash, match=r"^--flash is for a core that reads a flash, .*; leave"
    ):
        read_flash(file, CONFIG)
    with pytest.raises(UnusableFlash, match=r"none: cannot be read: No such file .*; give a prog"):
        read_flash(Path(tmp_path / "none"), with_flash)
    file.write_bytes(b"")
    with pytest.raises(UnusableFlash, match=r"has 0 bytes; a flash holds 1 to "):
        read_flash(file, with_flash)
