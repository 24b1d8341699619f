"""Holds the header of a request."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ... import protocol
from ..signals import advanced

request_layout = data.StructLayout(dict(protocol.HEADER))


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
        before = Signal(request_layout["count"].offset, reset_less=True)
        missing = Signal(len(o.count), reset_less=True)  # minus the count, less one
        lanes = Signal(len(o.lanes_less_one), reset_less=True)
        location = Signal(len(o.location), reset_less=True)
        fields = Cat(before, ~missing, lanes, location)
        m.d.comb += self.o.as_value().eq(fields)
        shifted = data.View(request_layout, Cat(fields[8:], self.byte))
        with m.If(self.shift):
            m.d.sync += [
                before.eq(shifted.as_value()[: len(before)]),
                lanes.eq(shifted.lanes_less_one),
            ]
        with m.If(self.shift | self.step):
            m.d.sync += missing.eq(
                advanced(missing, C(1, 1), load=self.shift, loaded=~shifted.count)
            )
        with m.If(self.shift | self.advance):
            m.d.sync += location.eq(
                advanced(location, C(1, 1), load=self.shift, loaded=shifted.location)
            )
        return m
