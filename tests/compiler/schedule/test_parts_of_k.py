"""Dot products longer than the core's buffer, sums or loops are computed in parts, exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.compiler.diagnostics import DoesNotFit
from accel.compiler.schedule.dataflows import weight_buffer_steps
from accel.compiler.schedule.select import schedule
from accel.config import AcceleratorConfig
from accel.numeric.division.division import BIAS_BITS
from accel.numeric.rules.rules import Mean, Sums
from tests.support.networks.convolutions import (
    SIZES,
    assert_same,
    convolution,
    convolutions,
    rescale,
)


def small(size, requantizers=1, **changes):
    """A core whose weight buffer holds little."""
    rows, columns = size
    if rows % requantizers or columns % requantizers:
        requantizers = 1
    one = AcceleratorConfig(rows=rows, columns=columns, requantizers=requantizers)
    unit = 2 * one.steps_per_weight_row
    return one.replace(**{"weight_steps": -(-64 // unit) * unit} | changes)


CONFIGS = st.builds(small, st.sampled_from(SIZES), st.sampled_from((1, 2)))
CONFIG = small((4, 4))


@settings(max_examples=60)
@given(convolutions(), CONFIGS)
def test_any_convolution_is_computed_in_parts_that_fit(c, config):
    commands = schedule(c, config)
    for command in commands:
        assert command.steps <= weight_buffer_steps(config) + config.rows - 1
    assert_same(commands, c, config)
    assert sum(command.macs for command in commands) == c.macs


@pytest.mark.parametrize("size", [(4, 4), (8, 16), (2, 2), (3, 5)], ids=str)
def test_sums_beyond_an_accumulator_are_sums_of_parts(size):
    weights = np.random.default_rng(1).integers(-128, 128, (6, 3, 3, 17))
    config = small(size, weight_steps=4096, sum_bits=18)
    c = convolution(weights, (4, 5, 17), (4, 5, 6), padding=(1, 1), rule=rescale(6, -11))
    commands = schedule(c, config)
    assert len(commands) > 1
    assert {command.parts for command in commands} == {len(commands)}
    assert_same(commands, c, config)
    assert len(schedule(c, config.replace(sum_bits=24))) == 1


@pytest.mark.parametrize("size", [(4, 4), (8, 16)], ids=str)
@pytest.mark.parametrize("extent", [(33, 40), (64, 64), (1, 5000)], ids=str)
def test_means_over_any_map(size, extent):
    height, width = extent
    config = AcceleratorConfig(rows=size[0], columns=size[1], bank_words=65536)
    rule = Mean(height * width, -128, 127, channels=3)
    c = convolution(
        np.ones((height, width, 3)),
        (height, width, 3),
        (1, 1, 3),
        rule=rule,
        bias=np.zeros(3, np.int64),
        uniform=True,
    )
    assert_same(schedule(c, config, exact=False), c, config)


@pytest.mark.parametrize("k", [1025, 4000, 16384])
def test_dot_products_of_any_length(k):
    config = AcceleratorConfig(sum_bits=23)
    weights = np.random.default_rng(k).integers(-16, 17, (5, 1, 1, k))
    c = convolution(weights, (1, 1, k), (1, 1, 5), rule=rescale(5, -14))
    commands = schedule(c, config)
    assert len(commands) == -(-k // weight_buffer_steps(config))
    steps = [command.steps for command in commands]
    assert max(steps) - min(steps) <= config.rows
    assert_same(commands, c, config)


def test_totals_beyond_32_bits_are_refused():
    weights = np.full((1, 1, 1, 140_000), 127)
    c = convolution(weights, (1, 1, 140_000), (1, 1, 1))
    said = "sums of -2275840000..2258060000 take 33 bits, more than the 32 of an accumulator"
    with pytest.raises(DoesNotFit, match=said):
        schedule(c, CONFIG)


@pytest.mark.parametrize("bias", [5, 2**26, -(2**30)], ids=str)
def test_sums_that_are_stored_have_any_bias(bias):
    """Each part adds as much of it as a layer can; with too few products, parts of zeros do."""
    weights = np.random.default_rng(2).integers(-8, 8, (3, 1, 1, 12))
    biases = np.array([bias, 5, -bias])
    c = convolution(weights, (2, 2, 12), (2, 2, 3), rule=Sums(3), bias=biases)
    commands = schedule(c, CONFIG)
    assert sum(command.division.bias for command in commands).tolist() == biases.tolist()
    most = 1 << BIAS_BITS - 1
    assert len(commands) == -(-abs(bias) // (most - 1))
    assert all(np.abs(command.division.bias).max() < most for command in commands)
    assert all(command.descriptor.keep_sums for command in commands)
    assert [command.descriptor.add_sums for command in commands] == [
        part > 0 for part in range(len(commands))
    ]
