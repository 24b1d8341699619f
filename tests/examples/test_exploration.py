"""The examples of exploring and of reading a report: their commands do what they say."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from accel.cli import app
from accel.explore import work

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def commands(example: str) -> list[list[str]]:
    """The indented commands of an example's README, without the program's name."""
    text = (EXAMPLES / example / "README.md").read_text()
    found = re.findall(r"^    accel (.*)$", text, re.MULTILINE)
    return [[word.replace("../", f"{EXAMPLES}/") for word in shlex.split(line)] for line in found]


def run(arguments: list[str]) -> str:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def built(monkeypatch):
    """Place and route in the blink of an eye, in this process."""
    import contextlib
    from concurrent.futures import ThreadPoolExecutor

    from accel.explore import executors

    points = []

    def routed(point, seeds):
        points.append(point)
        used = {"LC": 4000 + len(points), "LUT": 9000}
        fmax = {"median": 40.0, "seeds": [{"seed": s, "signed_off": 40.0} for s in seeds]}
        path = "register a to register b"
        return {"used": used, "fmax_mhz": fmax, "critical_path": path, "tools": [], "problem": None}

    @contextlib.contextmanager
    def threads(jobs):
        with ThreadPoolExecutor(jobs) as executor:
            yield executor

    monkeypatch.setattr(work, "routed", routed)
    monkeypatch.setattr(executors, "local", threads)
    return points


def fronts_of(summary: dict) -> list[int]:
    """Indices of the points on any board's front."""
    assert summary["fronts"]
    return [i for front in summary["fronts"] for i in front["points"]]


def test_exploration(tmp_path, monkeypatch, built):
    monkeypatch.chdir(tmp_path)
    estimate, first, second = commands("exploration")
    assert "Fmax about" in run(estimate)
    run(first)
    kept = (tmp_path / "sweep/points.jsonl").read_text()
    summary = json.loads((tmp_path / "sweep/explore.json").read_text())
    assert len(summary["points"]) == 2 * 3 * 3 * 2
    assert not any(point.get("routed") for point in summary["points"])
    assert all(summary["points"][i]["accuracy"] > 0.9 for i in fronts_of(summary))
    output = run(second)
    assert "3 placed and routed" in output
    assert len(built) == 3
    assert (tmp_path / "sweep/points.jsonl").read_text().startswith(kept)
    summary = json.loads((tmp_path / "sweep/explore.json").read_text())
    assert all(summary["points"][i]["routed"] for i in fronts_of(summary))
    assert "Pareto" in (tmp_path / "sweep/explore.html").read_text() or summary["fronts"]


def test_reading_a_report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "x.npy", np.load(EXAMPLES / "digits/test_images.npz")["x"][:1])
    for command in commands("reports"):
        run(command)
    page = (tmp_path / "digits.html").read_text()
    text = (EXAMPLES / "reports/README.md").read_text()
    sections = re.findall(r"^- \*\*([A-Z][\w ]+)\*\*:", text, re.MULTILINE)
    assert len(sections) == 5
    assert all(f"<h2>{section}</h2>" in page for section in sections)
    assert "counted by the core" in (tmp_path / "run.html").read_text()
    assert json.loads((tmp_path / "run.json").read_text())["traceEvents"]
