"""Pages open in a real browser: every chart is drawn, and the console has nothing to say."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import accel
from accel import boards
from accel.cli import app
from accel.pictures.page import Section, Table, render
from accel.pictures.pages import build_page, network_page, run_page
from tests.support.browser import Browser, find_browser

DIGITS = Path(__file__).parents[2] / "examples/digits/digits_int8.tflite"
RECORDS = json.loads(Path(boards.__file__).with_name("results.json").read_text())


def build_report() -> dict:
    """What ``report.json`` says, from a recorded build."""
    record = dict(RECORDS["icebreaker"])
    board = boards.get("icebreaker")
    sizes = {name: max(board.resources.get(name, 0), n) for name, n in record["used"].items()}
    return {
        **record,
        "board": "icebreaker",
        "utilization": {
            name: {"used": n, "available": sizes[name]} for name, n in record["used"].items()
        },
        "worst_paths": [record["critical_path"], "register <a> to register b"],
        "tools": [{"name": name, "version": v} for name, v in record["tools"].items()],
    }


@pytest.fixture(scope="module")
def report():
    return accel.compile(DIGITS, board="icebreaker").report()


PAGES = {
    "run": (lambda report: run_page(report, 33.0), 3),
    "network": (network_page, 0),
    "build": (lambda report: build_page(build_report()), 2),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_and_draws_all_its_charts_without_a_console_error(name, report, tmp_path):
    make, charts = PAGES[name]
    file = tmp_path / "page.html"
    file.write_text(make(report))
    seen = Browser(find_browser()).open(file)
    assert seen.console == []
    assert len(re.findall(r'class="main-svg"[^>]*>(?!</svg>)', seen.document)) >= charts
    assert seen.document.count('id="chart-') == charts
    assert seen.colors > 20  # of the screenshot: an empty page has few


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_for_nothing_from_elsewhere(name, report):
    page = PAGES[name][0](report)
    outside = re.compile(r"""<(?:script|img|iframe|link)[^>]*\b(?:src|href)=["']?(?!data:)[^"'>]""")
    assert outside.search(re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)) is None


def test_a_broken_page_is_noticed(tmp_path):
    file = tmp_path / "page.html"
    file.write_text("<script>Plotly.nothing()</script>")
    assert any("Plotly" in line for line in Browser(find_browser()).open(file).console)


def test_what_comes_from_files_is_escaped():
    bad = "<img src=x onerror=alert(1)>"
    sections = [
        Section(title=bad, content=[bad], explanation=bad),
        Section(title="", content=Table(headings=[bad, ">n"], rows=[[bad, bad]])),
    ]
    page = render(bad, {bad: bad}, sections)
    assert "<img" not in page


def test_names_of_layers_cannot_bring_markup_into_charts_or_drawing(report, tmp_path):
    from dataclasses import replace

    bad = "</script><img src=x onerror=alert(1)>"
    layers = tuple(replace(layer, name=bad) for layer in report.layers)
    page = run_page(replace(report, layers=layers))
    assert "<img" not in page
    assert page.count("</script>") == page.count("<script")


def test_show_writes_a_page_that_has_every_node(tmp_path, report):
    output = tmp_path / "digits.html"
    done = CliRunner().invoke(app, ["show", str(DIGITS), "-o", str(output)])
    assert done.exit_code == 0, done.output
    page = output.read_text()
    assert all(f"{node.name} ·" in page for node in report.program.code.graph)
