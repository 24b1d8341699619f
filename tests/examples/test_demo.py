"""The front page's picture is what the demo prints."""

import importlib.util
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from accel.boards import get

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "examples" / "demo" / "demo.svg"
BUILT = "Build the bitstream"


def drawing():
    """The script that draws it, as a module."""
    spec = importlib.util.spec_from_file_location("draw_demo", PICTURE.with_name("draw.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines_of(svg: str) -> list[str]:
    """The text of a picture, line by line."""
    by_line: dict[str, list[tuple[float, str]]] = {}
    for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
        text = (element.text or "").replace("\N{NO-BREAK SPACE}", " ").strip("\n")
        by_line.setdefault(element.get("y"), []).append((float(element.get("x")), text))
    return ["".join(text for _, text in sorted(parts)).rstrip() for parts in by_line.values()]


@pytest.mark.xdist_group("icebreaker")
def test_the_picture_has_what_the_demo_prints_now(tmp_path):
    draw = drawing()
    now = lines_of(draw.picture(draw.demo("--no-build", folder=str(tmp_path))))
    shown = lines_of(PICTURE.read_text())
    until = shown.index(BUILT)
    assert [line for line in shown[:until] if line] == [line for line in now if line]
    assert "  RTL: 50 images, 245,800 elements of all layers, 0 differ" in shown
    assert any(re.search("label 1, answer 1", line) for line in shown)


def test_the_fit_in_the_picture_is_that_of_the_recorded_build():
    recorded = json.loads((ROOT / "boards" / "results.json").read_text())["icebreaker"]
    built = get("icebreaker").seeds[0]
    (first,) = (seed for seed in recorded["fmax_mhz"]["seeds"] if seed["seed"] == built)
    text = "\n".join(lines_of(PICTURE.read_text()))
    assert f"signed-off Fmax {first['signed_off']:.1f} MHz" in text
    assert re.search(rf"LC +│ +{recorded['used']['LC']} │", text)
    assert f"Clock {recorded['clock_mhz']:g} MHz, met" in text
