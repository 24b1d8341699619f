"""A SPI NOR flash as its data sheet describes it, to simulate readers with.

Written from Winbond's data sheet "W25Q128JV, 3V 128M-bit serial flash memory with dual/quad SPI",
and not from any reader: sections "SPI / Dual SPI / Quad SPI Operations", "Instruction Set Table",
"Read Data (03h)", "Fast Read (0Bh)", "Fast Read Dual Output (3Bh)", "Fast Read Quad Output (6Bh)",
"Release Power-down / Device ID (ABh)" and "Read JEDEC ID (9Fh)"; for continuous read, which other
chips of the series have, W25Q128FV's "Fast Read Dual I/O (BBh)" and "Fast Read Quad I/O (EBh)".

What it takes from them: input is sampled at the rising edge of CLK and output changes at the
falling one (mode 0); instructions, addresses and data go most significant bit first, with the
highest line the most significant; every instruction ends with /CS going high; the address counts
on by itself and around; an instruction that is not known, or not allowed, has no answer.
"""

from enum import IntEnum
from typing import Literal

from amaranth.hdl import Array, C, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out, PureInterface

from accel.core.flash.bus import flash_pins

Wakes = Literal["awake", "asleep", "continuous dual", "continuous quad"]

# Instruction: (dummy clocks, lines of the data)
_READS = {0x03: (0, 1), 0x0B: (8, 1), 0x3B: (8, 2), 0x6B: (8, 4)}
_QUAD_READ = 0x6B
_IDENTIFY = 0x9F
_RELEASE = 0xAB

# Lines of a continuous read: dummy clocks between its mode bits and the data
_CONTINUOUS_DUMMIES = {2: 0, 4: 4}
_MODE_STAYS = 0b10  # M5-4


class _Phase(IntEnum):
    INSTRUCTION = 0
    ADDRESS = 1
    MODE = 2
    DUMMY = 3
    DATA = 4
    IGNORE = 5


class FlashChip(wiring.Component):
    """The chip, and the registers at the pads between it and the core, one each way.

    A cycle with ``sck`` is a rising and a falling edge of the chip's clock.

    Parameters
    ----------
    size : int
        Bytes, a power of two.
    identity : bytes
        The three bytes of its JEDEC ID.
    wakes : str
        How it comes up: able to take instructions, in power-down, or within a continuous read that
        somebody else began on two or four lines.
    wake_cycles : int
        Cycles from its release until it takes another instruction (tRES1), at least 1.
    extra_dummies : int
        Dummy clocks that it needs in a read beyond those of the data sheet.

    Members
    -------
    pins : In(flash_pins)
        The core's pins.
    quad_enable : In(1)
        The status register's QE; without it the quad read is not known.
    load_en : In(1), load_address : In, load_data : In(8)
        Another way to fill it.
    conflict : Out(1)
        Some time ago the chip and the core drove one line together.
    """

    pins: PureInterface
    quad_enable: Signal
    load_en: Signal
    load_address: Signal
    load_data: Signal
    conflict: Signal

    def __init__(
        self,
        *,
        size: int,
        identity: bytes = bytes([0xEF, 0x40, 0x18]),
        wakes: Wakes = "awake",
        wake_cycles: int = 1,
        extra_dummies: int = 0,
    ):
        if size < 4 or size & (size - 1):
            raise ValueError(f"Size of a flash must be a power of two, at least 4, not {size!r}")
        self.size = size
        self.chip = _Chip(size, identity, wakes, wake_cycles, extra_dummies)
        super().__init__(
            {
                "pins": In(flash_pins),
                "quad_enable": In(1, init=1),  # type: ignore[call-arg]  # "reset" in the stubs
                "load_en": In(1),
                "load_address": In(range(size)),
                "load_data": In(8),
                "conflict": Out(1),
            }
        )

    @property
    def memory(self) -> Memory:
        """What it holds, for a testbench to look at and to change."""
        return self.chip.memory

    def elaborate(self, platform):
        m = Module()
        m.submodules.chip = chip = self.chip
        driven, oe = Signal(4), Signal(4)
        m.d.sync += [
            chip.selected.eq(self.pins.cs),
            chip.clock.eq(self.pins.cs & self.pins.sck),
            driven.eq(self.pins.dq_o),
            oe.eq(self.pins.dq_oe),
            self.pins.dq_i.eq(chip.lines),
        ]
        m.d.comb += chip.quad_enable.eq(self.quad_enable)
        for index in range(4):
            pulled_up = Mux(oe[index], driven[index], 1)
            m.d.comb += chip.lines[index].eq(
                Mux(chip.answers[index], chip.answer[index], pulled_up)
            )
        with m.If((oe & chip.answers).any()):
            m.d.sync += self.conflict.eq(1)

        write = chip.memory.write_port()
        m.d.comb += [
            write.en.eq(self.load_en),
            write.addr.eq(self.load_address),
            write.data.eq(self.load_data),
        ]
        return m


class _Chip(wiring.Component):
    """The chip at its own pins. ``answer`` is what it drives where ``answers``."""

    def __init__(self, size, identity, wakes, wake_cycles, extra_dummies):
        self.identity = identity
        self.wakes = wakes
        self.wake_cycles = wake_cycles
        self.extra_dummies = extra_dummies
        self.memory = Memory(shape=8, depth=size, init=[])
        super().__init__(
            {
                "selected": In(1),
                "clock": In(1),
                "lines": In(4),
                "answers": Out(4),
                "answer": Out(4),
                "quad_enable": In(1),
            }
        )
        continuous = {"continuous dual": 2, "continuous quad": 4}.get(wakes, 0)
        self.phase = Signal(_Phase)
        self.left = Signal(range(64))  # clocks of the phase, less one
        self.data_lines = Signal(3, init=1)  # of the data
        self.dummies = Signal(range(64))
        self.identifies = Signal()
        self.continuous = Signal(3, init=continuous)  # lines of such a read that goes on
        self.address = Signal(range(size))
        self.address_now = Signal(range(size))  # with what this clock brings of it
        self.data = Signal(8)
        self.instruction, self.mode = Signal(8), Signal(8)
        self.asleep = Signal(init=wakes == "asleep")
        self.waking = Signal(range(wake_cycles + 1), init=wake_cycles)

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = self.memory
        self.read = self.memory.read_port(domain="comb")
        m.d.comb += [self.address_now.eq(self.address), self.read.addr.eq(self.address_now)]
        with m.If(~self.selected):
            self._begin(m)
        with m.Elif(self.clock):
            self._take(m)
        with m.If(~self.asleep & ~self.selected & (self.waking != 0)):
            m.d.sync += self.waking.eq(self.waking - 1)

        with m.If(self.selected & (self.phase == _Phase.DATA)), m.Switch(self.data_lines):
            with m.Case(1):  # on DO
                m.d.comb += [self.answers.eq(0b0010), self.answer.eq(self.data[7] << 1)]
            with m.Case(2):
                m.d.comb += [self.answers.eq(0b0011), self.answer.eq(self.data[6:])]
            with m.Case(4):
                m.d.comb += [self.answers.eq(0b1111), self.answer.eq(self.data[4:])]
        return m

    def _begin(self, m):
        """The next clock is the first of an instruction, or in a continuous read of an address."""
        m.d.sync += [self.phase.eq(_Phase.INSTRUCTION), self.left.eq(7), self.identifies.eq(0)]
        for data_lines, dummies in _CONTINUOUS_DUMMIES.items():
            with m.If(self.continuous == data_lines):
                m.d.sync += [
                    self.phase.eq(_Phase.ADDRESS),
                    self.left.eq(24 // data_lines - 1),
                    self.data_lines.eq(data_lines),
                    self.dummies.eq(dummies),
                ]

    def _take(self, m):
        """One clock: take what is on the lines, then change what is driven."""
        ended = self.left == 0
        m.d.sync += self.left.eq(self.left - 1)
        with m.Switch(self.phase):
            with m.Case(_Phase.INSTRUCTION):
                m.d.sync += self.instruction.eq(Cat(self.lines[0], self.instruction))
                with m.If(ended):
                    self._decode(m, Cat(self.lines[0], self.instruction)[:8])
            with m.Case(_Phase.ADDRESS):
                m.d.comb += self.address_now.eq(self._shifted(self.address))
                m.d.sync += self.address.eq(self.address_now)
                with m.If(ended & (self.continuous != 0)):
                    m.d.sync += self.phase.eq(_Phase.MODE)
                    m.d.sync += self.left.eq(Mux(self.continuous == 4, 1, 3))
                with m.Elif(ended):
                    self._wait(m)
            with m.Case(_Phase.MODE):
                mode = self._shifted(self.mode)
                m.d.sync += self.mode.eq(mode)
                with m.If(ended):
                    with m.If(mode[4:6] != _MODE_STAYS):
                        m.d.sync += self.continuous.eq(0)
                    self._wait(m)
            with m.Case(_Phase.DUMMY), m.If(ended):
                self._answer(m)
            with m.Case(_Phase.DATA):
                m.d.sync += self.data.eq(self.data << self.data_lines)
                with m.If(ended):
                    self._answer(m)

    def _shifted(self, value):
        """A value into which the lines of this clock are shifted."""
        one, two, four = (Cat(self.lines[:data_lines], value) for data_lines in (1, 2, 4))
        return Mux(self.continuous == 4, four, Mux(self.continuous == 2, two, one))[: len(value)]

    def _decode(self, m, instruction):
        m.d.sync += self.phase.eq(_Phase.IGNORE)
        with m.If(instruction == _RELEASE):
            m.d.sync += self.asleep.eq(0)
        with m.If(~self.asleep & (self.waking == 0)), m.Switch(instruction):
            for number, (dummies, data_lines) in _READS.items():
                with m.Case(number), m.If(self.quad_enable | (number != _QUAD_READ)):
                    m.d.sync += [
                        self.phase.eq(_Phase.ADDRESS),
                        self.left.eq(23),
                        self.data_lines.eq(data_lines),
                        self.dummies.eq(dummies + self.extra_dummies),
                    ]
            with m.Case(_IDENTIFY):
                m.d.sync += [
                    self.phase.eq(_Phase.DATA),
                    self.left.eq(7),
                    self.data_lines.eq(1),
                    self.identifies.eq(1),
                    self.data.eq(self.identity[0]),
                    self.address.eq(1),
                ]

    def _wait(self, m):
        with m.If(self.dummies == 0):
            self._answer(m)
        with m.Else():
            m.d.sync += [self.phase.eq(_Phase.DUMMY), self.left.eq(self.dummies - 1)]

    def _answer(self, m):
        """The first bits of a byte come with this clock's falling edge."""
        identity = Array(C(byte, 8) for byte in (*self.identity, self.identity[0]))
        source = Mux(self.identifies, identity[self.address[:2]], self.read.data)
        clocks = Mux(self.data_lines == 4, 2, Mux(self.data_lines == 2, 4, 8))
        m.d.sync += [
            self.phase.eq(_Phase.DATA),
            self.data.eq(source),
            self.address.eq(self.address_now + 1),
            self.left.eq(clocks - 1),
        ]
