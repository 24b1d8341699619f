"""A layer in parts of K and a copy after it combine codes as the layer alone would have."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.compiler.ir.layer import PostOp, Region
from accel.compiler.lowering.residual_splitting import split_residuals
from accel.compiler.schedule.select import is_parted, schedule
from accel.config import AcceleratorConfig
from tests.support.networks.convolutions import (
    combinations,
    convolution,
    convolutions,
    convolve,
    execute,
    images,
    pack,
    rescale,
)

CONFIG = AcceleratorConfig(weight_steps=32)
WIDE = AcceleratorConfig(rows=8, columns=16, requantizers=8, weight_steps=32)


def run(layers, c, config, x, before):
    """The layers one after another, the second one from what the first one has written."""
    data, old = x, None
    for layer in layers:
        last = layer.output == c.output
        old = before if last else None
        data = execute(schedule(layer, config), layer, pack(data, config.rows), config, old)
    return data


@settings(max_examples=60)
@given(convolutions().flatmap(combinations), st.sampled_from((CONFIG, WIDE)), st.booleans())
def test_codes_are_combined_after_the_last_part(c, config, transposed):
    if transposed:
        height, width, channels = c.output_shape
        c = c.replace(transposed=True, output_shape=(width, height, channels))
    x = images(c)
    before = np.random.default_rng(5).integers(-128, 128, (2, *c.output_shape)).astype(np.int8)
    layers = split_residuals([c], config)
    combines = c.post_op.residual or c.post_op.maximum
    assert len(layers) == (2 if combines and is_parted(c, config) else 1)
    answer = run(layers, c, config, x, before)
    np.testing.assert_array_equal(answer, convolve(c, x, before))


def test_what_is_spread_over_the_output_stays_spread():
    weights = np.random.default_rng(0).integers(-8, 8, (4, 2, 2, 9))
    c = convolution(
        weights,
        (6, 6, 9),
        (9, 8, 8),
        region=Region(1, 2, 3, 2),
        output_stride=(2, 3),
        first_channel=4,
        bias=np.zeros(4, np.int64),
        rule=rescale(4),
        post_op=PostOp(residual="z", maximum=True),
    )
    x = images(c)
    before = np.random.default_rng(5).integers(-128, 128, (2, *c.output_shape)).astype(np.int8)
    layers = split_residuals([c], CONFIG)
    assert [layer.output for layer in layers] == ["y (layer codes)", "y"]
    answer = run(layers, c, CONFIG, x, before)
    np.testing.assert_array_equal(answer, convolve(c, x, before))


def test_layers_in_one_part_and_layers_that_combine_nothing_stay():
    weights = np.ones((4, 1, 1, 8), np.int64)
    post_op = PostOp(residual="z", maximum=True)
    short = convolution(weights, (2, 2, 8), (2, 2, 4), post_op=post_op)
    long = convolution(np.ones((4, 1, 1, 80), np.int64), (2, 2, 80), (2, 2, 4))
    assert split_residuals([short, long], CONFIG) == [short, long]
