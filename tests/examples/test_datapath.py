"""The datapath tutorial in a package of its own: short, exact where it says so, and found by
name."""

import sys
from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import Signal

import accel as project
from accel.core.pe import element_of
from accel.sim.rtl import compiled
from tests.cli.conftest import accel  # noqa: F401 -- a fixture
from tests.support.extensions import install

FOLDER = Path(__file__).resolve().parents[2] / "examples/datapath"
DIGITS = FOLDER.parent / "digits"
README = (FOLDER / "README.md").read_text()
MOST_LINES, FEW_LINES = 60, 30


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder with both packages installed, on the path."""
    folder = tmp_path / "site"
    folder.mkdir()
    for package in ("number_format", "approximate"):
        install(FOLDER / package, folder)
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in ("int8_shift3", "truncated"):
        sys.modules.pop(name, None)


def digits():
    with np.load(DIGITS / "test_images.npz") as archive:
        return archive["x"], archive["y"]


def test_a_format_with_its_element_takes_few_lines():
    text = (FOLDER / "number_format/int8_shift3.py").read_text()
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) <= FEW_LINES < MOST_LINES


def test_the_tutorials_commands_say_what_it_says(site, accel, tmp_path):  # noqa: F811
    code, output, _ = accel("datapath", "list")
    assert code == 0
    assert "int8_shift3" in output
    assert "truncated" in output
    code, output, errors = accel("datapath", "check", "shift3", "--json", tmp_path / "claims.json")
    assert code == 0, errors
    assert output.endswith("shift3 is what it states.\n")
    assert '"holds": false' not in (tmp_path / "claims.json").read_text()
    code, output, _ = accel(
        "check", DIGITS / "digits_int4.tflite", "--board", "icebreaker", "--pe", "shift3"
    )
    assert code == 0
    assert "every channel proved exact" in output


def test_the_format_of_three_bits_runs_the_4_bit_digits_exactly(site):
    config = project.configuration("icebreaker", element="shift3")
    program = project.compile(DIGITS / "digits_int4.tflite", config=config)
    x, _ = digits()
    expected = program.run(x, "reference").output
    np.testing.assert_array_equal(program.run(x, "machine").output, expected)


def test_the_approximate_multiplier_has_the_readmes_accuracy(site, accel):  # noqa: F811
    x, y = digits()
    model = DIGITS / "digits_int8.tflite"
    for element, shown in ((None, "exact products"), ("truncated", "`truncated`")):
        config = project.configuration("icebreaker", element=element)
        program = project.compile(model, config=config)
        assert config.number_format.exact == (element is None)
        assert program.report().as_dict()["products_exact"] == (element is None)
        right = (program.run(x, "machine").output.argmax(axis=1) == y).mean()
        assert f"| int8, {shown} | {100 * right:.2f} % |" in README
    code, output, _ = accel("check", model, "--board", "icebreaker", "--pe", "truncated")
    assert code == 0
    assert "products are those of int8 x int8 less 4 bits, not exact ones: no contract" in output


def test_the_approximate_element_is_what_it_states(site):
    from accel.datapath import _ports, _products
    from accel.datapath.conformance import configurations

    (config,) = configurations("truncated")
    assert _ports.claim(config).problem == ""
    assert _products.claim(config).problem == ""


def test_compiled_rtl_is_not_mistaken_for_that_of_another_source(site, monkeypatch, tmp_path):
    """The name and the configuration are the same; what the user wrote is not."""
    monkeypatch.setenv("ACCEL_CACHE", str(tmp_path))
    made = []

    def compile(text, folder, *others):
        made.append(text)
        (folder / "core.so").write_bytes(b"")
        return folder / "core.so"

    monkeypatch.setattr(compiled, "_compile", compile)
    config = project.AcceleratorConfig(
        rows=2, columns=2, format="int8_shift3", element="shift3", bank_words=256, weight_steps=80
    )
    first, again = compiled.compiled(config), compiled.compiled(config)
    assert first == again
    kind = element_of(config).create(config, True).elements[0].__class__
    original = kind.elaborate

    def changed(self, platform):
        m = original(self, platform)
        m.d.sync += Signal(name="spare").eq(self.a[0])
        return m

    monkeypatch.setattr(kind, "elaborate", changed)
    assert compiled.compiled(config) != first
    assert len(made) == 2
