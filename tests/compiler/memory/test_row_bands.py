"""Layers cut into row bands compute what whole ones do, and small memories are enough for them."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.api import Program
from accel.compiler.compile import compile_graph
from accel.compiler.diagnostics import CannotCompile
from accel.compiler.graph import interpreter
from accel.compiler.memory.allocation import activations_of
from accel.compiler.memory.row_bands import banded, chain_of
from accel.compiler.operators._window import same_padding
from accel.compiler.operators.add import Add
from accel.compiler.operators.conv2d import Conv2d
from accel.compiler.operators.depthwise_conv2d import DepthwiseConv2d
from accel.compiler.pipeline import PASSES, Compilation, lower, run_passes
from accel.config import AcceleratorConfig
from accel.host.runner import run
from accel.sim.functional.machine import Machine
from tests.support.networks.small import Chain
from tests.support.networks.tflite.branches import of_a_sum
from tests.support.networks.tflite.operators import TRAINED, Builder, random_inputs
from tests.support.networks.tflite.typical import networks
from tests.support.rtl.bench import RtlBench

LARGE = AcceleratorConfig(bank_words=4096)
LAST = "input_im2col"
NAMES = [name for name, _ in PASSES]
AFTER = PASSES[NAMES.index("row_bands") + 1 :]
SAMPLES = 2


def chains(c: Compilation):
    """All chains of a compilation's layers, as the first and the end of them."""
    kept = frozenset((*c.parts.inputs, *c.outputs))
    spans = [(i, j) for j in range(2, len(c.layers) + 1) for i in range(j - 1)]
    found = [(i, j, chain_of(c.layers, i, j, kept)) for i, j in spans]
    return [one for one in found if one[2] and one[2].rows[1] - one[2].rows[0] > 1]


def with_bands(c: Compilation, first: int, end: int, chain, count: int) -> Compilation:
    """The compilation after all passes, with one of its chains in bands."""
    cut = banded(chain, count, c.layouts)
    layers = (*c.layers[:first], *cut.layers, *c.layers[end:])
    c = c.replace(layers=layers, layouts={**c.layouts, **cut.layouts})
    for _, one in AFTER:
        c = one(c)
    return c


def assert_machine(code, seed: int) -> None:
    graph = code.source
    inputs = random_inputs(graph, SAMPLES, seed)
    inputs = inputs if isinstance(inputs, dict) else {graph.inputs[0]: inputs}
    names = tuple(name for node in graph for name in node.outputs if code.has(name))
    expected = interpreter.run(graph, inputs, names)
    found = run(code, Machine(code), inputs, names)
    for name in names:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


def test_every_chain_in_any_number_of_bands_computes_the_same():
    reached = Counter()

    @settings(max_examples=60)
    @given(networks(), st.randoms(use_true_random=False))
    def drawn(graph, random):
        begun = Compilation(source=graph, graph=graph, config=LARGE)
        try:
            whole = run_passes(begun, last=LAST)
            for _, one in AFTER[:1]:
                one(whole)
        except CannotCompile:
            return
        found = chains(whole)
        for first, end, chain in random.sample(found, min(3, len(found))):
            top, bottom = chain.rows
            count = random.randint(2, min(bottom - top, 5))
            code = with_bands(whole, first, end, chain, count).program()
            assert_machine(code, random.randrange(2**32))
            bands = [c.band for c in code.commands if c.band]
            reached["chains"] += 1
            reached["rows computed again"] += any(band.again for band in bands)
            reached["residual operands"] += any(c.residual for c in chain.layers)
            reached["longer than a pair"] += len(chain.layers) > 2
            reached["tensors put together"] += any(code.bands(band.output) for band in bands)

    drawn()
    assert len(reached) == 5 and all(reached.values()) and reached["chains"] >= 25, reached


def pointwise(b: Builder, channels: int) -> None:
    names, q = b.linear(b.values((channels, 1, 1, b.last.shape[-1]), "int8"), 0, "int8", True)
    b.node("conv2d", Conv2d(), (*b.last.shape[:3], channels), q, constants=names)


def depthwise(b: Builder, stride: int, kernel: int = 3) -> None:
    """With TFLite's padding ``SAME``."""
    _, height, width, channels = b.last.shape
    names, q = b.linear(b.values((1, kernel, kernel, channels), "int8"), 3, "int8", True)
    padding = tuple(same_padding(n, kernel, stride, 1) for n in (height, width))
    shape = (1, *(-(-n // stride) for n in (height, width)), channels)
    attributes = DepthwiseConv2d(stride=(stride, stride), padding=padding)
    b.node("depthwise_conv2d", attributes, shape, q, constants=names)


def test_an_input_without_room_is_read_band_by_band_by_the_first_layers():
    """Here all bands are in memory at once; that they arrive one by one is for the driver."""
    graph = Chain((1, 40, 12, 8)).convolution(8, padding=((0, 0), (1, 1))).convolution(4).graph()
    small = LARGE.replace(bank_words=840)
    begun = Compilation(source=graph, graph=graph, config=small, band_room=1, arriving=True)
    c = run_passes(begun, last="select")
    assert len(c.inputs) > 2 and {one.source for one in c.inputs} == {"x"}
    first = [layer for layer in c.layers if layer.source in {one.tensor for one in c.inputs}]
    assert [layer.band.reads[1] - layer.band.reads[0] for layer in first] == [
        len(one.index) for one in c.inputs
    ]
    assert first[0].band.reads[0] == 0 and first[-1].band.reads[1] == 40
    c = c.replace(config=LARGE)
    for _, one in PASSES[NAMES.index("select") :]:
        c = one(c)
    assert_machine(c.program(), 3)


@st.composite
def inverted_residuals(draw):
    """Blocks of MobileNetV2: expansion, depthwise, projection; the last one with a residual."""
    b = Builder(draw, (1, draw(st.integers(9, 20)), draw(st.integers(9, 14)), 8), style=TRAINED)
    for stride in (draw(st.integers(1, 2)), 1):
        before = b.last
        pointwise(b, draw(st.integers(20, 48)))
        depthwise(b, stride, draw(st.sampled_from((3, 3, 5))))
        pointwise(b, 8)
    b.node(
        "add", Add(), before.shape, of_a_sum(b, before, b.last), inputs=(before.name, b.last.name)
    )
    return b.graph()


@settings(max_examples=15)
@given(inverted_residuals(), st.sampled_from(((4, 4), (8, 16), (3, 5), (8, 8))), st.data())
def test_networks_whose_expansions_have_no_room_run_in_bands(graph, array, data):
    rows, columns = array
    config = AcceleratorConfig(rows=rows, columns=columns, bank_words=2**14, flash_lanes=1)
    c = lower(graph, config)  # a program may take more, so that the next input can arrive
    most = max(activations_of(c.commands, c.layouts, c.parts.inputs, c.outputs, config).words)
    config = config.replace(bank_words=most - 1 - data.draw(st.integers(0, most // 8)))
    code = compile_graph(graph, config)
    bands = [c.band for c in code.commands if c.band]
    assert {band.layer for band in bands} and max(code.memory.activation_words) <= config.bank_words
    assert code.macs == compile_graph(graph, LARGE).macs
    assert_machine(code, 1)


def test_what_fits_is_not_cut_and_what_no_bands_help_is_refused_as_before():
    wide = Chain((1, 8, 8, 8)).convolution(16).convolution(8).graph()
    assert not any(c.band for c in compile_graph(wide, LARGE).commands)
    one_row = Chain((1, 1, 64, 8)).convolution(64).convolution(8).graph()
    config = AcceleratorConfig(bank_words=512, flash_lanes=1)
    with pytest.raises(CannotCompile, match="its output takes 4,096 bytes, more than the 2,048"):
        compile_graph(one_row, config)


@pytest.mark.xdist_group("generic 4x4")
def test_rtl_runs_bands_as_the_machine_and_the_cycle_model_have_them():
    graph = Chain((1, 40, 14, 4)).convolution(32).convolution(depthwise=True).convolution(4).graph()
    bands = [c.band for c in compile_graph(graph, LARGE).commands if c.band]
    assert any(band.again for band in bands)
    outcome = RtlBench(LARGE).hold(graph, 7)
    assert not outcome.faults and outcome.counts["run"]


def test_reports_name_a_layer_once_with_its_bands_and_what_is_computed_twice():
    graph = Chain((1, 40, 14, 4)).convolution(32).convolution(depthwise=True).convolution(4).graph()
    report = Program(compile_graph(graph, LARGE)).report()
    whole = [layer for layer, _ in report.whole_layers]
    assert len(whole) == 3 < len(report.layers)
    assert sum(layer.cycles_model for layer in whole) == report.cycles_model
    assert sum(counters.busy for _, counters in report.whole_layers) == sum(
        counters.busy for counters in report.counters
    )
    assert sum(layer.macs for layer in whole) == report.macs
    first, again = whole[0], 2 * (len(whole[0].bands) - 1)
    assert first.how.endswith(f"{len(first.bands)} bands, {first.rows_again} of 40 rows twice")
    assert first.rows_again >= again > 0 and whole[-1].rows_again == 0
    entries = report.as_dict()["layers"]
    assert [entry["name"] for entry in entries] == [layer.name for layer in whole]
    assert entries[0]["bands"] == len(first.bands) and entries[0]["rows"] == 40
    assert entries[0]["rows_computed_twice"] == first.rows_again
    plain = Program(compile_graph(Chain((1, 8, 8, 4)).convolution(4).graph(), LARGE)).report()
    assert "bands" not in plain.as_dict()["layers"][0]
