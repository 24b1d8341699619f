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

from accel.core.host_link.uart import Pace, Uart
from tests.support.rtl.simulation import UNSHRUNK

CLOCK_HZ = 36e6
BAUD = 1e6


def levels(data, *, gaps, rate=1.0, cycles_per_bit=CLOCK_HZ / BAUD):
    """The line's level in every cycle; ``gaps`` in bits before each byte."""
    line = []
    time = 0.0
    for byte, gap in zip(data, gaps, strict=True):
        for level, bits in [(1, gap), (0, 1), *((byte >> k & 1, 1) for k in range(8)), (1, 1)]:
            time += bits * cycles_per_bit / rate
            line += [level] * (round(time) - len(line))
    return line + [1] * round(3 * cycles_per_bit)


def receive(line, *, taken_after=0):
    """Bytes that a UART makes of ``line``, and how often it told an overrun and a framing error."""
    dut = Uart(clock_hz=CLOCK_HZ, baud=BAUD)
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
    received, flags = receive(levels(data, gaps=[1] + [0] * 255))
    assert received == data
    assert not any(flags.values())


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
@pytest.mark.parametrize("baud", [9600, 115200, 500_000, 750_000])
def test_the_rate_is_made_to_half_a_percent(clock_hz, baud):
    assert Pace(clock_hz=clock_hz, baud=baud).made_baud == pytest.approx(baud, rel=0.005)


@pytest.mark.parametrize("baud", [0, 3e6])
def test_a_rate_that_the_clock_cannot_make_is_refused(baud):
    message = (
        f"Baud rate must be positive and at most 2.25e+06 with a clock of 3.6e+07 Hz, not {baud:g}"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Uart(clock_hz=36e6, baud=baud)
