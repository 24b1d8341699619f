"""Kept sums lie where plain Python walks the drain, and each is the result that it says."""

from math import ceil
from random import Random

import numpy as np
import pytest

from accel.compiler.ir.descriptor import Descriptor
from accel.compiler.ir.kept_sums import sums_order, sums_words
from accel.config import AcceleratorConfig
from accel.isa import Isa
from tests.support.rtl.layers import random_fields

SHAPES = [  # rows, columns, requantizers
    *((4, 4, 1), (4, 4, 4), (8, 16, 8), (8, 8, 1), (8, 4, 2), (8, 8, 4), (16, 16, 1)),
    *((2, 4, 2), (3, 5, 1), (3, 6, 3), (5, 5, 5), (6, 9, 3), (12, 4, 4), (12, 24, 1), (4, 12, 4)),
]


def configuration(rows, columns, requantizers):
    return AcceleratorConfig(
        rows=rows, columns=columns, requantizers=requantizers, weight_steps=64 * 12
    )


def drawn(config, seed, broadcast):
    fields = random_fields(Isa(config), Random(seed), broadcast=broadcast)
    fields["run_filling"] = min(fields["run_filling"], fields["run_less_one"])
    for count in ("columns_less_one", "last_columns_less_one"):
        fields[count] %= config.rows if broadcast else config.columns
    return Descriptor.decoded(fields)


def walked(f, config):
    """Bytes of each sum that is a result, by number of all: (bytes, inner, outer, channel)."""
    rows, columns, together = config.rows, config.columns, config.requantizers
    found, word, lane, number = {}, 0, 0, 0
    for group in range(f.groups):
        most = f.last_columns if group == f.groups - 1 else f.columns
        for tile in range(f.tiles(rows)):
            word, lane = (group * f.tiles(rows) + tile) * config.sums_tile_words, 0
            for row in range(rows):
                outer, inner = divmod(tile * rows + row, f.run)
                for column in range(columns):
                    places = []
                    for _ in range(4):
                        places.append(word * rows + lane)
                        lane += 1
                        full = config.sums_in_word * config.sums_share
                        if lane == full:
                            word, lane = word + 1, 0
                    if column % together == together - 1 and config.sum_words > 1:
                        # Sums that leave the array together begin at a power of two.
                        word += -word % (1 << (config.sum_words - 1).bit_length())
                    line = column // rows if config.broadcast_rows > 1 else 0
                    channel = column % rows if f.broadcast and config.broadcast_rows > 1 else column
                    lines = f.last_broadcast_rows if outer == f.runs - 1 else f.broadcast_rows
                    real = outer < f.runs and inner < f.run - f.run_filling and channel < most
                    real = real and (config.broadcast_rows == 1 or line < lines)
                    real = real and not (f.stride2_skip and inner % 2)
                    if real:
                        y = outer * (f.broadcast_rows if f.broadcast else 1)
                        y += line if f.broadcast else 0
                        x = inner // 2 if f.stride2_skip else inner
                        found[number] = places, x, y, group * f.columns + channel
                    number += 1
    return found


@pytest.mark.parametrize("broadcast", [False, True])
@pytest.mark.parametrize(("rows", "columns", "requantizers"), SHAPES)
def test_every_result_has_its_bytes_position_and_channel(rows, columns, requantizers, broadcast):
    config = configuration(rows, columns, requantizers)
    if broadcast and not config.broadcast:
        pytest.skip("such a core has no broadcast layers")
    for seed in range(8):
        f = drawn(config, seed, broadcast)
        order, expected = sums_order(f, config), walked(f, config)
        width = ceil((f.run - f.run_filling) / f.skip)
        assert order.indices.tolist() == list(expected)
        assert order.bytes.tolist() == [places for places, *_ in expected.values()]
        assert order.positions.tolist() == [y * width + x for _, x, y, _ in expected.values()]
        assert order.channels.tolist() == [channel for *_, channel in expected.values()]
        assert order.words == sums_words(f, config)
        assert not order.bytes.size or order.bytes.max() < order.words * rows


@pytest.mark.parametrize(("rows", "columns", "requantizers"), SHAPES)
def test_no_two_sums_share_a_byte(rows, columns, requantizers):
    config = configuration(rows, columns, requantizers)
    f = Descriptor(run=3 * rows, groups=2, columns=columns, last_columns=columns)
    order = sums_order(f, config)
    assert len(np.unique(order.bytes)) == order.bytes.size


@pytest.mark.parametrize(("rows", "columns", "requantizers"), SHAPES)
def test_what_lies_in_the_places_is_read_as_it_was_written(rows, columns, requantizers):
    config = configuration(rows, columns, requantizers)
    f = drawn(config, 5, False)
    order = sums_order(f, config)
    rng = np.random.default_rng(1)
    values = rng.integers(-(1 << 31), 1 << 31, (2, len(order.channels))).astype("<i4")
    data = np.zeros((2, order.words * rows), np.uint8)
    data[:, order.bytes] = values[..., None].view(np.uint8)
    np.testing.assert_array_equal(order.read(data), values)


def test_a_tile_of_the_default_core_takes_a_word_for_each_sum():
    config = AcceleratorConfig()
    assert (config.sum_words, config.sums_share, config.sums_tile_words) == (1, 1, 16)


def test_eight_rows_have_two_sums_in_a_word():
    config = AcceleratorConfig(rows=8, columns=16, requantizers=8, bank_words=22528)
    assert (config.sums_in_word, config.sum_words, config.sums_tile_words) == (8, 4, 64)
