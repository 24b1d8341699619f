"""The one pointer into memory and flash that is not the array's or the write-back's."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...isa import Isa
from ...protocol import LOCATION_BYTES
from ..signals import advanced


class Pointer(wiring.Component):
    """A register that is loaded at once or byte by byte, and counts words of memory.

    It counts on from the last word of bank 0 to the first of bank 1. A read of the flash goes on
    from where it began, so a pointer into the flash need not count.

    Members
    -------
    load : In(1), next : In
        Take ``next``, laid out as `Isa.pointer` has it.
    set_byte : In(3), byte : In(8)
        Take ``byte`` as these bytes of the pointer.
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
                "set_byte": In(LOCATION_BYTES),
                "byte": In(8),
                "advance": In(1),
                "value": Out(isa.pointer),
            }
        )

    def elaborate(self, platform):
        m = Module()
        value = self.value.as_value()
        location_bits = self.isa.location.size
        byte = self.byte.replicate(-(-len(value) // 8))[: len(value)]
        loaded = Mux(self.load, self.next, byte)
        load = self.load | self.set_byte.any()
        following = Cat(
            advanced(value[:location_bits], C(1, 1), load=load, loaded=loaded[:location_bits]),
            loaded[location_bits:],
        )
        for bit in range(len(value)):
            enable = self.load | self.set_byte[bit // 8]
            if bit < location_bits:
                enable |= self.advance
            with m.If(enable):
                m.d.sync += value[bit].eq(following[bit])
        return m
