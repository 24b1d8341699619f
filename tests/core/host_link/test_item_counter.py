"""The last item of a request is known two cycles after the one before is done with."""

import pytest

from accel.core.host_link.item_counter import ItemCounter
from tests.support.rtl.simulation import simulate


@pytest.mark.parametrize("count", [1, 2, 3, 7, 256, 300])
def test_the_last_item_is_told_before_it_is_done(count):
    dut, seen = ItemCounter(), []

    async def bench(ctx):
        for byte in count.to_bytes(2, "little"):
            ctx.set(dut.byte, byte)
            ctx.set(dut.load, 1)
            await ctx.tick()
        ctx.set(dut.load, 0)
        await ctx.tick()
        for _ in range(min(count, 300)):
            seen.append(ctx.get(dut.last))
            ctx.set(dut.done, 1)
            await ctx.tick()
            ctx.set(dut.done, 0)
            assert ctx.get(dut.busy)
            await ctx.tick().repeat(2)
            assert not ctx.get(dut.busy)

    simulate(dut, bench)
    assert seen == [0] * (count - 1) + [1]


def test_of_a_count_of_0_no_item_is_the_last_one():
    dut = ItemCounter()

    async def bench(ctx):
        ctx.set(dut.load, 1)
        await ctx.tick().repeat(2)
        ctx.set(dut.load, 0)
        for _ in range(50):
            ctx.set(dut.done, 1)
            await ctx.tick()
            ctx.set(dut.done, 0)
            await ctx.tick().repeat(2)
            assert not ctx.get(dut.last)

    simulate(dut, bench)
