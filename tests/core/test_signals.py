"""What the components of the core are made of: loops and delays."""

import random

import pytest
from amaranth.hdl import *
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.core.signals import LoopCounter, delayed
from tests.support.rtl.simulation import UNSHRUNK, simulate


class Loop(Elaboratable):
    """A loop counter with ports."""

    def __init__(self, width):
        self.less_one, self.advance, self.restart = Signal(width), Signal(), Signal()
        self.value, self.last, self.last_then = Signal(width), Signal(), Signal()

    def elaborate(self, platform):
        m = Module()
        loop = LoopCounter(
            m, self.less_one, advance=self.advance, restart=self.restart, name="loop"
        )
        for name in ("value", "last", "last_then"):
            m.d.comb += getattr(self, name).eq(getattr(loop, name))
        return m


@settings(UNSHRUNK, max_examples=30)
@given(
    width=st.integers(2, 5),
    counts=st.lists(st.integers(1, 32), min_size=1, max_size=4),
    seed=st.integers(0, 1 << 32),
)
def test_a_loop_counts_its_turns_around_and_tells_the_last_one(width, counts, seed):
    rng = random.Random(seed)
    dut = Loop(width)

    async def bench(ctx):
        for count in (1 + (count - 1) % (1 << width) for count in counts):
            ctx.set(dut.less_one, count - 1)
            await ctx.tick()
            ctx.set(dut.restart, 1)
            ctx.set(dut.advance, rng.randrange(2))
            await ctx.tick()
            left = count
            for _ in range(3 * count + 5):
                advance, restart = rng.random() < 0.7, rng.random() < 0.05
                ctx.set(dut.advance, advance)
                ctx.set(dut.restart, restart)
                assert ctx.get(dut.value) == -left % (1 << width)
                assert ctx.get(dut.last) == (left == 1)
                then = count if restart or left == 1 else left - 1
                assert ctx.get(dut.last_then) == (then == 1)
                left = then if restart or advance else left
                await ctx.tick()

    simulate(dut, bench)


class Delay(Elaboratable):
    """A delay with ports."""

    def __init__(self, cycles, init):
        self.i, self.o = Signal(8), Signal(8)
        self.cycles, self.init = cycles, init

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.o.eq(delayed(m, self.i, self.cycles, name="delayed", init=self.init))
        return m


@pytest.mark.parametrize("init", [None, 0, 5])
@pytest.mark.parametrize("cycles", [1, 4])
def test_a_delay_shows_its_initial_value_then_what_came_so_many_cycles_ago(cycles, init):
    rng = random.Random(cycles)
    values = [rng.randrange(256) for _ in range(20)]
    dut = Delay(cycles, init)
    seen = []

    async def bench(ctx):
        for value in values:
            ctx.set(dut.i, value)
            seen.append(ctx.get(dut.o))
            await ctx.tick()

    simulate(dut, bench)
    assert seen == ([init or 0] * cycles + values)[: len(values)]
