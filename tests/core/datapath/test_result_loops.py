"""The loops over a layer's results are walked in the order of the drain, whatever its pauses."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.config import AcceleratorConfig
from accel.core.datapath.result_loops import ResultLoops
from accel.isa import COORDINATE_BITS, Isa
from tests.support.rtl.layers import random_fields
from tests.support.rtl.simulation import UNSHRUNK, simulate

SIZES = [(2, 1, 1), (2, 2, 2), (3, 5, 1), (4, 4, 1), (4, 4, 4), (4, 8, 2), (8, 4, 2)]


def walked(f, config):
    """What is said of each of the results of a layer, by name."""
    rows, columns, count = config.rows, config.columns, config.requantizers
    run, runs, groups = (f[f"{name}_less_one"] + 1 for name in ("run", "runs", "groups"))
    positions = -(-run * runs // rows) * rows
    for group in range(groups):
        for position in range(positions):
            for column in range(0, columns, count):
                row_end = column == columns - count
                group_end = row_end and position == positions - 1
                found = {
                    "column": column,
                    "row_end": row_end,
                    "restart": group_end,
                    "passed": position >= run * runs,
                    "group_last": group == groups - 1,
                    "layer_end": group_end and group == groups - 1,
                }
                if position < run * runs:
                    found["remaining"] = (position % run - run) % (1 << COORDINATE_BITS)
                    found["run_last"] = position % run == run - 1
                    found["runs_last"] = position // run == runs - 1
                yield position % rows % 2, found


@pytest.mark.parametrize(("rows", "columns", "requantizers"), SIZES)
@settings(UNSHRUNK, max_examples=3)
@given(seed=st.integers(0, 1 << 32))
def test_columns_rows_positions_runs_and_groups_are_counted(rows, columns, requantizers, seed):
    config = AcceleratorConfig(rows=rows, columns=columns, requantizers=requantizers)
    dut, rng = ResultLoops(config), random.Random(seed)

    async def bench(ctx):
        for _ in range(3):
            fields = random_fields(Isa(config), rng)
            ctx.set(dut.layer.descriptor, fields)
            ctx.set(dut.layer.start, 1)
            await ctx.tick()
            ctx.set(dut.layer.start, 0)
            await ctx.tick().repeat(3)
            for odd, expected in walked(fields, config):
                while rng.random() < 0.2:
                    assert not ctx.get(dut.o.layer_end)
                    await ctx.tick()
                    assert not ctx.get(dut.o.valid)
                ctx.set(dut.coming, 1)
                assert ctx.get(dut.o.odd_row) == odd
                await ctx.tick()
                ctx.set(dut.coming, 0)
                found = {name: ctx.get(getattr(dut.o, name)) for name in expected}
                assert found == expected
                assert ctx.get(dut.o.valid)
            await ctx.tick()

    simulate(dut, bench, cycles=100_000)
