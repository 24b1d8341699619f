"""The taps of a tile are nested loops."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.config import AcceleratorConfig
from accel.core.control.tap_loops import SHARE_CYCLES, TapLoops
from accel.isa import COORDINATE_BITS, Isa
from tests.support.rtl.layers import random_fields, taps
from tests.support.rtl.simulation import UNSHRUNK, simulate

COORDINATES = (1 << COORDINATE_BITS) - 1
SEEDS = st.integers(0, 1 << 32)


@pytest.mark.parametrize("broadcast", [False, True])
@pytest.mark.parametrize("rows", [2, 3, 4])
@settings(UNSHRUNK, max_examples=10)
@given(seed=SEEDS)
def test_taps_are_nested_loops_that_begin_anew_with_each_tile(rows, broadcast, seed):
    rng = random.Random(seed)
    config = AcceleratorConfig(rows=rows)
    isa, dut = Isa(config), TapLoops(config)
    seen, expected = [], []
    names = ("slot", "advancing", "first", "first_block", "tile_last", "offset", "inner", "outer")

    async def tile(ctx):
        ctx.set(dut.busy, 1)
        last = False
        while not last:
            seen.append({name: ctx.get(getattr(dut, name)) for name in names})
            last = seen[-1]["tile_last"]
            await ctx.tick()
        ctx.set(dut.busy, 0)

    async def bench(ctx):
        for _ in range(2):
            fields = random_fields(isa, rng, broadcast=broadcast)
            ctx.set(dut.layer.descriptor, fields)
            ctx.set(dut.layer.start, 1)
            await ctx.tick()
            ctx.set(dut.layer.start, 0)
            await ctx.tick()
            for _ in range(3):
                for _ in range(rng.choice([0, 0, 1, 3])):
                    assert not ctx.get(dut.tile_last)
                    await ctx.tick()
                await tile(ctx)
                expected.extend(walk(fields, rows))

    def walk(fields, rows):
        blocks = list(taps(fields))
        slots = 1 if broadcast else rows
        for cycle in range(slots * len(blocks)):
            offset, inner, outer = blocks[cycle // slots]
            yield {
                "slot": cycle % rows,
                "advancing": int(cycle < rows),
                "first": int(cycle == 0),
                "first_block": int(cycle < slots),
                "tile_last": int(cycle == slots * len(blocks) - 1),
                "offset": offset & (1 << isa.address_bits) - 1,
                "inner": inner & COORDINATES,
                "outer": outer & COORDINATES,
            }

    simulate(dut, bench)
    assert seen == expected


@pytest.mark.parametrize("broadcast", [False, True])
@settings(UNSHRUNK, max_examples=10)
@given(seed=SEEDS)
def test_a_tile_that_shares_memory_pauses_only_between_runs_of_taps(broadcast, seed):
    """In a broadcast layer a run is all inner taps, whose words go to row after row."""
    rng, rows = random.Random(seed), 4
    config = AcceleratorConfig(rows=rows)
    dut, seen, expected = TapLoops(config), [], []

    async def tile(ctx):
        pauses, cycle, last = [], 0, False
        ctx.set(dut.busy, 1)
        while not last:
            last = ctx.get(dut.tile_last)
            if ctx.get(dut.pause):
                pauses.append(cycle)
            else:
                cycle += 1
            await ctx.tick()
        ctx.set(dut.busy, 0)
        seen.append((cycle, pauses))

    async def bench(ctx):
        ctx.set(dut.share, 1)
        for _ in range(2):
            fields = random_fields(Isa(config), rng, broadcast=broadcast)
            fields["inner_taps_less_one"], fields["outer_taps_less_one"] = rng.choices(
                range(40 if broadcast else 7), k=2
            )
            ctx.set(dut.layer.descriptor, fields)
            ctx.set(dut.layer.start, 1)
            await ctx.tick()
            ctx.set(dut.layer.start, 0)
            await ctx.tick()
            inner, cycles = fields["inner_taps_less_one"] + 1, len(list(taps(fields)))
            cycles, run = (cycles, inner) if broadcast else (cycles * rows, rows)
            for _ in range(2):
                await tile(ctx)
                expected.append((cycles, list(pauses_after(run, cycles))))

    def pauses_after(run, cycles):
        since = 0
        for end in range(run, cycles, run):
            since += run
            if since >= SHARE_CYCLES:
                yield end
                since = 0

    simulate(dut, bench)
    assert seen == expected
