"""A tile may begin as soon as the results of the one before have left, and not a cycle earlier."""

import random

import pytest

from accel.config import AcceleratorConfig
from accel.core.control.tile_spacing import TileSpacing
from tests.support.rtl.simulation import simulate


@pytest.mark.parametrize("residual", [0, 1])
@pytest.mark.parametrize(
    ("rows", "columns", "requantizers"),
    [(2, 1, 1), (2, 2, 2), (4, 4, 1), (4, 4, 4), (4, 8, 2), (3, 5, 1)],
)
def test_tiles_keep_their_distance_and_their_period(rows, columns, requantizers, residual):
    config = AcceleratorConfig(rows=rows, columns=columns, requantizers=requantizers)
    dut, rng = TileSpacing(config), random.Random(rows)
    period = config.word_cycles * config.pace
    distance = config.tile_cycles(residual)

    async def bench(ctx):
        ctx.set(dut.residual, residual)
        await ctx.tick().repeat(2 * distance)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        begun = -distance
        for time in range(1, 400):
            may = time - begun >= distance and (not residual or (time - 1) % period == 0)
            assert ctx.get(dut.open) == may
            begin = may and rng.random() < 0.5
            ctx.set(dut.begin, begin)
            begun = time if begin else begun
            await ctx.tick()

    simulate(dut, bench)
