"""Each counter counts its own event, and all come out bit by bit."""

import random

from accel.config import AcceleratorConfig
from accel.core.control.counters import Counters
from accel.protocol import COUNTER_BITS, COUNTERS, COUNTERS_BYTES
from tests.support.rtl.simulation import simulate


def test_events_are_counted_since_the_last_clear_and_rotate_back_to_where_they_were():
    dut, rng = Counters(AcceleratorConfig()), random.Random(3)

    async def bench(ctx):
        for _ in range(3):
            ctx.set(dut.clear, 1)
            await ctx.tick()
            ctx.set(dut.clear, 0)
            counted = [0] * len(COUNTERS)
            for _ in range(rng.randint(10, 90)):
                events = rng.getrandbits(len(COUNTERS))
                ctx.set(dut.events, events)
                counted = [count + (events >> k & 1) for k, count in enumerate(counted)]
                await ctx.tick()
            ctx.set(dut.events, 0)
            await ctx.tick()
            expected = sum(count << COUNTER_BITS * k for k, count in enumerate(counted))
            assert ctx.get(dut.value) == expected
            ctx.set(dut.host.next, 1)
            for index in range(8 * COUNTERS_BYTES):
                assert ctx.get(dut.host.bit) == expected >> index & 1
                await ctx.tick()
            ctx.set(dut.host.next, 0)
            assert ctx.get(dut.value) == expected

    simulate(dut, bench)
