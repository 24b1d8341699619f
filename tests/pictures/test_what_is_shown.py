"""Charts and pages show what counts, where it counts: no false alarm, no chart of one, no
repetition."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import accel
from accel import boards
from accel.compiler.ir.graph import Tensor
from accel.pictures import charts
from accel.pictures.answers import answers_of, answers_of_classifier, real
from accel.pictures.colors import BLUE, RED, board_colors
from accel.pictures.exploration import exploration_page
from accel.pictures.network import drawing
from accel.pictures.pages import build_page, run_page
from accel.text import counted_lines
from tests.compiler.reports.test_fusion import residual
from tests.support.networks.tflite.operators import per_tensor

from .test_pages import build_report

DIGITS = Path(__file__).parents[2] / "examples/digits"


def test_only_logic_that_is_nearly_full_is_an_alarm():
    used = {"LC": 4_900, "DSP": 8, "PLL": 1, "SPRAM": 4, "EBR": 30, "LUT": 91, "FF": 10}
    there = {"LC": 5_280, "DSP": 8, "PLL": 1, "SPRAM": 4, "EBR": 30, "LUT": 100, "FF": 100}
    (bars,) = charts.fit(used, there).data
    colors = dict(zip(bars.y, bars.marker.color, strict=True))
    assert {name for name, color in colors.items() if color == RED} == {"LC", "LUT"}
    assert colors["DSP"] == colors["PLL"] == BLUE


def with_seeds(count: int) -> dict:
    report = build_report()
    seeds = [{"seed": s, "signed_off": 30.0 + s, "nextpnr": 33.0} for s in range(1, count + 1)]
    return {**report, "fmax_mhz": {**report["fmax_mhz"], "seeds": seeds}}


def test_one_seed_is_no_chart_but_a_line():
    one, two = build_page(with_seeds(1)), build_page(with_seeds(2))
    assert "Fmax over seeds" in two and "of all seeds" in two
    assert "Fmax over seeds" not in one and "of all seeds" not in one
    assert "MHz, of one seed" in one
    assert (one.count('id="chart-'), two.count('id="chart-')) == (1, 2)


def test_a_build_shows_which_module_takes_the_logic():
    modules = {f"core.m{n}": {"logic": 100 - n, "registers": 1} for n in range(20)}
    page = build_page({**build_report(), "modules": modules})
    assert "Which module takes the logic" in page
    assert "core.m11" in page and "core.m12" not in page
    assert "8 others" in page
    assert "Which module" not in build_page(build_report())  # a record of earlier


def test_every_board_has_a_colour_of_its_own_wherever_it_stands():
    colors = board_colors([])
    assert colors.keys() == boards.BOARDS.keys()
    assert len(set(colors.values())) == len(colors)
    more = board_colors(["mine:Board", "icebreaker"])
    assert colors.items() <= more.items()
    assert more["mine:Board"] not in colors.values()


def point(board: str, rows: int) -> dict:
    return {
        "point": {"board": board},
        "configuration": {
            "rows": rows,
            "columns": 4,
            "format": "int8",
            "element": "multiplier",
            "requantizers": 1,
        },
        "problem": None,
        "routed": False,
        "used": {"LC": 1_000 * rows},
        "core_ms": 1 / rows,
        "link_ms": 2.0,
        "throughput": 400.0,
        "time": "a time",
        "fmax_mhz": 30.0,
        "cycles": {"n": 100},
        "energy_uj": None,
        "accuracy": None,
    }


def front(board: str, *points: int) -> dict:
    return {
        "board": board,
        "objectives": ["latency", "logic"],
        "left_out": [],
        "points": list(points),
    }


def test_an_exploration_has_a_board_in_one_colour_in_all_charts():
    names = ("icebreaker", "ulx3s_85f")
    points = [point(name, rows) for name in names for rows in (2, 4)]
    page = exploration_page("x", points, [front("icebreaker", 0), front("ulx3s_85f", 2)])
    assert page.count('id="chart-') == 3  # all boards, and each
    for name in names:
        assert page.count(f'"color":"{board_colors([])[name]}","line"') >= 1
        # In the chart of all boards and in its own, a marker and its line each.
        assert page.count(board_colors([])[name]) >= 4


def test_one_core_is_no_chart():
    page = exploration_page("x", [point("icebreaker", 2)], [front("icebreaker", 0)])
    assert 'id="chart-' not in page
    assert "icebreaker: the front" in page


def test_reasons_alike_are_counted():
    lines = counted_lines(
        [("a", "too\nlarge:\n  by far"), ("b", "other"), ("c", "too\nlarge:\nby far")]
    )
    assert lines == ["a; c: too; large: by far", "b: other"]


@pytest.fixture(scope="module")
def fused():
    return accel.compile(residual()).report()


def test_the_cost_of_fused_operators_stands_at_the_first(fused):
    svg = str(drawing(fused))
    cycles = fused.layers[2].cycles_model
    assert f"n2 · CONV2D: 5x6x4 · {fused.layers[2].mode} · {cycles:,} cycles" in svg
    assert "n3 · ADD: 5x6x4 · fused into n2" in svg


def test_a_bar_and_a_dot_have_all_layers_of_an_operator(fused):
    bars = charts.layer_bars(fused)
    assert {tuple(bar.y) for bar in bars.data} == {("1 n0", "2 n1", "3 n2+n3")}
    cycles = np.sum([bar.x for bar in bars.data], axis=0)
    assert np.allclose(cycles, [layer.cycles_model for layer in fused.layers])
    parts = tuple(replace(layer, node="n1") for layer in fused.layers)
    together = charts.layer_bars(replace(fused, layers=parts))
    assert {tuple(bar.y) for bar in together.data} == {("1 n1 (3 layers)",)}
    assert np.isclose(sum(bar.x[0] for bar in together.data), cycles.sum())


def test_dots_of_a_roofline_are_labelled(fused):
    dots = [trace for trace in charts.roofline(fused).data if "markers" in trace.mode]
    assert [list(trace.text) for trace in dots] == [["1 n0", "2 n1", "3 n2+n3"]]
    assert all(trace.mode == "markers+text" for trace in dots)


def test_labels_of_neighbours_stand_on_different_sides():
    dots = [charts._Dot(f"{n} a name", 10.0 + n / 100, 5.0, False) for n in range(4)]
    sides = charts._sides(dots, (3.0, 2.0))
    assert len(set(sides.values())) == 4


OUTPUT = Tensor(name="y", shape=(1, 1, 1, 3), dtype="int8", quantization=per_tensor(0.5, -128))


def test_answers_are_ordered_and_counted():
    codes = np.array([[[[-128, -126, -127]]], [[[5, 5, 1]]]], np.int8)
    answers = answers_of(OUTPUT, codes, labels=np.array([1, 1]), names=("a", "b", "c"))
    assert answers.top(0) == [(1, 1.0), (2, 0.5), (0, 0.0)]
    assert [index for index, _ in answers.top(1)] == [0, 1, 2]  # of equals the first
    assert (answers.right, answers.accuracy, answers.within(2)) == (1, 0.5, 1.0)
    assert answers.of_each_class() == [(1, 2, 1)]
    assert answers.name(2) == "c"


def test_an_output_that_is_a_picture_has_no_classes():
    assert answers_of(replace(OUTPUT, shape=(1, 4, 4, 3)), np.zeros((1, 4, 4, 3), np.int8)) is None


def test_an_output_that_is_a_class_is_one():
    tensor = Tensor(name="y", shape=(1,), dtype="int32", quantization=None)
    answers = answers_of(tensor, np.array([2, 0], np.int32), labels=np.array([2, 3]))
    assert (answers.right, answers.classes) == (1, 4)


def test_codes_stand_for_numbers():
    assert real(OUTPUT, np.array([-128, -126], np.int8)).tolist() == [0.0, 1.0]


def test_the_page_of_a_run_shows_the_run():
    program = accel.compile(DIGITS / "digits_int8.tflite", board="icebreaker")
    with np.load(DIGITS / "test_images.npz") as archive:
        x, y = archive["x"][:40], archive["y"][:40]
    result = program.run(x)
    graph = program.code.graph
    answers = answers_of(graph.tensor(graph.outputs[0]), result.output, y)
    page = run_page(result.report, 33.0, result.outputs, answers)
    for text in ("run by", "machine", "samples", "Answers", "Right by class", "Outputs"):
        assert text in page
    assert f"{answers.right} of 40, " in page
    alone = answers_of_classifier(graph, result.outputs)
    assert (alone.labels, alone.chosen.tolist()) == (None, answers.chosen.tolist())
    without = run_page(result.report, 33.0, result.outputs)
    assert "Answers" in without and "Right by class" not in without
    assert "Answers" not in run_page(program.report(), 33.0)
