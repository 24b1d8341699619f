"""Every row gets the bytes of its own words in turn, or all rows the word that arrives."""

import random

import pytest
from amaranth.hdl import signed
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.core.datapath.row_feeder import RowFeeder
from tests.support.rtl.simulation import UNSHRUNK, simulate

SHAPES = [(2, 1), (2, 2), (3, 5), (4, 4), (4, 8), (8, 4)]
FAMILIES = ["generic", "ecp5"]


def drive(rows, columns, family, cycles):
    """The operands ``[rows][columns]`` that belong to each cycle, ``latency`` cycles after it, from
    (word's bytes, row or None, broadcast)."""
    dut = RowFeeder(
        rows=rows, columns=columns, activation_shape=signed(8), family=family, simulate=True
    )
    seen = []

    async def bench(ctx):
        for word, row, broadcast in [*cycles, *cycles[: dut.latency]]:
            ctx.set(dut.word, word)
            ctx.set(dut.load, 0 if row is None else 1 << row)
            ctx.set(dut.broadcast, broadcast)
            operands = [ctx.get(dut.o[k]) for k in range(rows * columns)]
            seen.append([operands[r * columns : (r + 1) * columns] for r in range(rows)])
            await ctx.tick()

    simulate(dut, bench)
    return seen[dut.latency :]


def words(rng, rows, count):
    return [[rng.randrange(-128, 128) for _ in range(rows)] for _ in range(count)]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("rows", "columns"), SHAPES)
@settings(UNSHRUNK, max_examples=8)
@given(seed=st.integers(0, 1 << 32), gaps=st.lists(st.integers(0, 5), min_size=1, max_size=5))
def test_one_word_a_cycle_gives_each_row_its_bytes_a_cycle_after_the_row_above(
    rows, columns, family, seed, gaps
):
    # Tiles of some blocks each, at once or with pauses between them in which words are garbage.
    rng = random.Random(seed)
    cycles, expected = [], {}
    for gap in [*gaps, rows]:
        for index, word in enumerate(words(rng, rows, rows * rng.randint(1, 3))):
            row = index % rows
            expected |= {(len(cycles) + k, row): byte for k, byte in enumerate(word)}
            cycles.append((word, row, 0))
        cycles += [(word, None, 0) for word in words(rng, rows, gap)]
    seen = drive(rows, columns, family, cycles)
    assert {(time, row): seen[time][row] for time, row in expected} == {
        key: [byte] * columns for key, byte in expected.items()
    }


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("rows", "columns"), SHAPES)
@settings(UNSHRUNK, max_examples=8)
@given(seed=st.integers(0, 1 << 32))
def test_a_broadcast_word_gives_its_bytes_to_the_columns_of_all_rows(rows, columns, family, seed):
    rng = random.Random(seed)
    cycles = [
        (word, rng.choice([None, *range(rows)]), rng.randrange(2)) for word in words(rng, rows, 60)
    ]
    seen = drive(rows, columns, family, cycles)
    for (word, _, broadcast), operands in zip(cycles, seen, strict=True):
        if broadcast:
            assert operands == [[word[c % rows] for c in range(columns)]] * rows
