"""Counts the words or the layers that a request asks for."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ... import protocol
from ..signals import advanced


class ItemCounter(wiring.Component):
    """Tells which word or layer of a request is the last one.

    Timing: an item is counted one cycle after ``done``, and ``last`` is known one cycle after that;
    ``busy`` is set meanwhile.

    Members
    -------
    load : In(1), byte : In(8)
        Take the next byte of the count, the lowest first.
    done : In(1)
        An item is done with.
    last : Out(1)
        Nothing is left after the item that is in progress. After a count of 0 it never is.
    busy : Out(1)
        An item is being counted.
    """

    def __init__(self):
        super().__init__(
            {"load": In(1), "byte": In(8), "done": In(1), "last": Out(1), "busy": Out(1)}
        )

    def elaborate(self, platform):
        m = Module()
        # Minus the items that are left, less one
        count = Signal(8 * protocol.COUNT_BYTES)
        counting = Signal(2)
        m.d.comb += self.busy.eq(counting.any())
        m.d.sync += [counting.eq(Cat(self.done, counting)), self.last.eq(~count == 1)]
        with m.If(counting[0] | self.load):
            loaded = Cat(count[8:], ~self.byte)
            m.d.sync += count.eq(advanced(count, C(1, 1), load=self.load, loaded=loaded))
        return m
