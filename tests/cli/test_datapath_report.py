"""``accel datapath report``: formats and elements beside the board's own core."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import accel
from accel.cli import app
from accel.explore import work

DIGITS = Path(__file__).resolve().parents[2] / "examples/digits"
INT8, INT4 = DIGITS / "digits_int8.tflite", DIGITS / "digits_int4.tflite"


@pytest.fixture
def built(monkeypatch):
    """Place and route that takes no time."""
    cores = []

    def routed(point, seeds):
        cores.append(point)
        used = {"LC": 4000 + len(cores), "DSP": 8, "EBR": 17}
        runs = [{"seed": seed, "signed_off": 40.0} for seed in seeds]
        fmax = {"median": 40.0, "seeds": runs}
        return {"used": used, "fmax_mhz": fmax, "critical_path": None, "tools": [], "problem": None}

    monkeypatch.setattr(work, "routed", routed)
    return cores


def run(*arguments) -> str:
    done = CliRunner().invoke(app, ["datapath", "report", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def test_each_core_has_what_was_built_and_what_the_networks_take(tmp_path, built):
    file, page = tmp_path / "report.json", tmp_path / "report.html"
    options = ["--model", INT8, "--model", INT4, "--data", DIGITS / "test_images.npz"]
    told = run("int8_int4", "booth", *options, "--seeds", 2, "--json", file, "--html", page)
    rows = json.loads(file.read_text())["cores"]
    assert [row["name"] for row in rows] == [
        "int8, multiplier",
        "int8_int4, multiplier",
        "int8, booth",
    ]
    assert len(built) == 3
    own = rows[0]["networks"]["digits_int8"]
    report = accel.compile(INT8, board="icebreaker").report()
    assert own["cycles"] == report.cycles
    assert own["latency_ms"] == pytest.approx(report.cycles / 40e3, abs=1e-6)
    assert own["accuracy"] > 0.95
    assert own["energy_uj"] > 0
    narrow = rows[1]["networks"]
    assert "outside -8..7" in narrow["digits_int8"]["problem"]
    assert "digits_int8.tflite: cannot be used, for 2 reasons: operators 0, 2, 4 and" in told
    wide = rows[0]["networks"]["digits_int4"]
    assert narrow["digits_int4"]["program_bytes"] < wide["program_bytes"]
    assert narrow["digits_int4"]["accuracy"] == wide["accuracy"]
    assert all(row["name"] in page.read_text() for row in rows)


def test_without_seeds_nothing_is_built(built):
    assert "booth" in run("booth", "--seeds", 0)
    assert built == []


def test_a_core_that_does_not_fit_says_why(built):
    told = run("booth", "--cols", 32, "--model", INT8)
    assert "too small for this core" in told
    assert all("booth" in str(point) for point in built)


def test_a_name_that_is_neither_is_refused():
    done = CliRunner().invoke(app, ["datapath", "report", "abacus"])
    assert done.exit_code == 2
    assert "must be one of binary, int4, int8" in " ".join(done.output.split())
