"""``accel.compile`` and what it returns say what they are, and let go of what they hold."""

import html
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import accel
from accel.config import AcceleratorConfig
from accel.pictures.pages import run_page
from accel.results import Layer, Report, Result

MODEL = Path(__file__).parents[1] / "examples/digits/digits_int8.tflite"
INPUTS = np.zeros((2, 8, 8, 1), np.int8)


@pytest.fixture(scope="module")
def program():
    with accel.compile(MODEL, board="icebreaker") as program:
        yield program


def test_a_with_block_closes_what_the_executors_hold():
    class Core:
        closed = False

        def close(self):
            self.closed = True

    core = Core()
    with (
        pytest.raises(RuntimeError, match=r"^of the block$"),
        accel.compile(MODEL, board="icebreaker") as program,
    ):
        assert isinstance(program, accel.Program)
        assert program.session.core("some", lambda: core) is core
        raise RuntimeError("of the block")
    assert core.closed
    assert program.run(INPUTS).output.shape == (2, 10)


def test_a_program_says_what_it_is_in_a_line(program):
    layers, size = len(program.code.commands), program.code.size_bytes
    assert repr(program) == (
        f"<Program digits_int8: {layers} layers for the 4x4 int8 core of icebreaker, "
        f"{size:,} bytes, contract tflm>"
    )
    alone = accel.compile(MODEL, config=program.config)
    assert "layers for a 4x4 int8 core, " in repr(alone)


def test_results_reports_and_layers_say_what_they_are_in_a_line(program):
    result = program.run(INPUTS)
    report = result.report
    summary = (
        f"{len(report.layers)} layers, {report.cycles:,} cycles by the model, "
        f"{report.utilization:.0%} of the peak"
    )
    ((name, array),) = result.outputs.items()
    assert repr(result) == f"<Result of 2 samples: {name} {array.dtype} [2, 10]; {summary}>"
    assert repr(report) == f"<Report digits_int8: {summary}>"
    first = report.layers[0]
    assert repr(first) == (
        f"<Layer {first.name}: {first.mode}, {first.macs:,} MACs, {first.cycles_model:,} cycles "
        f"by the model, {first.utilization:.0%} of the peak>"
    )


def test_counted_cycles_are_called_so(program):
    layer = program.report().layers[0]
    counted = Layer(**{**vars(layer), "cycles": 1234})
    assert ", 1,234 cycles counted, " in repr(counted)


def test_notebooks_show_every_layer_and_its_cycles(program):
    report = program.report()
    shown = program._repr_html_()
    assert shown == report._repr_html_()
    assert shown.count("<tr>") == 1 + len(report.layers)
    for layer in report.layers:
        assert f"<td>{html.escape(layer.name)}</td>" in shown
        assert f"<td>{layer.cycles_model:,}</td>" in shown
    result = program.run(INPUTS)
    assert result._repr_html_().endswith(result.report._repr_html_())
    assert "<td>[2, 10]</td>" in result._repr_html_()


def test_names_of_files_are_shown_and_not_obeyed(program):
    name = "<script>\x1b[2J"
    layer = Layer(**{**vars(program.report().layers[0]), "name": name, "node": name})
    report = Report(
        program=program, executor=None, samples=0, layers=(layer,), counters=(), inexact=()
    )
    assert "\x1b" not in repr(layer)
    assert "<script>" not in report._repr_html_() and "\x1b" not in report._repr_html_()
    result = Result(outputs={name: INPUTS}, layers={}, report=report)
    assert "\x1b" not in repr(result)
    assert "<script>" not in result._repr_html_()


def test_nodes_outputs_and_layers_of_the_core_are_two_things(program):
    result = program.run(INPUTS, layers=True)
    assert {layer.node for layer in result.report.layers} <= set(result.layers)
    assert all(isinstance(array, np.ndarray) for array in result.layers.values())
    assert all(isinstance(layer, Layer) for layer in result.report.layers)


def test_dir_has_what_there_is_to_use_and_loads_nothing():
    code = (
        "import accel, sys\n"
        "names = [n for n in dir(accel) if not n.startswith('__')]\n"
        "assert names == sorted(n for n in accel.__all__ if n != '__version__'), names\n"
        "assert '__version__' in dir(accel) and '__doc__' in dir(accel)\n"
        "assert 'numpy' not in sys.modules and 'accel.api' not in sys.modules\n"
        "for name in accel.__all__: getattr(accel, name)\n"
        "from accel import *\n"
        "assert Program is accel.api.Program\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match=r"^module 'accel' has no attribute 'nothing'$"):
        _ = accel.nothing


def test_a_layer_that_waits_for_the_flash_is_called_so_wherever_layers_are_shown():
    config = AcceleratorConfig(bank_words=1024, flash_lanes=1)
    with accel.compile(MODEL, config=config) as program:
        report = program.report()
        assert {layer.flash_bound for layer in report.layers} == {True, False}
        bound = [layer.name for layer in report.layers if layer.flash_bound]
        assert [one["name"] for one in report.as_dict()["layers"] if one["flash_bound"]] == bound
        for shown in (report._repr_html_(), run_page(report)):
            assert shown.count("flash-bound") == len(bound)
