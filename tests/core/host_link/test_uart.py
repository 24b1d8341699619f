# amaranth: UnusedElaboratable=no
"""Bytes cross a serial line whatever the gaps, the rate's error and the glitches."""

import random
import re

import pytest
from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.core.host_link.uart import Transmitter, Uart
from accel.protocol import EIGHTHS, LEAST_EIGHTHS, SHORTEST_BIT
from tests.support.rtl.simulation import UNSHRUNK, simulate

CLOCK_HZ = 36e6
BAUD = 1e6


def levels(data, *, gaps, rate=1.0, cycles_per_bit=CLOCK_HZ / BAUD, jitter=0.0, seed=0):
    """The line's level in every cycle; ``gaps`` in bits before each byte, ``jitter`` in cycles."""
    line, rng = [], random.Random(seed)
    time = rng.random()
    for byte, gap in zip(data, gaps, strict=True):
        for level, bits in [(1, gap), (0, 1), *((byte >> k & 1, 1) for k in range(8)), (1, 1)]:
            time += bits * cycles_per_bit / rate
            line += [level] * (round(time + rng.uniform(-jitter, jitter)) - len(line))
    return line + [1] * round(3 * cycles_per_bit)


def receive(line, *, taken_after=0, baud=BAUD):
    """Bytes that a UART makes of ``line``, and how often it told an overrun and a framing error."""
    dut = Uart(clock_hz=CLOCK_HZ, baud=baud)
    received = []
    flags = {"overrun": 0, "framing_error": 0}

    async def drive(ctx):
        waited = 0
        for level in line:
            ctx.set(dut.rx, level)
            valid = ctx.get(dut.o.valid)
            ready = valid and waited >= taken_after
            ctx.set(dut.o.ready, ready)
            waited = waited + 1 if valid and not ready else 0
            if ready:
                received.append(ctx.get(dut.o.payload))
            for flag in flags:
                flags[flag] += ctx.get(getattr(dut, flag))
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1 / CLOCK_HZ)
    simulator.add_testbench(drive)
    simulator.run()
    return received, flags


@settings(UNSHRUNK, max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 255), st.floats(0, 3)), min_size=1, max_size=6),
    st.floats(0.97, 1.03),
)
def test_bytes_are_received_at_any_gap_and_with_three_percent_of_error(pieces, rate):
    data = [byte for byte, _ in pieces]
    line = levels(data, gaps=[1 + pieces[0][1], *(gap for _, gap in pieces[1:])], rate=rate)
    assert receive(line) == (data, {"overrun": 0, "framing_error": 0})


def test_every_byte_is_received_without_a_gap():
    data = list(range(256))
    line = levels(data, gaps=[1] + [0] * 255, cycles_per_bit=12)
    received, flags = receive(line, baud=CLOCK_HZ / 12)
    assert received == data
    assert not any(flags.values())


CORNERS = (0, 255, 0x55, 0xAA, 1, 0x80, 0x7F, 0xFE)
JITTER = 0.25  # cycles, of each edge: 7 ns at 36 MHz


# From 3 cycles to nearly 5, at a clock that is half a percent off in either direction, or right.
SHORT_BITS = [
    (EIGHTHS * SHORTEST_BIT + k, rate)
    for k in range(2 * EIGHTHS)
    for rate in ((0.995, 1.005) if k < 2 else (0.995, 1.0, 1.005)[k % 3 :][:1])
]


@pytest.mark.parametrize(("bit", "rate"), SHORT_BITS)
def test_with_bits_of_three_cycles_and_more_every_byte_is_received_without_a_gap(rate, bit):
    """From a clock that is half a percent off, with jitter."""
    data = [*CORNERS, *random.Random(bit).randbytes(80)]
    cycles = bit / EIGHTHS
    line = levels(
        data,
        gaps=[1] + [0] * (len(data) - 1),
        rate=rate,
        cycles_per_bit=cycles,
        jitter=JITTER,
        seed=bit,
    )
    received, flags = receive(line, baud=CLOCK_HZ / cycles)
    assert received == data
    assert not any(flags.values())


def decoded(line, bit, rng):
    """Bytes of a line, as a receiver of another clock and with jitter finds them in the middles of
    bits of so many cycles."""
    found, time = [], 1
    while time < len(line) - 10 * bit:
        if line[int(time)] or not line[int(time) - 1]:
            time = int(time) + 1
            continue
        start = int(time)
        at = [start + bit * (k + 0.5) + rng.uniform(-JITTER, JITTER) for k in range(10)]
        bits = [line[int(moment)] for moment in at]
        assert bits[0] == 0
        assert bits[9] == 1
        found.append(sum(level << k for k, level in enumerate(bits[1:9])))
        time = at[9]
    return found


@pytest.mark.parametrize(("bit", "rate"), SHORT_BITS)
def test_with_bits_of_three_cycles_and_more_every_byte_is_sent_without_a_gap(rate, bit):
    data, line = [*CORNERS, *random.Random(bit).randbytes(50)], []
    dut = Transmitter(width=2)

    async def send(ctx):
        ctx.set(dut.bit.as_value(), bit - LEAST_EIGHTHS)
        await ctx.tick().repeat(7)
        for byte in data:
            ctx.set(dut.i.payload, byte)
            ctx.set(dut.i.valid, 1)
            await ctx.tick().until(dut.i.ready)
        ctx.set(dut.i.valid, 0)
        await ctx.tick().repeat(50)

    async def listen(ctx):
        async for *_, level in ctx.tick().sample(dut.tx):
            line.append(level)

    simulate(dut, send, background=[listen])
    begin, end = line.index(0), len(line) - line[::-1].index(0)
    assert end - begin <= len(data) * round(10 * bit / EIGHTHS + 0.01)
    assert decoded(line, bit / EIGHTHS * rate, random.Random(1)) == data


@settings(UNSHRUNK, max_examples=15)
@given(st.integers(1, 14), st.integers(0, 255))
def test_a_glitch_is_not_a_start_bit(length, byte):
    glitch = [1] * 40 + [0] * length + [1] * 40
    assert receive(glitch + levels([byte], gaps=[0]))[0] == [byte]


def test_a_byte_without_a_stop_bit_is_dropped_and_told():
    line = levels([0x00], gaps=[1])
    broken = line[: 10 * 36] + [0] * 36 + [1] * 400
    received, flags = receive(broken + levels([0x5A], gaps=[1]))
    assert received == [0x5A]
    assert flags["framing_error"] == 1


def test_a_byte_is_held_until_the_next_one_is_complete():
    data = [1, 2, 3]
    assert receive(levels(data, gaps=[1, 0, 0]) + [1] * 300, taken_after=300)[0] == data


def test_a_lost_byte_is_told_and_the_one_before_it_is_kept():
    received, flags = receive(levels([1, 2, 3], gaps=[1, 0, 0]) + [1] * 600, taken_after=500)
    assert received == [1, 3]
    assert flags["overrun"] == 1


class Loop(wiring.Component):
    """A UART that hears itself."""

    def __init__(self, clock_hz, baud):
        self.uart = Uart(clock_hz=clock_hz, baud=baud)
        super().__init__(self.uart.signature)

    def elaborate(self, platform):
        m = Module()
        m.submodules.uart = uart = self.uart
        wiring.connect(m, wiring.flipped(self.i), uart.i)
        wiring.connect(m, wiring.flipped(self.o), uart.o)
        m.d.comb += [uart.rx.eq(uart.tx), self.tx.eq(uart.tx), self.overrun.eq(uart.overrun)]
        return m


@pytest.mark.parametrize(
    ("clock_hz", "baud"), [(36e6, 1e6), (12e6, 115200), (50e6, 3e6), (48e6, 2e6), (16e6, 1e6)]
)
def test_what_is_sent_is_received_without_a_pause(clock_hz, baud):
    rng = random.Random(3)
    data = [rng.randrange(256) for _ in range(12)]
    dut = Loop(clock_hz, baud)
    received = []

    async def send(ctx):
        for byte in data:
            ctx.set(dut.i.payload, byte)
            ctx.set(dut.i.valid, 1)
            await ctx.tick().until(dut.i.ready)
        ctx.set(dut.i.valid, 0)

    async def take(ctx):
        ctx.set(dut.o.ready, 1)
        bits = clock_hz / baud
        for k in range(len(data)):
            # Ten bits a byte, and up to one bit until the first begins.
            cycles = round(bits * 10 * 1.01 + (2 * bits if k == 0 else 2))
            for _ in range(cycles):
                *_, valid, payload = await ctx.tick().sample(dut.o.valid, dut.o.payload)
                if valid:
                    received.append(payload)
                    break

    simulator = Simulator(dut)
    simulator.add_clock(1 / clock_hz)
    simulator.add_testbench(send)
    simulator.add_testbench(take)
    simulator.run()
    assert received == data


@pytest.mark.parametrize("clock_hz", [12e6, 36e6, 42e6, 50e6, 49.5e6])
@pytest.mark.parametrize("baud", [9600, 115200, 500_000, 1_000_000])
def test_the_rate_is_made_to_a_fiftieth(clock_hz, baud):
    assert Uart(clock_hz=clock_hz, baud=baud).made_baud == pytest.approx(baud, rel=0.02)


@pytest.mark.parametrize("baud", [0, 13e6])
def test_a_rate_that_the_clock_cannot_make_is_refused(baud):
    message = (
        f"Baud rate must be positive and at most 1.2e+07 with a clock of 3.6e+07 Hz, not {baud:g}"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Uart(clock_hz=36e6, baud=baud)


def test_a_rate_is_made_to_an_eighth_of_a_cycle_in_a_bit():
    for baud, made in ((8e6, 8e6), (11.8e6, 12e6), (12.2e6, 12e6), (1.1e6, 288e6 / 262)):
        assert Uart(clock_hz=36e6, baud=baud).made_baud == pytest.approx(made)


class Rate:
    """A UART of 12 cycles a bit at first, and the cycles that a bit has that it sends."""

    def __init__(self, talk):
        self.dut = Uart(clock_hz=12, baud=1)
        self.talk = talk
        simulate(self.dut, self._bench)

    async def _bench(self, ctx):
        await self.talk(self, ctx)

    async def set(self, ctx, cycles):
        rate = self.dut.rate
        ctx.set(rate.bit, EIGHTHS * cycles - LEAST_EIGHTHS)
        assert await self.measured(ctx) == self.before
        await self.pulse(ctx, rate.apply)

    async def pulse(self, ctx, port):
        ctx.set(port, 1)
        await ctx.tick()
        ctx.set(port, 0)
        await ctx.tick()

    async def measured(self, ctx):
        """Cycles of a bit of what is sent."""
        dut = self.dut
        ctx.set(dut.i.payload, 0xFF)
        ctx.set(dut.i.valid, 1)
        await ctx.tick().until(dut.i.ready)
        ctx.set(dut.i.valid, 0)
        low = 0
        while not ctx.get(dut.tx):
            low += 1
            await ctx.tick()
        await ctx.tick().repeat(9 * low + 3)
        self.before = low
        return low

    async def bytes_without_stop_bits(self, ctx, count, cycles):
        for _ in range(count):
            ctx.set(self.dut.rx, 0)
            await ctx.tick().repeat(11 * cycles)
            ctx.set(self.dut.rx, 1)
            await ctx.tick().repeat(2 * cycles + 3)


def test_a_rate_is_valid_after_what_is_being_sent_and_as_long_as_it_is_understood():
    async def talk(line, ctx):
        assert await line.measured(ctx) == 12
        await line.set(ctx, 3)
        assert await line.measured(ctx) == 3
        await line.pulse(ctx, line.dut.rate.good)
        ctx.set(line.dut.rate.expired, 1)  # a host that has nothing to say
        await ctx.tick().repeat(50)
        assert await line.measured(ctx) == 3
        await line.bytes_without_stop_bits(ctx, 7, 3)
        await line.pulse(ctx, line.dut.rate.good)
        await line.bytes_without_stop_bits(ctx, 7, 3)
        assert await line.measured(ctx) == 3
        await line.bytes_without_stop_bits(ctx, 1, 3)
        assert await line.measured(ctx) == 12

    Rate(talk)


def test_a_rate_at_which_nobody_is_understood_falls_back():
    async def talk(line, ctx):
        await line.measured(ctx)
        await line.set(ctx, 4)
        assert await line.measured(ctx) == 4
        await line.pulse(ctx, line.dut.rate.expired)
        assert await line.measured(ctx) == 12
        await line.set(ctx, 2)  # no rate at all
        await ctx.tick().repeat(100)
        await line.pulse(ctx, line.dut.rate.expired)
        await ctx.tick().repeat(100)
        assert await line.measured(ctx) == 12

    Rate(talk)


def test_a_host_that_speaks_at_the_first_rate_is_soon_understood():
    """Its bytes have no stop bits at the rate at which the core listens."""

    async def talk(line, ctx):
        dut = line.dut
        await line.measured(ctx)
        await line.set(ctx, 3)
        await line.pulse(ctx, dut.rate.good)
        zeros = levels([0] * 12 + [0x5A], gaps=[1] * 13, cycles_per_bit=12)
        received = []
        ctx.set(dut.o.ready, 1)
        for level in zeros:
            ctx.set(dut.rx, level)
            if ctx.get(dut.o.valid):
                received.append(ctx.get(dut.o.payload))
            await ctx.tick()
        assert received[-1] == 0x5A
        assert await line.measured(ctx) == 12

    Rate(talk)
