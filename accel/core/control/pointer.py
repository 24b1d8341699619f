"""The one pointer into memory and flash that is not the array's or the write-back's."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...isa import Isa
from ..signals import advanced


class Pointer(wiring.Component):
    """A register that is loaded, and counts words of memory.

    It counts on from the last word of bank 0 to the first of bank 1. A read of the flash goes on
    from where it began, so a pointer into the flash need not count.

    Members
    -------
    load : In(1), next : In
        Take ``next``, laid out as `Isa.pointer` has it.
    set : In(1), location : In
        Take ``location``, laid out likewise. Not with ``load``.
    advance : In(1)
        Go to the next word.
    value : Out(Isa.pointer)
        The pointer, from the next cycle on.
    """

    def __init__(self, isa: Isa):
        self.isa = isa
        super().__init__(
            {
                "load": In(1),
                "next": In(isa.pointer.size),
                "set": In(1),
                "location": In(isa.pointer.size),
                "advance": In(1),
                "value": Out(isa.pointer),
            }
        )

    def elaborate(self, platform):
        m = Module()
        value = self.value.as_value()
        location_bits = self.isa.location.size
        loaded = Mux(self.load, self.next, self.location)
        load = self.load | self.set
        following = Cat(
            advanced(value[:location_bits], C(1, 1), load=load, loaded=loaded[:location_bits]),
            loaded[location_bits:],
        )
        with m.If(load | self.advance):
            m.d.sync += value[:location_bits].eq(following[:location_bits])
        with m.If(load):
            m.d.sync += value[location_bits:].eq(following[location_bits:])
        return m
