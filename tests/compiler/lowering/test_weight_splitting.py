"""Weights of more bits than the core's are sums of some that fit, over as many copies of the
input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.compiler.ir.tensor_layout import TensorLayout
from accel.compiler.lowering.input_im2col import fold_input, plain_input
from accel.compiler.lowering.weight_splitting import split_weights
from accel.compiler.schedule.select import schedule
from accel.config import AcceleratorConfig
from tests.support.networks.convolutions import (
    convolution,
    convolutions,
    convolve,
    execute,
    images,
    pack,
)

CONFIG = AcceleratorConfig(weight_steps=7680)


@st.composite
def wide_convolutions(draw):
    c = draw(convolutions())
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    most = draw(st.sampled_from([(-255, 255), (-128, 255), (-128, 130)]))
    weights = random.integers(*most, c.weights.shape, endpoint=True)
    if c.uniform:
        weights[:] = weights[..., :1]
    weights.flat[0 if not c.uniform else slice(None)] = most[1]
    return c.replace(weights=weights)


def fits(c):
    return c.weights.min() >= -128 and c.weights.max() <= 127


@st.composite
def seldom_wide_convolutions(draw):
    """As 8-bit weights with a zero point are: one of them is outside."""
    c = draw(convolutions())
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weights = random.integers(-128, 127, c.weights.shape, endpoint=True)
    place = random.integers(weights.size)
    weights.flat[place] = draw(st.sampled_from((128, 203, 255, -129, -256)))
    if c.uniform:
        weights[:] = weights[..., place % weights.shape[-1], None]
    return c.replace(weights=weights)


def answer(layers, x):
    """What the machine makes of layers that follow one another, of which the last writes y."""
    values = {"x": x}
    for c in layers:
        before, packed = values.get(c.output), pack(values[c.source], CONFIG.rows)
        values[c.output] = execute(schedule(c, CONFIG), c, packed, CONFIG, before)
    return values["y"]


@settings(max_examples=120, deadline=None)
@given(wide_convolutions() | seldom_wide_convolutions())
def test_the_answers_are_those_of_the_whole_weights(c):
    layers, repeats = split_weights([c], (), CONFIG)
    assert repeats == {} and all(map(fits, layers))
    x = images(c)
    np.testing.assert_array_equal(answer(layers, x), convolve(c, x))


@settings(max_examples=40, deadline=None)
@given(wide_convolutions() | seldom_wide_convolutions())
def test_the_bounds_of_the_sums_are_those_of_the_whole_weights(c):
    *_, last = split_weights([c], (), CONFIG)[0]
    own = slice(last.first_channel, last.first_channel + last.channels)
    for one, other in zip(last.sum_range, c.sum_range, strict=True):
        np.testing.assert_array_equal(one, other[own])


@settings(max_examples=100, deadline=None)
@given(wide_convolutions() | seldom_wide_convolutions())
def test_the_driver_repeats_a_network_input_that_only_one_layer_reads(c):
    (whole,), repeats = split_weights([c], ("x",), CONFIG)
    channels = repeats["x"]
    assert channels[: c.input_shape[2]] == tuple(range(c.input_shape[2]))
    assert len(channels) == whole.input_shape[2]
    folded = fold_input(whole, CONFIG, channels)
    thin, made = folded or (whole, plain_input("x", TensorLayout(*c.input_shape), channels))
    x = images(c)
    codes = execute(schedule(thin, CONFIG), thin, made.pack(x, CONFIG.rows), CONFIG)
    np.testing.assert_array_equal(codes, convolve(c, x))


def test_a_depthwise_layer_stays_depthwise_but_for_the_words_of_wide_channels():
    weights = np.ones((3, 3, 16), np.int64)
    weights[1, 1, 5] = 200
    c = convolution(weights, (6, 6, 16), (6, 6, 16), padding=(1, 1))
    cut, copy, dense = split_weights([c], (), CONFIG)[0]
    assert cut.depthwise and cut.channels == 16
    assert copy.channels == 5  # channels 4 to 7, and 5 once more
    assert (dense.first_channel, dense.channels) == (4, 4)


def test_a_layer_of_one_tap_reads_its_input_again():
    weights = np.ones((8, 1, 1, 8), np.int64)
    weights[3, 0, 0, 2] = 200
    (c,) = split_weights([convolution(weights, (4, 5, 8), (4, 5, 8))], (), CONFIG)[0]
    assert c.rereads and c.source == "x" and c.input_shape == (4, 5, 8)
    assert c.kernel == (2, 1)


def test_an_input_of_two_layers_is_repeated_on_the_core():
    wide = convolution(np.full((2, 1, 2, 3), 200), (1, 2, 3), (1, 1, 2))
    other = convolution(np.ones((2, 1, 2, 3)), (1, 2, 3), (1, 1, 2), output="z")
    done, repeats = split_weights([wide, other], ("x",), CONFIG)
    assert repeats == {}
    assert [c.name for c in done] == ["layer_repeated", "layer", "layer"]


@pytest.mark.parametrize(("weight", "parts"), [(127, 1), (128, 2), (254, 2), (255, 3), (-256, 2)])
def test_as_few_parts_as_there_can_be(weight, parts):
    c = convolution(np.full((1, 1, 1, 1), weight), (1, 1, 1), (1, 1, 1))
    *_, split = split_weights([c], (), CONFIG)[0]
    assert split.weights.size == parts
    assert split.weights.sum() == weight


def test_weights_of_more_than_three_parts_are_left_alone():
    c = convolution(np.full((1, 1, 1, 1), 382), (1, 1, 1), (1, 1, 1))
    assert split_weights([c], (), CONFIG) == ([c], {})
