"""Parts of any channels come together, in any order, on cores of every shape that can combine."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from accel.compiler.diagnostics import DoesNotFit
from accel.compiler.ir.layer import Region
from accel.compiler.lowering.channel_alignment import align_channels, is_aligned, lane_step
from accel.compiler.lowering.lookup_tables import copy_layer
from accel.compiler.schedule.select import schedule
from accel.config import AcceleratorConfig
from tests.support.networks.convolutions import convolution, execute, pack

SHAPE = (2, 3)  # height and width
SIZES = ((4, 4, 1), (2, 2, 1), (4, 8, 1), (8, 4, 1), (8, 4, 2), (8, 8, 2), (4, 4, 4), (3, 3, 1))


def config_of(rows, columns, requantizers):
    return AcceleratorConfig(rows=rows, columns=columns, requantizers=requantizers)


def parts_of(sizes):
    """Copies of tensors x0, x1, ... of so many channels, side by side."""
    edges = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    return [
        copy_layer(f"part{i}", "n", f"x{i}", "y", (*SHAPE, size)).replace(
            output_shape=(*SHAPE, edges[-1]), first_channel=edges[i]
        )
        for i, size in enumerate(sizes)
    ]


def written(parts, tensors, config):
    """What is in ``y`` when all of the parts have been copied to it."""
    y = np.full((2, *parts[0].output_shape), 77, np.int8)
    for part in parts:
        packed = pack(tensors[part.source], config.rows)
        y = execute(schedule(part, config), part, packed, config, y)
    return y


CHANNELS = st.lists(st.integers(1, 13), min_size=1, max_size=5)


@settings(max_examples=120)
@given(CHANNELS, st.sampled_from(SIZES), st.randoms(use_true_random=False))
@example([3, 5], (4, 4, 1), None)
@example([1, 1, 9, 2], (4, 4, 1), None)
def test_parts_of_any_channels_come_together_in_any_order(sizes, size, order):
    config, random = config_of(*size), np.random.default_rng(1)
    parts = parts_of(sizes)
    tensors = {p.source: random.integers(-128, 128, (2, *p.input_shape)) for p in parts}
    tensors = {name: codes.astype(np.int8) for name, codes in tensors.items()}
    expected = np.concatenate([tensors[p.source] for p in parts], axis=3)
    if order is not None:
        order.shuffle(parts)
    made = align_channels(parts, config)
    assert all(is_aligned(part, lane_step(config)) for part in made)
    assert len({part.name for part in made}) == len(made)
    np.testing.assert_array_equal(written(made, tensors, config), expected)


@pytest.mark.parametrize(
    "size, sizes", [((4, 4, 1), (4, 8, 3)), ((8, 4, 1), (3, 1, 9)), ((8, 4, 2), (2, 8, 4, 3))]
)
def test_parts_that_the_core_can_write_stay_as_they_are(size, sizes):
    parts = parts_of(sizes)
    made = align_channels(parts, config_of(*size))
    assert all(new is old for new, old in zip(made, parts, strict=True))


def test_only_words_that_two_parts_share_are_read():
    made = align_channels(parts_of((4, 6, 10, 4)), config_of(4, 4, 1))
    assert [(p.name, p.first_channel, p.channels) for p in made] == [
        ("part0", 0, 4),
        ("part1", 4, 8),
        ("part2", 8, 4),
        ("part2_words1", 12, 8),
        ("part3", 20, 4),
    ]
    maxima = [p.post_op is not None and p.post_op.maximum for p in made]
    assert maxima == [False, False, True, False, False]


def test_the_lanes_of_others_get_the_least_code():
    (first, *_) = align_channels(parts_of((3, 5)), config_of(4, 4, 1))
    assert first.bias.tolist() == [0, 0, 0, -128]
    assert first.weights.sum(axis=(1, 2, 3)).tolist() == [1, 1, 1, 0]


def test_what_is_no_copy_is_left_to_the_schedule_to_refuse():
    c = convolution(np.ones((4, 1, 1, 4)), (*SHAPE, 4), (*SHAPE, 4)).replace(
        output_shape=(*SHAPE, 6), first_channel=2, region=Region(0, 0, *SHAPE)
    )
    config = config_of(4, 4, 1)
    assert align_channels([c], config) == [c]
    with pytest.raises(DoesNotFit, match="channels that begin within a word"):
        schedule(c, config)
