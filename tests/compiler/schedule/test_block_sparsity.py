"""Blocks without weights take no cycles, wherever that pays, and the answer stays the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.compiler.schedule.select import schedule
from accel.config import AcceleratorConfig
from tests.support.networks.convolutions import SIZES, assert_same, convolution, convolutions

CONFIG = AcceleratorConfig(rows=4, columns=4)
LARGE = (40, 40)  # positions enough to make another layer worth it


def pruned(blocks, *, kernel=(1, 1), size=LARGE, rows=4, padding=(0, 0)):
    """A convolution of a group of 4 channels for each row of ``blocks``, bool ``[groups, taps *
    blocks]``, which says where it has weights."""
    blocks = np.asarray(blocks, bool)
    channels = blocks.shape[1] // int(np.prod(kernel)) * rows
    mask = np.repeat(np.repeat(blocks, rows, axis=1), 4, axis=0)
    weights = np.random.default_rng(3).integers(1, 8, mask.shape) * mask
    weights = weights.reshape(len(weights), *kernel, channels)
    return convolution(weights, (*size, channels), (*size, len(weights)), padding=padding)


def steps(commands):
    """Of all groups of all commands: the blocks that are walked."""
    return [c.steps // CONFIG.rows for c in commands for _ in range(c.groups)]


@settings(max_examples=120)
@given(convolutions(depthwise=False), st.sampled_from(SIZES), st.data())
def test_what_is_left_computes_the_same(c, size, data):
    config = AcceleratorConfig(rows=size[0], columns=size[1], weight_steps=7680)
    channels = data.draw(st.integers(1, 3 * config.rows))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    shape = (len(c.weights), *c.kernel, channels)
    kept = random.random((len(c.weights), *c.kernel, -(-channels // config.rows))) < 0.4
    kept = np.repeat(kept, config.rows, axis=-1)[..., :channels]
    weights = random.integers(-8, 8, shape) * kept
    c = c.replace(weights=weights, input_shape=(*c.input_shape[:2], channels))
    assert_same(schedule(c, config), c, config)


BOXES = {
    "blocks_in_front": ([[0, 0, 1, 1, 1, 1, 1, 1]], [6]),
    "blocks_after": ([[1, 1, 1, 0, 0, 0, 0, 0]], [3]),
    "every_other_block": ([[0, 1, 0, 1, 0, 1, 0, 1]], [4]),
    "a_pair_of_four_twice": ([[0, 1, 1, 0, 0, 1, 1, 0]], [4]),
    "groups_of_their_own": ([[1, 1, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 1, 1]], [2, 2]),
    "equal_groups_together": (
        [[1, 1, 0, 0, 0, 0, 0, 0]] * 2 + [[0, 0, 0, 0, 1, 1, 1, 1]] * 2,
        [2, 2, 4, 4],
    ),
    "nothing": ([[0, 0, 0, 0]], [1]),
    "everything": ([[1, 1, 1, 1]], [4]),
}


@pytest.mark.parametrize("case", BOXES)
def test_groups_walk_the_smallest_box_of_their_blocks(case):
    blocks, expected = BOXES[case]
    c = pruned(blocks)
    commands = schedule(c, CONFIG)
    assert steps(commands) == expected
    assert_same(commands, c, CONFIG)


def test_taps_and_blocks_of_a_kernel_are_left_out_for_each_group():
    """At the input's edge, too, where taps are outside."""
    first, residual = np.zeros((2, 3, 3, 2), bool)
    first[0, :, 1], residual[1:, 2] = 1, 1
    c = pruned([first.ravel(), residual.ravel()], kernel=(3, 3), padding=(1, 1))
    commands = schedule(c, CONFIG)
    assert steps(commands) == [3, 4]
    assert_same(commands, c, CONFIG)


def test_groups_stay_together_where_another_layer_takes_longer():
    c = pruned([[1, 1, 0, 0], [0, 0, 1, 1]], size=(2, 2))
    (command,) = schedule(c, CONFIG)
    assert command.steps == 16
    assert_same([command], c, CONFIG)


def test_many_stay_together_where_that_pays_though_no_two_of_them_gain():
    """Each further layer waits for its first weights, which are many beside few positions."""
    c = pruned([[1] * 24, [0] * 24] * 4 + [[1] * 24], size=(2, 2))
    (command,) = schedule(c, CONFIG)
    assert (command.groups, command.steps) == (9, 96)


def test_channels_of_all_groups_are_left_out_at_once():
    c = pruned([[0, 0, 1, 0]] * 6, size=(2, 2))
    (command,) = schedule(c, CONFIG)
    assert (command.groups, command.steps) == (6, 4)


def test_where_a_product_with_0_counts_everything_is_walked(monkeypatch):
    c = pruned([[0, 0, 1, 1]])
    monkeypatch.setitem(vars(CONFIG.number_format), "exact", False)
    assert steps(schedule(c, CONFIG)) == [4]


def test_many_groups_of_many_blocks_take_no_long_search():
    """Each group has others: they are looked at in bundles."""
    random = np.random.default_rng(0)
    c = pruned(random.random((300, 48)) < 0.2, size=(1, 1))
    commands = schedule(c, CONFIG)
    assert sum(command.groups for command in commands) == 300
    assert_same(commands, c, CONFIG)
