"""Formats and elements of installed packages are found by name, and a broken one is named alone."""

import re
import subprocess
import sys

import pytest

import accel
from accel.config import AcceleratorConfig
from accel.core.pe import ELEMENTS, element_of, serving
from accel.discovery import BrokenExtension
from accel.errors import UserError
from accel.numeric.formats import FORMATS
from accel.target import resources
from tests.support.extensions import register

BUILTIN = tuple(FORMATS.builtin)
MODULE = """
from amaranth.hdl import Module
from accel.datapath import NumberFormat, ProcessingElement

FORMAT = NumberFormat(title="int8 x int3", weight_bits=3)

class Element(ProcessingElement):
    "Products of three bits."
    latency = 1
    format = "int8_int3"

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.p.eq(self.a * self.b)
        return m
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of installed packages."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and name.startswith("own_"):
            del sys.modules[name]


def test_a_package_adds_a_format_and_an_element_that_bring_each_other(site):
    (site / "own_datapath.py").write_text(MODULE)
    points = {
        "accel.formats": {"int8_int3": "own_datapath:FORMAT"},
        "accel.elements": {"three": "own_datapath:Element"},
    }
    register(site, "own-datapath", points)
    assert tuple(FORMATS) == (*BUILTIN, "int8_int3")
    assert len(FORMATS) == len(BUILTIN) + 1
    assert "three" in ELEMENTS
    assert ELEMENTS["three"].title == "Products of three bits."
    config = resources.configure(None, element="three")
    assert (config.format, element_of(config)) == ("int8_int3", ELEMENTS["three"])
    config = resources.configure(accel.boards.get("ulx3s_25f"), format="int8_int3")
    assert config.element == "three"
    assert serving(config) == ["three", "multiplier", "packed"]
    assert config.weight_steps % (2 * config.steps_per_weight_row) == 0


def test_what_is_uninstalled_is_gone(site):
    assert tuple(FORMATS) == BUILTIN
    assert "int8_int3" not in FORMATS


WIDE = """
from accel.datapath import NumberFormat
FORMAT = NumberFormat(title="wide", weight_bits=2, weights=range(5))
"""
BROKEN = {
    "raises": ("raise RuntimeError('no licence')", "its import raised RuntimeError: no licence"),
    "ends": ("raise SystemExit('bye')", "its import raised SystemExit: bye"),
    "lacks": ("", "its import raised AttributeError: "),
    "another": ("FORMAT = 4", "its import raised TypeError: it holds a int, not a NumberFormat"),
    "ranges": (
        WIDE,
        "Number format 'wide': 5 weights do not fit 2 bits, which hold 4; use 3 bits or fewer",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_an_entry_point_that_cannot_be_used_is_named_and_breaks_nothing_else(site, kind):
    source, why = BROKEN[kind]
    (site / f"own_{kind}.py").write_text(source)
    register(site, f"own-{kind}", {"accel.formats": {"broken": f"own_{kind}:FORMAT"}})
    with pytest.raises(BrokenExtension) as caught:
        AcceleratorConfig(format="broken")
    said = str(caught.value)
    place = (
        f"number format 'broken' of the package own-{kind} 1.0 (accel.formats: own_{kind}:FORMAT)"
    )
    assert said.startswith(f"{place} cannot be used: {why}")
    assert isinstance(caught.value, UserError)
    # Others are as they were, and the broken one is among the names.
    assert "broken" in FORMATS
    assert AcceleratorConfig(format="int8_int4").number_format is FORMATS["int8_int4"]
    assert {"multiplier", "booth"} <= set(serving(AcceleratorConfig()))


def test_a_name_of_two_packages_is_used_of_neither(site):
    (site / "own_datapath.py").write_text(MODULE)
    for name in ("own-first", "own-second"):
        register(site, name, {"accel.formats": {"int8_int3": "own_datapath:FORMAT"}})
    message = (
        "number format 'int8_int3' is in the package own-first 1.0 and the package own-second 1.0; "
        "uninstall all but one, or rename one"
    )
    with pytest.raises(BrokenExtension) as caught:
        AcceleratorConfig(format="int8_int3")
    assert re.sub(r"own-second (.*) own-first", r"own-first \1 own-second", str(caught.value)) == (
        message
    )


def test_ours_come_before_those_of_the_same_name(site):
    (site / "own_datapath.py").write_text(MODULE)
    register(site, "own-datapath", {"accel.formats": {"int8": "own_datapath:FORMAT"}})
    assert FORMATS["int8"].weight_bits == 8
    assert tuple(FORMATS) == BUILTIN


def test_one_board_is_looked_up_without_importing_the_others():
    code = (
        "import sys; from accel import boards; boards.get('icebreaker'); "
        "print(*(m for m in sys.modules if m.startswith('accel.boards.') and '._' not in m))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["accel.boards.icebreaker"]
