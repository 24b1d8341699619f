"""The CRC of bytes, some bits of a byte in each cycle."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.crc import catalog
from amaranth.lib.wiring import In, Out

from ...config import Family


def bits_of(family: Family) -> int:
    """Bits that are added in a cycle: few where logic is scarce."""
    return 1 if family in ("ice40up", "ice40hx") else 8


class ByteCrc(wiring.Component):
    """zlib's CRC-32 of bytes.

    Timing: a byte takes ``8 / bits + 2`` cycles; in the last one ``done`` is set, and ``low`` and
    ``wrong`` are those after it.

    Parameters
    ----------
    bits : int
        That are added in a cycle: 1, 2, 4 or 8.

    Members
    -------
    byte : In(8), add : In(1)
        The byte; it stays, and ``add`` with it, until it is ``done``.
    closing : In(1)
        It is a byte of the CRC itself.
    done : Out(1)
        The byte has been added.
    restart : In(1)
        Begin anew; what is added in this cycle is forgotten.
    low : Out(8)
        The next byte of the CRC.
    wrong : Out(1)
        A byte of the CRC was not what it must be.
    """

    def __init__(self, bits: int):
        if bits not in (1, 2, 4, 8):
            raise ValueError(f"Bits of a CRC in a cycle must be 1, 2, 4 or 8, not {bits!r}")
        self.bits = bits
        super().__init__(
            {
                "byte": In(8),
                "add": In(1),
                "closing": In(1),
                "done": Out(1),
                "restart": In(1),
                "low": Out(8),
                "wrong": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        processor = catalog.CRC32_ISO_HDLC(data_width=self.bits).create()
        # A reset, where the processor's own input would be an input of every bit's sum.
        m.submodules.crc = crc = ResetInserter(self.restart)(processor)
        steps = 8 // self.bits
        step, bits, adding, last = Signal(range(steps)), Signal(self.bits), Signal(), Signal()
        # The complement of the right CRC moves the register along and leaves it otherwise alone.
        m.d.comb += [
            bits.eq(self.byte.word_select(step, self.bits)),
            crc.valid.eq(adding),
            crc.data.eq(bits ^ self.closing.replicate(self.bits)),
            last.eq(adding & (step == steps - 1)),
            self.low.eq(crc.crc[:8]),
        ]
        with m.If(self.restart):
            m.d.sync += [step.eq(0), self.wrong.eq(0), self.done.eq(0), adding.eq(0)]
        with m.Else():
            m.d.sync += [
                self.done.eq(last),
                adding.eq(Mux(adding, ~last, self.add & ~self.done)),
            ]
        with m.If(adding & ~self.restart):
            m.d.sync += [
                step.eq(step + (steps > 1)),
                self.wrong.eq(self.wrong | (self.closing & (bits != self.low[: self.bits]))),
            ]
        return m
