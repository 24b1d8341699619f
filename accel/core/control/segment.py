"""Counts the words of the part of a chunk that is being fetched."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..signals import advanced


class SegmentCounter(wiring.Component):
    """Tells when the last word of a segment, which is a part of a chunk, is taken.

    Whether a word is the last one is a register, so that it need not wait for the memory's grant.

    Parameters
    ----------
    length_bits
        Width of a segment's length.

    Members
    -------
    asking, granted : In(1)
        A word is asked for; it is granted if one is asked for.
    load : In(1), less_one : In(length_bits)
        The next segment has ``less_one + 1`` words. Loaded at once while none is asked for, else
        with the word that is taken.
    taken : Out(1)
        A word is asked for and granted.
    last : Out(1), end : Out(1)
        The word that is asked for is the segment's last one; it is taken in this cycle.
    """

    def __init__(self, length_bits: int):
        super().__init__(
            {
                "asking": In(1),
                "granted": In(1),
                "load": In(1),
                "less_one": In(length_bits),
                "taken": Out(1),
                "last": Out(1),
                "end": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        # Minus the words that are left, the one that is asked for included
        remaining = Signal.like(self.less_one, reset_less=True)
        last = Signal(reset_less=True)
        m.d.comb += [
            self.taken.eq(self.asking & self.granted),
            self.last.eq(last),
            self.end.eq(self.taken & last),
        ]
        with m.If(self.taken | (self.load & ~self.asking)):
            m.d.sync += [
                remaining.eq(advanced(remaining, C(1, 1), load=self.load, loaded=~self.less_one)),
                last.eq(Mux(self.load, self.less_one == 0, ~remaining == 1)),
            ]
        return m
