"""Bytes cross an SPI line at up to a quarter of the core's clock, whatever the clocks' phases."""

import random

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.sim import Simulator

from accel.config import AcceleratorConfig
from accel.core.core import Core
from accel.core.host_link.spi import SpiTarget
from accel.protocol import Opcode, Status, closed, extension, header
from tests.support.rtl.simulation import Stalls

PERIOD = 1e-6


class Host:
    """A host whose clock has so many cycles of the core, and its target, which answers each byte.

    ``late`` is for how many cycles the target has nothing to send after a byte was fetched.
    """

    def __init__(self, cycles, seed, *, late=0, dut=None):
        self.half, self.rng, self.late = cycles / 2 * PERIOD, random.Random(seed), late
        self.dut = dut or SpiTarget()
        self.received, self.overruns = [], 0
        self.answers = []

    def run(self, talk):
        simulator = Simulator(self.dut)
        simulator.add_clock(PERIOD, phase=self.rng.random() * PERIOD)

        async def host(ctx):
            await talk(self, ctx)
            await ctx.delay(20 * PERIOD)

        simulator.add_testbench(host)
        simulator.add_testbench(self._take, background=True)
        simulator.add_testbench(self._answer, background=True)
        simulator.run()

    async def _take(self, ctx):
        dut = self.dut
        ctx.set(dut.o.ready, 1)
        async for *_, valid, payload, overrun in ctx.tick().sample(
            dut.o.valid, dut.o.payload, dut.overrun
        ):
            self.overruns += overrun
            if valid:
                self.received.append(payload)

    async def _answer(self, ctx):
        dut = self.dut
        while True:
            while not self.answers:
                await ctx.tick()
            ctx.set(dut.i.payload, self.answers.pop(0))
            ctx.set(dut.i.valid, 1)
            await ctx.tick().until(dut.i.ready)
            ctx.set(dut.i.valid, 0)
            await ctx.tick().repeat(1 + self.late)

    def jitter(self):
        return self.half * self.rng.uniform(0.96, 1.04)

    async def transfer(self, ctx, data, bits=8):
        """Bytes both ways, the target selected."""
        dut, answers = self.dut, []
        ctx.set(dut.select, 1)
        await ctx.delay(self.half)
        for byte in data:
            answer = 0
            for bit in range(bits):
                ctx.set(dut.copi, byte >> 7 - bit & 1)
                await ctx.delay(self.jitter())
                answer = answer << 1 | ctx.get(dut.cipo)
                ctx.set(dut.sck, 1)
                await ctx.delay(self.jitter())
                ctx.set(dut.sck, 0)
            answers.append(answer)
        await ctx.delay(self.half)
        ctx.set(dut.select, 0)
        await ctx.delay(self.half)
        return answers


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("cycles", [4.1, 4.5, 7.3, 50.0])
def test_all_bytes_cross_both_ways_without_a_gap(cycles, seed):
    """The phases of the clocks drift through all there are."""
    host = Host(cycles, seed, late=8)
    count = 256 if cycles < 10 else 40
    sent, back = list(range(count)), list(range(255, 255 - count, -1))

    async def talk(host, ctx):
        host.answers = list(back)
        await ctx.delay(10 * PERIOD)
        answers = await host.transfer(ctx, [*sent, *[0] * 4])
        assert answers[0] == 0
        begin = next(index for index, answer in enumerate(answers) if answer)
        assert begin <= 2
        assert answers[begin : begin + count] == back[: len(answers) - begin][:count]

    host.run(talk)
    assert host.received == [*sent, *[0] * 4]
    assert host.overruns == 0


def test_where_there_is_nothing_to_send_zeros_are_sent_and_no_byte_is_lost():
    host = Host(4.2, 1)

    async def talk(host, ctx):
        answers = await host.transfer(ctx, [1, 2, 3])
        host.answers = [0x81, 0x7E]
        answers += await host.transfer(ctx, [4, 5, 6, 7, 8, 9])
        assert [answer for answer in answers if answer] == [0x81, 0x7E]

    host.run(talk)
    assert host.received == list(range(1, 10))


def test_a_byte_that_is_not_whole_is_forgotten():
    host = Host(5, 2)

    async def talk(host, ctx):
        await host.transfer(ctx, [0x55])
        await host.transfer(ctx, [0xFF], bits=5)
        await host.transfer(ctx, [0xAA])

    host.run(talk)
    assert host.received == [0x55, 0xAA]


def test_a_byte_that_nobody_takes_is_lost_and_told():
    host = Host(4.2, 3)
    stalls = Stalls(0)

    async def never(ctx):
        async for *_, overrun in ctx.tick().sample(host.dut.overrun):
            host.overruns += overrun

    host._take = never

    async def talk(host, ctx):
        await stalls.wait(ctx)
        await host.transfer(ctx, [7, 8, 9])
        assert ctx.get(host.dut.o.payload) == 7

    host.run(talk)
    assert host.overruns == 2


def test_a_core_behind_its_pins_answers_at_a_quarter_of_its_clock():
    """Words are written and read again; answers have no gaps, which zeros in them would be."""
    config = AcceleratorConfig(rows=2, columns=2, bank_words=256, family="ice40up")
    m = Module()
    m.submodules.core = core = Core(config, simulate=True)
    m.submodules.link = link = SpiTarget()
    wiring.connect(m, core.i, link.o)
    wiring.connect(m, link.i, core.o)
    host, words = Host(4.1, 5, dut=link), bytes(range(1, 41))
    simulator = Simulator(m)
    simulator.add_clock(PERIOD)

    async def talk(ctx):
        await ctx.delay(10 * PERIOD)
        payload = extension(count=20, lanes_less_one=1, location=3)
        frames = [
            header(Opcode.HELLO, 7),
            header(Opcode.WRITE, 7, count=20, lanes_less_one=1, location=3) + closed(words),
            header(Opcode.READ, 9) + payload,
        ]
        answers = []
        for frame in frames:
            answers += await host.transfer(ctx, [*frame, *[0] * 60])
        said = bytes(answers)
        said = said[said.index(Status.INFO) :]
        assert said[1] == 7 and said[2:6] == b"accl"
        assert closed(bytes([Status.OK, 8])) in said
        assert closed(bytes([Status.DATA, 9]) + words) in said

    simulator.add_testbench(talk)
    simulator.run()
