"""``accel explore`` and ``accel estimate``: what users can get wrong is told before the work
begins."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from accel.cli import app

DIGITS = str(Path(__file__).resolve().parents[2] / "examples/digits/digits_int8.tflite")

WRONG = {
    "no feasible point": (["--rows", "16", "--cols", "16"], "None of the 1 points can be built"),
    "a board that does not exist": (["-b", "icebraker"], "icebreaker"),
    "a value that is no number": (["--rows", "4,x"], "must be an integer"),
    "an unknown name": (["--set", "speed=3"], "--set must be NAME=VALUE"),
    "a name twice": (["--rows", "2,4", "--set", "rows=2"], "each name once"),
    "data that are none": (["--data", DIGITS], "is no .npz file"),
    "a dead scheduler": (["--dask", "tcp://127.0.0.1:9"], "no scheduler answers"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_and_nothing_is_written(name, tmp_path, monkeypatch):
    monkeypatch.setattr("accel.explore.executors._WAIT_SECONDS", 1)
    options, message = WRONG[name]
    done = CliRunner().invoke(app, ["explore", DIGITS, "-o", str(tmp_path / "sweep"), *options])
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())
    assert not (tmp_path / "sweep/explore.json").exists()


def test_an_output_that_is_a_file_is_told(tmp_path):
    (tmp_path / "sweep").write_text("")
    done = CliRunner().invoke(app, ["explore", DIGITS, "-o", str(tmp_path / "sweep")])
    assert done.exit_code == 2
    assert "cannot be written" in done.output


def test_estimate_says_the_compilers_cycles_and_what_is_too_large(tmp_path):
    file = tmp_path / "estimate.json"
    done = CliRunner().invoke(app, ["estimate", DIGITS, "--json", str(file)])
    assert done.exit_code == 0, done.output
    answer = json.loads(file.read_text())
    import accel

    cycles = accel.compile(DIGITS, board="icebreaker").report().cycles
    assert answer["networks"]["digits_int8"]["cycles"] == cycles
    assert answer["fits"]
    done = CliRunner().invoke(app, ["estimate", "--rows", "8", "--cols", "8", "--json", str(file)])
    assert done.exit_code == 0, done.output
    answer = json.loads(file.read_text())
    assert not answer["fits"]
    assert "DSP" in answer["problems"][0]
