"""An input is packed as the first layer reads it; folding a window's width into the channels
changes nothing but the steps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.compiler.ir.layer import Region, cropped
from accel.compiler.ir.tensor_layout import TensorLayout
from accel.compiler.lowering.input_im2col import InputMap, fold_input, plain_input
from accel.compiler.schedule.select import schedule
from accel.config import AcceleratorConfig
from tests.support.networks.convolutions import (
    SIZES,
    convolution,
    convolutions,
    convolve,
    execute,
    images,
    pack,
)

SIZED = st.sampled_from(SIZES).map(
    lambda size: AcceleratorConfig(rows=size[0], columns=size[1], weight_steps=7680)
)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 9), st.sampled_from((2, 3, 4, 8)))
def test_a_plain_input_lies_in_words_of_channels(height, width, channels, rows):
    x = np.random.default_rng(0).integers(-128, 128, (3, height, width, channels)).astype(np.int8)
    made = plain_input("x", TensorLayout(height, width, channels))
    assert made.layout == TensorLayout(height, width, channels)
    packed = made.pack(x, rows)
    assert packed.shape == (3, made.layout.words(rows) * rows)
    np.testing.assert_array_equal(packed, pack(x, rows))


def test_bytes_that_no_value_has_are_the_pad():
    made = InputMap("x", np.array([[[2, -1, 0]]]), pad=-7)
    packed = made.pack(np.array([[10, 20, 30]], np.int8), 4)
    assert packed.view(np.int8).tolist() == [[30, -7, 10, 0]]


def idle(c):
    """Whether there are channels whose code nothing changes: they lose their weights."""
    least, greatest = c.sum_range
    return (c.rule.compute(least + c.bias) == c.rule.compute(greatest + c.bias)).any()


@settings(max_examples=150)
@given(convolutions(depthwise=False), SIZED)
def test_a_folded_input_gives_the_same_answer_in_fewer_cycles(c, config):
    c = cropped(c)  # the schedule leaves out the window's zero edges, folded or not
    folded = fold_input(c, config)
    before, x = schedule(c, config), images(c)
    if folded is None:
        return
    thin, made = folded
    after = schedule(thin, config)
    assert tile_cycles(after, config) <= tile_cycles(before, config)
    if (
        c.weights.all()
    ):  # kernels of which an edge is zero are cropped, and may be as quick unfolded
        assert tile_cycles(after, config) < tile_cycles(before, config) or idle(c)
    assert drained_cycles(after, config) <= drained_cycles(before, config)
    answer = execute(after, thin, made.pack(x, config.rows), config)
    expected = convolve(c, x).reshape(answer.shape)
    np.testing.assert_array_equal(answer, expected)
    packed = made.pack(x, 1).view(np.int8).reshape(len(x), *thin.input_shape)
    np.testing.assert_array_equal(convolve(thin, packed), expected)


def tile_cycles(commands, config, least=0):
    return sum(
        command.groups * command.descriptor.tiles(config.rows) * max(command.steps, least)
        for command in commands
    )


def drained_cycles(commands, config):
    return tile_cycles(commands, config, least=config.drain_cycles)


@settings(max_examples=60)
@given(convolutions(depthwise=False), SIZED)
def test_it_is_folded_where_that_saves_words_of_the_window(c, config):
    rows, (width, channels) = config.rows, (c.kernel[1], c.input_shape[2])
    saves = -(-width * channels // rows) < width * -(-channels // rows)
    whole = c.region.left == 0 and c.region.width == c.output_shape[1]
    if saves and whole:
        assert fold_input(c, config) is not None
    if not whole:
        assert fold_input(c, config) is None


def test_a_row_of_the_window_becomes_the_channels():
    c = convolution(
        np.arange(12).reshape(1, 2, 3, 2),
        (4, 5, 2),
        (3, 3, 1),
        stride=(1, 2),
        padding=(0, 1),
    )
    thin, made = fold_input(c, AcceleratorConfig(rows=4))
    assert (thin.input_shape, thin.kernel, thin.stride, thin.padding) == (
        (4, 3, 6),
        (2, 1),
        (1, 1),
        (0, 0),
    )
    np.testing.assert_array_equal(thin.weights.reshape(-1), np.arange(12))
    # Pixels -1 (padding), 0, 1 of the first row, then 1, 2, 3
    assert made.index[0, :2].tolist() == [[-1, -1, 0, 1, 2, 3], [2, 3, 4, 5, 6, 7]]
    assert (made.tensor, made.pad) == ("x", c.pad)


ALONE = {
    "channels fill the words": {"input_shape": (4, 4, 4), "weights": np.ones((1, 2, 2, 4), int)},
    "a window of one column": {"weights": np.ones((1, 2, 1, 1), int)},
    "a depthwise layer": {"weights": np.ones((2, 2, 1), int)},
    "a part of the width": {"region": Region(0, 1, 3, 2)},
}


@pytest.mark.parametrize("case", ALONE)
def test_where_nothing_is_to_be_won_the_input_stays_as_it_is(case):
    c = convolution(np.ones((1, 2, 2, 1)), (4, 4, 1), (3, 3, 1))
    assert fold_input(c, AcceleratorConfig()) is not None
    assert fold_input(c.replace(**ALONE[case]), AcceleratorConfig()) is None
