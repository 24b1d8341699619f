"""The places of a tile's sums come in order, from the cycle after the tile has finished."""

import random

import pytest

from accel.config import AcceleratorConfig
from accel.core.datapath.drain_order import DrainOrder
from tests.support.rtl.simulation import simulate


@pytest.mark.parametrize("residual", [0, 1])
@pytest.mark.parametrize(
    ("rows", "columns", "requantizers"), [(2, 1, 1), (2, 2, 2), (4, 4, 1), (4, 4, 4), (4, 8, 2)]
)
def test_rows_and_columns_are_walked_at_the_layers_pace(rows, columns, requantizers, residual):
    config = AcceleratorConfig(rows=rows, columns=columns, requantizers=requantizers)
    dut, rng = DrainOrder(config), random.Random(columns)
    pace = config.pace if residual else 1
    walk = [(r, c) for r in range(rows) for c in range(columns // requantizers)]

    async def bench(ctx):
        if dut.paced:
            ctx.set(dut.residual, residual)
        for _ in range(4):
            half, group_last = rng.randrange(2), rng.randrange(2)
            ctx.set(dut.step, {"half": half, "group_last": group_last})
            ctx.set(dut.finished, 1)
            await ctx.tick()
            ctx.set(dut.finished, 0)
            ctx.set(dut.step, {})
            for index in range(pace * len(walk)):
                row, column = walk[index // pace]
                assert ctx.get(dut.valid) == (index % pace == 0)
                place = ctx.get(dut.place)
                if ctx.get(dut.valid):
                    last = index == pace * (len(walk) - 1)
                    assert (ctx.get(dut.row), place.column, place.half) == (row, column, half)
                    assert ctx.get(dut.column_last) == (column == columns // requantizers - 1)
                    assert ctx.get(dut.release) == (last and group_last)
                following = ctx.get(dut.place_next)
                await ctx.tick()
                assert ctx.get(dut.place) == following
            for _ in range(rng.randrange(4)):
                assert not ctx.get(dut.valid)
                await ctx.tick()

    simulate(dut, bench)
