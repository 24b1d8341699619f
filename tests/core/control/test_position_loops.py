"""The positions of a group are two nested loops, which begin anew with each group."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from accel.config import AcceleratorConfig
from accel.core.control.position_loops import PositionLoops
from accel.isa import COORDINATE_BITS, Isa
from tests.support.rtl.layers import positions, random_fields
from tests.support.rtl.simulation import UNSHRUNK, simulate

COORDINATES = (1 << COORDINATE_BITS) - 1
SEEDS = st.integers(0, 1 << 32)


@settings(UNSHRUNK, max_examples=30)
@given(rows=st.integers(2, 5), seed=SEEDS)
def test_positions_run_on_across_the_ends_of_runs_and_begin_anew_with_each_group(rows, seed):
    rng = random.Random(seed)
    config = AcceleratorConfig(rows=rows)
    isa, dut = Isa(config), PositionLoops(config)
    mask = (1 << isa.address_bits) - 1

    async def group(ctx, wanted):
        """Whole tiles of positions, with pauses; the group's end may be known right after."""
        advances = -(-len(wanted) // rows) * rows
        for index in range(advances):
            while rng.random() < 0.3:
                assert ctx.get(dut.exhausted) == (index >= len(wanted))
                await ctx.tick()
            ctx.set(dut.advance, 1)
            if index < len(wanted):
                address, inner, outer = wanted[index]
                position = ctx.get(dut.position)
                assert position.address == address & mask
                assert (position.inner, position.outer) == (
                    inner & COORDINATES,
                    outer & COORDINATES,
                )
            assert ctx.get(dut.exhausted) == (index >= len(wanted) - 1)
            await ctx.tick()
            ctx.set(dut.advance, 0)
        for _ in range(rng.choice([0, 0, 2])):
            assert ctx.get(dut.exhausted)
            await ctx.tick()
        ctx.set(dut.group_passed, 1)
        assert ctx.get(dut.exhausted)
        await ctx.tick()
        ctx.set(dut.group_passed, 0)

    async def bench(ctx):
        for _ in range(3):
            fields = random_fields(isa, rng)
            ctx.set(dut.layer.descriptor, fields)
            ctx.set(dut.layer.start, 1)
            await ctx.tick()
            ctx.set(dut.layer.start, 0)
            await ctx.tick()
            for index in range(fields["groups_less_one"] + 1):
                await group(ctx, positions(fields, index))

    simulate(dut, bench)
