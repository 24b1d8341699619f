"""Copies words from flash to memory while a layer works."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ...isa import Isa
from ..signals import advanced


class Dma(wiring.Component):
    """Writes the words of a copy where nobody else wants to go, so that it disturbs nobody.

    Timing: a word is offered to the memory from the cycle after that in which it came on, in cycles
    after those in which it was known that nobody else comes.

    Members
    -------
    descriptor : In(Isa.descriptor), begin : In(1)
        A copy, and that it begins: its words are those that come from the next cycle on.
    active : Out(1)
        Words are missing.
    valid : In(1)
        A word has come; it stays until it is ``written``.
    quiet, streaming, bank : In(1)
        Nobody else accesses the memory in the next cycle; words that come are the layer's own; the
        only bank that might be accessed.
    offered : Out(1), location : Out(Isa.location), taken : In(1)
        The word could be written there, and is in this cycle.
    """

    def __init__(self, config: AcceleratorConfig):
        self.isa = Isa(config)
        super().__init__(
            {
                "descriptor": In(self.isa.descriptor),
                "begin": In(1),
                "active": Out(1),
                "valid": In(1),
                "quiet": In(1),
                "streaming": In(1),
                "bank": In(1),
                "offered": Out(1),
                "location": Out(self.isa.location),
                "taken": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        d, address = self.descriptor, self.location.address
        # Minus the words that are missing
        count = Signal(signed(len(d.position_outer_step) + 1))
        undisturbed = Signal()
        elsewhere = (self.bank != self.location.bank) & ~self.streaming
        m.d.comb += [self.active.eq(count[-1]), undisturbed.eq(self.quiet | elsewhere)]
        m.d.sync += self.offered.eq(self.active & self.valid & undisturbed & ~self.taken)
        with m.If(self.begin):
            m.d.sync += self.location.bank.eq(d.input_bank)
        with m.If(self.begin | self.taken):
            words = Cat(~d.position_outer_step, C(1, 1))
            m.d.sync += [
                address.eq(advanced(address, C(1, 1), load=self.begin, loaded=d.input_base)),
                count.eq(advanced(count, C(1, 1), load=self.begin, loaded=words)),
            ]
        return m
