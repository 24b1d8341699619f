"""The CRC of bytes, some bits of a byte in each cycle."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.crc import catalog
from amaranth.lib.wiring import In, Out

from ..primitives.family import Family


def bits_of(family: Family) -> int:
    """Bits that are added in a cycle: few where logic is scarce."""
    return 1 if family in ("ice40up", "ice40hx") else 8


class ByteCrc(wiring.Component):
    """zlib's CRC-32 of bytes.

    Timing: a byte takes ``8 / bits`` cycles, in the last of which ``done`` is set. ``low`` holds it
    from the next cycle on, ``matches`` from the one after that.

    Parameters
    ----------
    bits : int
        That are added in a cycle: 1, 2, 4 or 8.

    Members
    -------
    byte : In(8), add : In(1)
        The byte; it stays, and ``add`` with it, until it is ``done``.
    done : Out(1)
        The byte has been added, from the next cycle on.
    restart : In(1)
        Begin anew; what is added in this cycle is forgotten.
    low : Out(8)
        The lowest byte of the CRC. If its complement is added, the next byte is the lowest.
    matches : Out(1)
        Data and their CRC have been added.
    """

    def __init__(self, bits: int):
        if bits not in (1, 2, 4, 8):
            raise ValueError(f"Bits of a CRC in a cycle must be 1, 2, 4 or 8, not {bits!r}")
        self.bits = bits
        super().__init__(
            {
                "byte": In(8),
                "add": In(1),
                "done": Out(1),
                "restart": In(1),
                "low": Out(8),
                "matches": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        processor = catalog.CRC32_ISO_HDLC(data_width=self.bits).create()
        # A reset, where the processor's own input would be an input of every bit's sum.
        m.submodules.crc = crc = ResetInserter(self.restart)(processor)
        steps = 8 // self.bits
        step = Signal(range(steps))
        m.d.comb += [
            crc.valid.eq(self.add),
            crc.data.eq(self.byte.word_select(step, self.bits)),
            self.done.eq(self.add & (step == steps - 1)),
            self.low.eq(crc.crc[:8]),
        ]
        m.d.sync += self.matches.eq(crc.match_detected)
        if steps > 1:
            with m.If(self.restart):
                m.d.sync += step.eq(0)
            with m.Elif(self.add):
                m.d.sync += step.eq(step + 1)
        return m
