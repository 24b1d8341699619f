"""What pages and drawings show of the digits network is what they showed before.

A change that is wanted is looked at in a browser, and kept with ``--update-golden``.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import accel
from accel.pictures import page
from accel.pictures.exploration import exploration_page
from accel.pictures.network import drawing
from accel.pictures.pages import build_page, run_page
from accel.pictures.timeline import timeline

from .test_exploration_page import explored
from .test_pages import build_report

DIGITS = Path(__file__).parents[2] / "examples/digits"


@pytest.fixture(scope="module")
def report():
    return accel.compile(DIGITS / "digits_int8.tflite", board="icebreaker").report()


@pytest.fixture
def shown(golden, monkeypatch):
    """Holds a page to its golden file, without the library that draws it and its styles."""
    monkeypatch.setattr(page, "get_plotlyjs", lambda: "")

    def check(name: str, text: str) -> None:
        text = re.sub(r'"template": ?\{"data".*?"yaxis":\{.*?\}\}\}', '"template":{}', text)
        text = re.sub(r"-?\d+\.\d{7,}(e-?\d+)?", lambda found: f"{float(found[0]):.6g}", text)
        golden(name, re.sub(r",(?=[\"{\[])", ",\n", text))

    return check


def test_the_drawing_of_a_network(report, shown):
    shown("network.svg", str(drawing(report)))


def test_the_page_of_a_run(report, shown):
    inputs = np.load(DIGITS / "test_images.npz")["x"][:4]
    outputs = report.program.run(inputs, "reference").outputs
    shown("run.html", run_page(report, 33.0, outputs))


def test_the_page_of_a_build(shown):
    shown("build.html", build_page(build_report()))


def test_the_timeline(report, golden):
    golden("timeline.json", json.dumps(timeline(report, 33.0), indent=1))


def test_the_page_of_an_exploration(tmp_path, shown):
    points, fronts = explored(tmp_path, [4])
    shown("exploration.html", exploration_page("Cores", points, fronts))
