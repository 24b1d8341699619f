"""Commands to a SPI flash, as the pulses and the data of its pins."""

from enum import IntEnum

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...protocol import FLASH_IMAGE_LIMIT
from ..signals import reached

PAD_CYCLES = 2
"""Cycles from a pulse of the clock to its bit in ``dq_i``: there is a register at the pads in each
direction. The chip puts a bit out at the falling edge of the pulse before, and the bit is sampled
at
the falling edge of its own, so it has a whole period to arrive."""

ADDRESS_BITS = 24
READ_BITS = FLASH_IMAGE_LIMIT.bit_length() - 1  # of an address within the image
_SECTOR_BYTES = 4096

DATA_LINES = (1, 2, 4)
DIVIDERS = (1, 2)

flash_pins = wiring.Signature(
    {
        "cs": Out(1),  # selected
        "sck": Out(1),  # a pulse of the clock in this cycle
        "dq_o": Out(4),
        "dq_oe": Out(4),
        "dq_i": In(4),
    }
)
"""The pins of a flash. Data line 0 is DI, 1 is DO, 2 is WP# and 3 is HOLD#."""


class FlashCommand(IntEnum):
    """Commands that all makers of SPI NOR flash have in common."""

    WAKE = 0xAB
    IDENTIFY = 0x9F
    READ = 0x0B
    READ_DUAL = 0x3B
    READ_QUAD = 0x6B


_READ = {1: FlashCommand.READ, 2: FlashCommand.READ_DUAL, 4: FlashCommand.READ_QUAD}

_COMMAND_CLOCKS = 8
_IDENTITY_CLOCKS = 24
_DUMMY_CLOCKS = 8
READ_CLOCKS = _COMMAND_CLOCKS + ADDRESS_BITS + _DUMMY_CLOCKS
"""Pulses of a read before those of its first byte."""


class BusStep(IntEnum):
    """What is sent while the chip is selected. Each is followed by the next one, up to READ."""

    NOTHING = 0
    LEAVE_QUAD = 1
    LEAVE_DUAL = 2
    WAKE = 3
    IDENTIFY = 4
    READ = 5


class _Phase(IntEnum):
    """What the bus does: nothing, let time pass between commands, send one, receive bytes."""

    IDLE = 0
    GAP = 1
    SEND = 2
    READ = 3


_CLOCKS = {
    # A chip that another design left in continuous read takes what comes for address and mode. Ones
    # for the mode end that: within 8 clocks on four data lines, 16 on two. After more it would
    # answer.
    BusStep.LEAVE_QUAD: 8,
    BusStep.LEAVE_DUAL: 16,
    BusStep.WAKE: _COMMAND_CLOCKS,
    BusStep.IDENTIFY: _COMMAND_CLOCKS + _IDENTITY_CLOCKS,
    BusStep.READ: READ_CLOCKS,
}


class FlashBus(wiring.Component):
    """Brings a flash to where it understands commands, identifies it, and reads from it.

    A read goes on, byte after byte, until something else begins; its clock pauses between bytes
    while there is no ``room``. Bytes that are still coming when something else begins are dropped.

    Parameters
    ----------
    data_lines : int
        Data lines that a read uses: 1, 2 or 4.
    divider : int
        Cycles of a period of the flash's clock: 1 or 2.
    offset : int
        Where the image lies in the flash, a multiple of 4096.
    gap, wake : int
        Periods of the flash's clock between two commands, at least 4, and after the one that ends
        power-down.

    Members
    -------
    probe : In(1)
        Begin with a chip in an unknown state, up to a read from the image's begin. Must come first.
    read : In(1), address : In(23)
        Begin a read there in the image.
    end : In(1)
        Deselect the chip. Of these three, the first one that is set counts.
    no_chip : Out(1)
        For one cycle: what came for identity was all zeros or all ones. Nothing more is done.
    room : In(1), begun : Out(1)
        Whether another byte may begin, and that it does.
    byte : Out(8), received : Out(1)
        A byte that was read.
    pins : Out(flash_pins)
        To registers at the pads.
    """

    def __init__(self, *, data_lines: int, divider: int, offset: int, gap: int, wake: int):
        if data_lines not in DATA_LINES:
            raise ValueError(f"Data lines of a flash must be 1, 2 or 4, not {data_lines!r}")
        if divider not in DIVIDERS:
            raise ValueError(f"Divider of a flash's clock must be 1 or 2, not {divider!r}")
        if offset % _SECTOR_BYTES or not 0 <= offset < 1 << ADDRESS_BITS:
            raise ValueError(
                f"Offset in a flash must be a multiple of {_SECTOR_BYTES} below "
                f"{1 << ADDRESS_BITS}, not {offset!r}"
            )
        if gap < 4 or wake < gap:
            raise ValueError(
                f"Gap must be at least 4 periods and wake at least a gap, not {gap!r} and {wake!r}"
            )
        self.data_lines = data_lines
        self.divider = divider
        self.offset = offset
        self.gap = gap
        self.wake = wake
        super().__init__(
            {
                "probe": In(1),
                "read": In(1),
                "address": In(READ_BITS),
                "end": In(1),
                "no_chip": Out(1),
                "room": In(1),
                "begun": Out(1),
                "byte": Out(8),
                "received": Out(1),
                "pins": Out(flash_pins),
            }
        )

    def elaborate(self, platform):
        m = Module()
        phase, step = Signal(_Phase, reset_less=True), Signal(BusStep, reset_less=True)
        # Clocks of the phase, from 0 on
        clock = Signal(range(max(self.wake, READ_CLOCKS)), reset_less=True)
        tick, last = Signal(), Signal()
        ending = Signal(reset_less=True)  # the phase ends with this clock
        sent = Signal()  # the last clock of a command, its address and its dummies
        m.d.comb += [
            last.eq(tick & ending),
            sent.eq((phase == _Phase.SEND) & last),
        ]

        with m.If((phase == _Phase.GAP) & last):
            m.d.sync += [phase.eq(_Phase.SEND), step.eq(step + 1)]
        with m.If(sent):
            m.d.sync += phase.eq(Mux(step == BusStep.READ, _Phase.READ, _Phase.GAP))
        with m.If(self.probe):
            m.d.sync += [phase.eq(_Phase.GAP), step.eq(BusStep.NOTHING)]
        with m.Elif(self.read):
            m.d.sync += [phase.eq(_Phase.GAP), step.eq(BusStep.READ - 1)]
        with m.Elif(self.end | self.no_chip):
            m.d.sync += phase.eq(_Phase.IDLE)

        restart = self.probe | self.read | self.end
        with m.If(restart | last):
            m.d.sync += [clock.eq(0), ending.eq(0)]
        with m.Elif(tick):
            m.d.sync += [clock.eq(clock + 1), ending.eq(self._ends_next(phase, step, clock))]
        if self.divider == 1:
            m.d.comb += tick.eq(1)
        else:  # data change when the clock falls, and stay for the rest of the period
            m.d.sync += tick.eq(~tick & ~restart)

        # Pulses; a byte is never interrupted.
        pulses = 8 // self.data_lines
        bit = Signal(range(pulses), reset_less=True)
        m.d.comb += [
            self.begun.eq((phase == _Phase.READ) & tick & (bit == 0) & self.room),
            self.pins.sck.eq(((phase == _Phase.SEND) & tick) | self.begun | (tick & (bit != 0))),
        ]
        with m.If(restart):
            m.d.sync += bit.eq(0)
        with m.Elif(self.begun | (tick & (bit != 0))):
            m.d.sync += bit.eq(bit + 1)

        self._add_data_out(m, phase, step, clock, sent, tick)
        due = Mux(
            phase == _Phase.READ,
            tick & (bit == pulses - 1),
            (phase == _Phase.SEND) & (step == BusStep.IDENTIFY) & tick & clock[3:].any(),
        )
        self._add_data_in(m, step, tick, due, restart, (phase == _Phase.GAP) & last)
        return m

    def _ends_next(self, phase, step, clock):
        """Whether a phase ends with the clock after this one, if it is one that ends by itself."""
        sent = Cat((step == sending) & reached(clock, _CLOCKS[sending] - 2) for sending in _CLOCKS)
        wake = reached(clock, self.wake - 2)
        waited = Mux(step == BusStep.WAKE, wake, reached(clock, self.gap - 2))
        return Mux(phase == _Phase.SEND, sent.any(), (phase == _Phase.GAP) & waited)

    def _add_data_out(self, m, phase, step, clock, sent, tick):
        """Commands and addresses on data line 0, most significant bit first."""
        send = Signal(_COMMAND_CLOCKS + ADDRESS_BITS, reset_less=True)
        command = Mux(step == BusStep.WAKE, FlashCommand.IDENTIFY, _READ[self.data_lines])
        command = Mux(step == BusStep.LEAVE_DUAL, FlashCommand.WAKE, command)
        command = Mux(self.read, _READ[self.data_lines], command)
        address = Mux(self.read, self.address + self.offset, self.offset)
        with m.If(self.read | sent):
            m.d.sync += send.eq(Cat(address[:ADDRESS_BITS], command[:_COMMAND_CLOCKS]))
        with m.Elif((phase == _Phase.SEND) & tick):
            m.d.sync += send.eq(send << 1)
        self._drive_lines(m, phase, step, clock, tick, send[-1])

    def _drive_lines(self, m, phase, step, clock, tick, bit):
        """The pins: what is sent, and which data lines are driven."""
        # Data lines that the chip will drive are released with the first dummy clock, and driven
        # again a cycle after the chip was deselected.
        released, leaving = Signal(reset_less=True), Signal()
        with m.If(~self.pins.cs):
            m.d.sync += released.eq(0)
        with m.Elif(
            (step == BusStep.READ) & tick & reached(clock, READ_CLOCKS - _DUMMY_CLOCKS - 1)
        ):
            m.d.sync += released.eq(self.data_lines > 1)
        m.d.comb += [
            leaving.eq((step == BusStep.LEAVE_QUAD) | (step == BusStep.LEAVE_DUAL)),
            self.pins.cs.eq((phase == _Phase.SEND) | (phase == _Phase.READ)),
            self.pins.dq_o.eq(Cat(bit | leaving, C(0b111, 3))),
            self.pins.dq_oe[0].eq(~released),
            self.pins.dq_oe[1].eq(leaving & self.pins.cs),
            self.pins.dq_oe[2:].eq((~released).replicate(2) if self.data_lines == 4 else 0b11),
        ]

    def _add_data_in(self, m, step, tick, due, restart, gap_ends):
        """Bytes and the identity, ``PAD_CYCLES`` after their pulses."""
        for index in range(PAD_CYCLES):
            stage = Signal(name=f"due_{index + 1}", reset_less=True)
            m.d.sync += stage.eq(due & ~restart)
            due = stage

        # What is shifted in between two bytes leaves before a byte is complete.
        single = self.pins.dq_i[1]
        data_lines = single if self.data_lines == 1 else self.pins.dq_i[: self.data_lines]
        before = Signal(8 - self.data_lines, reset_less=True)
        with m.If(tick):
            m.d.sync += before.eq(Cat(data_lines, before))
        m.d.comb += [
            self.byte.eq(Cat(data_lines, before)),
            self.received.eq(due & (step == BusStep.READ)),
        ]
        self._check_identity(m, step, single, due, gap_ends)

    def _check_identity(self, m, step, single, due, gap_ends):
        """Whether there is a chip: its identity is neither all zeros nor all ones."""
        # A read that does not ask for the identity passes it as if it had shown a chip.
        zeros, ones = Signal(reset_less=True), Signal(reset_less=True)
        with m.If(self.probe):
            m.d.sync += [zeros.eq(1), ones.eq(1)]
        with m.Elif(self.read):
            m.d.sync += [zeros.eq(0), ones.eq(0)]
        with m.Elif(due & (step == BusStep.IDENTIFY)):
            m.d.sync += [zeros.eq(zeros & ~single), ones.eq(ones & single)]
        m.d.comb += self.no_chip.eq(gap_ends & (step == BusStep.IDENTIFY) & (zeros | ones))
