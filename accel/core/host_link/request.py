"""Holds the header of a request."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ... import protocol
from ..signals import advanced

request_layout = data.StructLayout({name: 8 * size for name, size in protocol.HEADER.items()})


class RequestRegister(wiring.Component):
    """The fields of a header, into which its bytes are shifted.

    Members
    -------
    byte : In(8), shift : In(1)
        A byte of the header, the first one first.
    advance : In(1), step : In(1)
        The location goes on by a word; one word less is to come. Not with ``shift``.
    o : Out(request_layout)
        The fields.
    """

    def __init__(self):
        super().__init__(
            {
                "byte": In(8),
                "shift": In(1),
                "advance": In(1),
                "step": In(1),
                "o": Out(request_layout),
            }
        )

    def elaborate(self, platform):
        m = Module()
        o = self.o
        words = len(o.count)
        missing = Signal(words, reset_less=True)  # minus the count, less one
        start = request_layout["count"].offset
        before = Signal(start, reset_less=True)
        location = Signal(len(o.location), reset_less=True)
        m.d.comb += self.o.as_value().eq(Cat(before, ~missing, location))
        with m.If(self.shift):
            m.d.sync += before.eq(Cat(before[8:], ~missing[:8]))
        with m.If(self.shift | self.step):
            shifted = ~Cat(~missing[8:], location[:8])
            m.d.sync += missing.eq(advanced(missing, C(1, 1), load=self.shift, loaded=shifted))
        with m.If(self.shift | self.advance):
            shifted = Cat(location[8:], self.byte)
            m.d.sync += location.eq(advanced(location, C(1, 1), load=self.shift, loaded=shifted))
        return m
