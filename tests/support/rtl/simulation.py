"""Runs testbenches in Amaranth's simulator, and moves streams with random stalls."""

import gc
import random
from collections.abc import Iterable

from amaranth.sim import Simulator
from hypothesis import Phase, settings

PERIOD = 1e-6

# Of property tests that simulate hardware: cases are small as they are drawn, and to make one that
# fails smaller still would take minutes of simulation.
UNSHRUNK = settings(phases=(Phase.explicit, Phase.reuse, Phase.generate))


def simulate(dut, *testbenches, background=(), cycles=20_000):
    """Run until all testbenches but those in the background have ended, at most ``cycles`` cycles.

    In each cycle they are asked in their order, so that the later ones see what the earlier set.
    """
    simulator = Simulator(dut)
    simulator.add_clock(PERIOD)
    for testbench in testbenches:
        simulator.add_testbench(testbench)
    for testbench in background:
        simulator.add_testbench(testbench, background=True)

    async def watchdog(ctx):
        await ctx.delay(cycles * PERIOD)
        raise AssertionError(f"simulation did not finish within {cycles} cycles")

    simulator.add_testbench(watchdog, background=True)
    # What is left of testbenches in the background is finalized here, and not whenever memory is
    # collected next: in the middle of a compilation that breaks CPython 3.11 ("AST constructor
    # recursion depth mismatch").
    gc.freeze()
    try:
        simulator.run()
    finally:
        del simulator
        gc.collect()
        gc.unfreeze()


class Stalls:
    """Random pauses, of which the same seed gives the same: none in ``rate`` 0."""

    def __init__(self, rate: float, seed: int = 0):
        self.rate = rate
        self.random = random.Random(seed)

    async def wait(self, ctx):
        while self.random.random() < self.rate:
            await ctx.tick()


async def send(ctx, port, payloads: Iterable[int], stalls: Stalls):
    """Put payloads on a stream, with pauses between them."""
    for payload in payloads:
        await stalls.wait(ctx)
        ctx.set(port.payload, payload)
        ctx.set(port.valid, 1)
        await ctx.tick().until(port.ready)
        ctx.set(port.valid, 0)


async def receive(ctx, port, count: int, stalls: Stalls) -> list[int]:
    """Take ``count`` payloads from a stream, with pauses between them."""
    received = []
    for _ in range(count):
        await stalls.wait(ctx)
        ctx.set(port.ready, 1)
        (payload,) = await ctx.tick().sample(port.payload).until(port.valid)
        received.append(payload)
        ctx.set(port.ready, 0)
    return received
