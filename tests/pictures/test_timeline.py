"""A timeline says what the counters say, to the cycle."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import accel
from accel.cli import app
from accel.pictures.timeline import timeline

DIGITS = Path(__file__).parents[2] / "examples/digits/digits_int8.tflite"
CLOCK = 33.0


def slices(trace, thread):
    return [e for e in trace["traceEvents"] if e["ph"] == "X" and e["tid"] == thread]


@pytest.fixture(scope="module")
def report():
    return accel.compile(DIGITS, board="icebreaker").report()


def test_layers_follow_each_other_without_a_gap_for_all_cycles(report):
    trace = timeline(report, CLOCK)
    layers = slices(trace, 1)
    assert [e["name"] for e in layers] == [layer.name for layer in report.layers]
    cycles = [e["args"]["cycles"] for e in layers]
    assert cycles == [layer.cycles_model for layer in report.layers]
    assert sum(cycles) == trace["otherData"]["cycles"] == report.cycles
    for one, after in pairwise(layers):
        assert after["ts"] == pytest.approx(one["ts"] + one["dur"])
    assert layers[0]["dur"] * CLOCK == pytest.approx(cycles[0])


def test_what_a_layer_spends_adds_up_to_it(report):
    trace = timeline(report, CLOCK)
    assert sum(e["args"]["cycles"] for e in slices(trace, 2)) == report.cycles


def test_a_run_in_rtl_is_drawn_from_the_cores_own_counters(tmp_path):
    data = np.load(DIGITS.with_name("test_images.npz"))["x"][:1]
    np.save(tmp_path / "x.npy", data)
    files = {name: tmp_path / name for name in ("x.npy", "y.npy", "run.html", "run.json")}
    arguments = ["run", str(DIGITS), "-i", str(files["x.npy"]), "-o", str(files["y.npy"])]
    arguments += ["-e", "rtl", "--html", str(files["run.html"]), "--trace", str(files["run.json"])]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    trace = json.loads(files["run.json"].read_text())
    assert trace["otherData"]["source"] == "counted by the core"
    assert "counted by the core" in files["run.html"].read_text()
