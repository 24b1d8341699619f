"""``accel fit``: a table, what was compiled, and the command last; or a certificate."""

import json
import shlex

import numpy as np
import pytest

from accel.host.timing.inference import Timing

from .conftest import MODEL

_OF_TIMING = ("core_ms", "latency_ms", "load_ms", "baud", "line_bytes")


def _period(told):
    return 1e3 / told["best"]["throughput"]


def test_the_last_line_is_a_command_that_works(accel, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, output, errors = accel("fit", MODEL, "--board", "ulx3s_12f", "--json", "fit.json")
    assert code == 0, errors
    told = json.loads((tmp_path / "fit.json").read_text())
    command = output.splitlines()[-1]
    assert command == told["command"]
    assert f"{told['best']['cycles']:,} cycles" in output
    program, *words = shlex.split(command)
    assert program == "accel"
    timing = Timing(**{name: told["best"][name] for name in _OF_TIMING}, period_ms=_period(told))
    assert str(timing) in output
    code, output, errors = accel(*words)
    assert code == 0, errors
    assert f"{told['best']['cycles']:,} cycles" in output
    _, output, _ = accel("check", *words[1 : words.index("-o")])
    assert str(timing) in output
    config = json.loads((tmp_path / "program/layers.json").read_text())
    assert config


def test_its_options_serve_run(accel, tmp_path, digits, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, output, _ = accel("fit", MODEL, "--board", "tinyfpga_bx")
    _, _, model, *options = shlex.split(output.splitlines()[-1])
    options = options[: options.index("-o")]
    code, _, errors = accel("run", model, *options, "-i", digits, "-o", "y.npy")
    assert code == 0, errors
    code, _, _ = accel("run", model, "-i", digits, "-o", "z.npy", "-e", "reference")
    assert np.array_equal(np.load("y.npy"), np.load("z.npy"))


@pytest.mark.parametrize("limit", [("--ms", "0.001"), ("--uj", "0.01")])
def test_what_is_not_possible_ends_with_2_and_a_certificate(accel, tmp_path, limit):
    path = tmp_path / "fit.json"
    code, output, _ = accel("fit", MODEL, *limit, "--json", path)
    assert code == 2
    certificate = json.loads(path.read_text())["certificate"]
    assert certificate["needed"] > certificate["there"] == float(limit[1])
    assert "No configuration of icebreaker runs digits_int8:\n" in output
    assert "compiled, it takes" in output


def test_a_refusal_of_another_command_ends_with_a_command(refused, accel, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = ("--board", "icebreaker", "--set", "bank_words=256", "--set", "flash_lanes=0")
    for command in ("compile", "show"):
        message = refused(command, MODEL, *small, "-o", "out")
        last = message.splitlines()[-1]
        assert last.startswith(f"accel compile {MODEL} --board icebreaker")
    code, _, errors = accel(*shlex.split(last)[1:])
    assert code == 0, errors


def test_a_core_that_is_too_large_is_told_with_one_that_fits(refused, tmp_path):
    message = refused("build", "--board", "icebreaker", "--cols", "8", "-o", tmp_path / "build")
    assert message.splitlines()[-1].startswith("accel build --board icebreaker")


def test_check_ends_with_the_command_and_a_screen_for_all_boards(accel):
    small = ("--set", "bank_words=256", "--set", "flash_lanes=0")
    code, output, _ = accel("check", MODEL, "--board", "icebreaker", *small)
    assert code == 2
    assert f"\n  accel compile {MODEL} --board icebreaker" in output
    code, output, _ = accel("check", MODEL, *small)
    assert code == 2
    assert len(output.splitlines()) <= 60
    assert output.count(f"accel compile {MODEL} --board") <= 8
