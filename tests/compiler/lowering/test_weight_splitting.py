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
from tests.support.networks.convolutions import convolution, convolutions, convolve, execute, images

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


@settings(max_examples=150)
@given(wide_convolutions())
def test_the_sums_are_those_of_the_whole_weights(c):
    (copy, sub_byte), repeats = split_weights([c], (), CONFIG)
    assert repeats == {} and fits(copy) and fits(sub_byte)
    assert (
        copy.source == c.source and sub_byte.source == copy.output and sub_byte.output == c.output
    )
    x = images(c)
    np.testing.assert_array_equal(convolve(sub_byte, convolve(copy, x)), convolve(c, x))
    for one, other in zip(sub_byte.sum_range, c.sum_range, strict=True):
        np.testing.assert_array_equal(one, other)


@settings(max_examples=100)
@given(wide_convolutions())
def test_the_driver_repeats_a_network_input_that_only_one_layer_reads(c):
    (sub_byte,), repeats = split_weights([c], ("x",), CONFIG)
    times = repeats["x"]
    assert times == sub_byte.input_shape[2] // c.input_shape[2]
    folded = fold_input(sub_byte, CONFIG, times)
    thin, made = folded or (sub_byte, plain_input("x", TensorLayout(*c.input_shape), times))
    x = images(c)
    answer = execute(schedule(thin, CONFIG), thin, made.pack(x, CONFIG.rows), CONFIG)
    np.testing.assert_array_equal(answer, convolve(c, x))


def test_an_input_of_two_layers_is_repeated_on_the_core():
    wide = convolution(np.full((2, 1, 1, 3), 200), (1, 1, 3), (1, 1, 2))
    other = convolution(np.ones((2, 1, 1, 3)), (1, 1, 3), (1, 1, 2), output="z")
    done, repeats = split_weights([wide, other], ("x",), CONFIG)
    assert repeats == {}
    assert [c.name for c in done] == ["layer_repeated", "layer", "layer"]


@pytest.mark.parametrize(("weight", "parts"), [(127, 1), (128, 2), (254, 2), (255, 3), (-256, 2)])
def test_as_few_parts_as_there_can_be(weight, parts):
    c = convolution(np.full((1, 1, 1, 1), weight), (1, 1, 1), (1, 1, 1))
    *_, sub_byte = split_weights([c], (), CONFIG)[0]
    assert sub_byte.input_shape[2] == parts
    assert sub_byte.weights.sum() == weight


def test_weights_of_more_than_three_parts_are_left_alone():
    c = convolution(np.full((1, 1, 1, 1), 382), (1, 1, 1), (1, 1, 1))
    assert split_weights([c], (), CONFIG) == ([c], {})
