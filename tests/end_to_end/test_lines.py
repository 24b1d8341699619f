"""Depthwise layers on cores with several lines of columns, in RTL: as TFLite Micro has it, in the
modelled cycles, whatever the heights, strides and paddings."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.compiler.operators.depthwise_conv2d import DepthwiseConv2d
from accel.config import AcceleratorConfig
from tests.end_to_end.test_random_models import attempt
from tests.support.networks.tflite.drawn_window import drawn_window
from tests.support.networks.tflite.operators import SEEDS, Builder, random_inputs
from tests.support.oracles.agreement import assert_cycles, assert_layers
from tests.support.oracles.tflm import tflm
from tests.support.rtl.simulation import UNSHRUNK

CORES = {
    "two lines": AcceleratorConfig(rows=4, columns=8, requantizers=2, bank_words=2048),
    "three lines": AcceleratorConfig(rows=2, columns=6, family="ecp5", bank_words=4096),
}
SAMPLES = 2
EXAMPLES = 60
STRIDES = st.sampled_from((1, 2, 2, 3))


@st.composite
def depthwise_graphs(draw):
    """Two depthwise convolutions with strides and paddings of their own."""
    # Mostly from 5 on, and mostly odd: theirs are output rows of which the last are fewer.
    size = st.sampled_from((1, 2, 3, 5, 5, 7, 7, 8, 10, 11))
    b = Builder(draw, (1, draw(size), draw(size), draw(st.integers(1, 9))))
    for _ in range(2):
        # Single taps and strides of 2 are drawn often: together they make the shortest tiles.
        shortest = draw(st.integers(0, 2)) == 0
        kernel = tuple(1 if shortest else draw(st.integers(1, 4)) for _ in "hw")
        strides = st.just(2) if shortest else STRIDES
        window, sizes = drawn_window(draw, b.last.shape[1:3], kernel, (1, 1), strides)
        channels = b.last.shape[3]
        names, q = b.linear(b.values((1, *kernel, channels), "int8"), 3, "int8", True)
        depthwise = DepthwiseConv2d(**window, dilation=(1, 1), multiplier=1, activation="none")
        b.node("depthwise_conv2d", depthwise, (1, *sizes, channels), q, constants=names)
    return b.graph()


@pytest.mark.parametrize("core", CORES)
def test_rtl_equals_the_oracle(core):
    config, reached = CORES[core], Counter()

    @settings(UNSHRUNK, max_examples=EXAMPLES)
    @given(depthwise_graphs(), SEEDS)
    def check(graph, seed):
        file, program, _ = attempt(graph, config)
        if program is None or not program.code.commands:
            return
        inputs = {graph.inputs[0]: random_inputs(graph, SAMPLES + 1, seed)[1:]}
        expected = tflm(file, inputs, all_tensors=True)
        execution = assert_layers(program, "rtl", inputs, expected)
        assert_cycles(program.code, execution.layers)
        program.close()
        for command in program.code.commands:
            most, last = command.descriptor.output_rows
            reached["several"] += most > 1
            reached["fewer in the end"] += last < most
            skips = command.descriptor.stride2_skip
            reached["stride2_skip"] += skips
            reached["shortest tiles"] += skips and command.steps == config.rows

    check()
    assert all(
        reached[what] for what in ("several", "fewer in the end", "stride2_skip", "shortest tiles")
    ), reached
