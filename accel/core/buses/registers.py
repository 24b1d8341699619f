"""The registers through which a bus moves bytes to and from a core."""

from enum import IntEnum

from amaranth.hdl import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...protocol import MAGIC

WORD_BITS = 32
LANES = WORD_BITS // 8
ADDRESS_BITS = 4  # of a byte


class Register(IntEnum):
    """Byte addresses of the registers, each a word of 32 bits."""

    TRANSMIT = 0x0
    RECEIVE = 0x4
    STATUS = 0x8
    IDENTITY = 0xC


class StatusBit(IntEnum):
    """Bits of ``STATUS``, by their number."""

    TRANSMIT_READY = 0
    RECEIVE_VALID = 1
    RUNNING = 2
    OVERRUN = 3


RECEIVE_VALID = 8
"""The bit of ``RECEIVE`` that says whether its lowest byte is one."""


class RegisterRead(wiring.Signature):
    """A bus reads a register.

    Members
    -------
    en : Out(1), address : Out(ADDRESS_BITS), lanes : Out(LANES)
        In this cycle, the register at this byte address; the bytes of it that matter.
    data : In(WORD_BITS)
        What it has, in the same cycle.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "en": Out(1),
                "address": Out(ADDRESS_BITS),
                "lanes": Out(LANES),
                "data": In(WORD_BITS),
            }
        )


class RegisterWrite(wiring.Signature):
    """A bus writes a register.

    Members
    -------
    en : Out(1), address : Out(ADDRESS_BITS), lanes : Out(LANES), data : Out(WORD_BITS)
        In this cycle, to the register at this byte address; which bytes are written.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "en": Out(1),
                "address": Out(ADDRESS_BITS),
                "lanes": Out(LANES),
                "data": Out(WORD_BITS),
            }
        )


class ByteRegisters(wiring.Component):
    """Registers of 32 bits for the two streams of bytes of a core.

    No access ever waits: a bus cannot be held up by a core. ``TRANSMIT`` takes the byte that is
    written to its lowest lane; one that is written while the byte before is still there is lost,
    and ``OVERRUN`` of ``STATUS`` says so until a 1 is written to it. A read of the lowest lane of
    ``RECEIVE`` takes the byte that it gives, if bit 8 says that it is one.

    Members
    -------
    read : In(RegisterRead), write : In(RegisterWrite)
        The bus; both may be used in one cycle.
    o : Out(stream.Signature(8)), i : In(stream.Signature(8))
        To the core, and from it.
    running : In(1)
        A program runs.
    irq : Out(1)
        A byte waits in ``RECEIVE``.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "read": In(RegisterRead()),
                "write": In(RegisterWrite()),
                "o": Out(stream.Signature(8)),
                "i": In(stream.Signature(8)),
                "running": In(1),
                "irq": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        status = Signal(len(StatusBit))
        overrun = status[StatusBit.OVERRUN]
        m.d.comb += [
            self.irq.eq(self.i.valid),
            status[StatusBit.TRANSMIT_READY].eq(~self.o.valid),
            status[StatusBit.RECEIVE_VALID].eq(self.i.valid),
            status[StatusBit.RUNNING].eq(self.running),
        ]
        self._add_writes(m, overrun)
        with m.Switch(self.read.address[2:]):
            with m.Case(Register.RECEIVE >> 2):
                m.d.comb += [
                    self.read.data.eq(Cat(self.i.payload, self.i.valid)),
                    self.i.ready.eq(self.read.en & self.read.lanes[0]),
                ]
            with m.Case(Register.STATUS >> 2):
                m.d.comb += self.read.data.eq(status)
            with m.Case(Register.IDENTITY >> 2):
                m.d.comb += self.read.data.eq(int.from_bytes(MAGIC, "little"))
        return m

    def _add_writes(self, m, overrun):
        lost = Signal()
        m.d.comb += overrun.eq(lost)
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(self.write.en & self.write.lanes[0]), m.Switch(self.write.address[2:]):
            with m.Case(Register.TRANSMIT >> 2):
                with m.If(self.o.valid):
                    m.d.sync += lost.eq(1)
                with m.Else():
                    m.d.sync += [self.o.valid.eq(1), self.o.payload.eq(self.write.data[:8])]
            with m.Case(Register.STATUS >> 2), m.If(self.write.data[StatusBit.OVERRUN]):
                m.d.sync += lost.eq(0)
