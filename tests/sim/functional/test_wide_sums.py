"""Layers that keep their sums, and layers that add to them, compute parts of one dot product."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from accel.compiler.ir.descriptor import Descriptor
from accel.config import AcceleratorConfig
from accel.isa import Isa
from accel.sim.functional.decode import decode_layer
from accel.sim.functional.layer import POISON, IllegalProgram
from tests.support.rtl.chunks import random_chunk, random_memory

CONFIGS = {
    "4x4": AcceleratorConfig(bank_words=512),
    "8x16": AcceleratorConfig(rows=8, columns=16, requantizers=8, bank_words=512),
    "3x5": AcceleratorConfig(rows=3, columns=5, bank_words=512),
    "8x8": AcceleratorConfig(rows=8, columns=8, bank_words=512),
}


def layer(config, rng, **changes):
    """A dense layer of two groups, with several positions."""
    f = Descriptor(
        position_inner_step=2,
        position_outer_step=3,
        tap_inner_step=1,
        tap_outer_step=1,
        inner_size=16,
        outer_size=16,
        inner_origin=3,
        outer_origin=1,
        inner_stride=1,
        outer_stride=1,
        inner_taps=3,
        run=3,
        runs=3,
        groups=2,
        columns=config.columns,
        last_columns=max(1, config.columns - 2),
        output_base=300,
        output_group_words=config.columns // config.rows,
        output_group_lanes=config.columns % config.rows,
        output_inner_step=2 * -(-config.columns // config.rows),
        output_outer_step=2 * -(-config.columns // config.rows),
        **({"output_broadcast_row_step": 1} if config.broadcast_rows > 1 else {}),
        broadcast_rows=config.broadcast_rows,
        last_broadcast_rows=config.broadcast_rows,
    )
    f = replace(f, **changes)
    steps = f.steps(config.rows)
    rows = -(-steps // config.steps_per_weight_row)
    f = replace(f, weight_words=rows * config.words_per_weight_row)
    return decode_layer(random_chunk(f, config, rng), config)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_sum_in_parts_makes_the_codes_of_the_whole(config):
    rng = Random(1)
    first = layer(config, rng, keep_sums=True)
    second = layer(config, rng, keep_sums=True, add_sums=True, input_base=40)
    last = layer(config, rng, add_sums=True, input_base=80)
    memory = random_memory(config, rng)
    source = memory[:, 0].view(np.int8).copy()
    expected = sum(
        part._dense_sums(source, 2).astype(np.int64) + extra
        for part, extra in (
            (first, first.division.bias),
            (second, second.division.bias),
            (last, 0),
        )
    )
    for part in (first, second, last):
        part.run(memory)
    codes = last.division.compute(expected).astype(np.int8).view(np.uint8)
    written = last.writes >= 0
    np.testing.assert_array_equal(memory[0, 1, last.writes[written]], codes[0][written])


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_nothing_but_the_region_is_written_and_what_is_no_result_is_poisoned(config):
    rng = Random(2)
    kept = layer(config, rng, keep_sums=True, sums_base=1)
    memory = random_memory(config, rng)
    before = memory.copy()
    kept.run(memory)
    first = config.sums_tile_words * config.rows
    end = first + kept.kept.words * config.rows
    np.testing.assert_array_equal(memory[:, 0], before[:, 0])
    np.testing.assert_array_equal(memory[:, 1, :first], before[:, 1, :first])
    np.testing.assert_array_equal(memory[:, 1, end:], before[:, 1, end:])
    rest = np.setdiff1d(np.arange(first, end), kept.kept.bytes)
    assert len(rest) and (memory[:, 1, rest] == POISON).all()


def test_totals_are_modulo_2_to_the_32():
    config = CONFIGS["4x4"]
    rng = Random(3)
    parts = [layer(config, rng, keep_sums=True, add_sums=bool(n)) for n in range(2)]
    memory = random_memory(config, rng)
    source = memory[:, 0].view(np.int8).copy()
    parts[0].run(memory)
    kept = parts[0].kept
    memory[:, 1, kept.bytes] = np.frombuffer((2**31 - 1).to_bytes(4, "little"), np.uint8)
    parts[1].run(memory)
    sums = parts[1]._dense_sums(source, 2).astype(np.int64) + parts[1].division.bias + 2**31 - 1
    expected = sums.astype(np.int32).reshape(1, -1)[:, parts[1]._results[1]]
    assert (sums > 2**31 - 1).any()
    np.testing.assert_array_equal(kept.read(memory[:, 1]), expected)


@pytest.mark.parametrize("flag", ["residual", "maximum", "lookup_tables"])
def test_flags_that_meet_no_kept_sums_are_refused(flag):
    rng = Random(4)
    with pytest.raises(IllegalProgram, match=r"a layer of wide sums has one of residual"):
        layer(CONFIGS["4x4"], rng, keep_sums=True, **{flag: True})


def test_a_region_past_the_bank_is_refused():
    with pytest.raises(IllegalProgram, match="keeps sums outside its bank"):
        layer(CONFIGS["4x4"], Random(5), keep_sums=True, sums_base=30)


def test_a_core_without_wide_sums_has_no_such_fields():
    config = AcceleratorConfig(wide_sums=0)
    fields = {name: shape.width for name, shape in Isa(config).descriptor}
    wide = {name: shape.width for name, shape in Isa(config.replace(wide_sums=1)).descriptor}
    assert wide.items() - fields.items() == {("keep_sums", 1), ("add_sums", 1), ("sums_base", 10)}
    assert fields.items() < wide.items()
    assert Isa(config).descriptor.size == sum(fields.values()) == 287
