"""Writes words from flash to memory while a layer works."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ...isa import Isa
from ..signals import advanced
from ..signatures import DmaControl, DmaPort, WordPort


class Dma(wiring.Component):
    """Writes the words of a DMA transfer in cycles in which nobody else needs their bank.

    Timing: a word is offered one cycle after it arrives, if it was known in the cycle before that
    the sequencer asks for no word of its bank. It is offered for one cycle, and again until it is
    taken. ``control.busy`` is set from the cycle after ``control.start`` to that in which the last
    word is taken.

    Members
    -------
    control : In(DmaControl)
        The transfer, and when the memory is free.
    words : Out(WordPort)
        Words from flash: those that arrive after ``control.start`` are the transfer's, but for
        those of ``control.streaming``.
    memory : Out(DmaPort)
        The banks.
    """

    def __init__(self, config: AcceleratorConfig):
        self.isa = Isa(config)
        super().__init__(
            {
                "control": In(DmaControl(self.isa)),
                "words": Out(WordPort(config)),
                "memory": Out(DmaPort(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        control, memory, transfer = self.control, self.memory, self.control.transfer
        location = memory.location
        # Minus the words that are missing
        count = Signal(signed(len(transfer.words_less_one) + 1))
        undisturbed = Signal()
        elsewhere = (control.bank != location.bank) & ~control.streaming
        m.d.comb += [
            control.busy.eq(count[-1]),
            undisturbed.eq(control.quiet | elsewhere),
            memory.data.eq(self.words.word),
            self.words.taken.eq(memory.taken),
        ]
        m.d.sync += memory.offered.eq(control.busy & self.words.valid & undisturbed & ~memory.taken)
        with m.If(control.start):
            m.d.sync += location.bank.eq(transfer.bank)
        with m.If(control.start | memory.taken):
            words = Cat(~transfer.words_less_one, C(1, 1))
            m.d.sync += [
                location.address.eq(
                    advanced(location.address, C(1, 1), load=control.start, loaded=transfer.address)
                ),
                count.eq(advanced(count, C(1, 1), load=control.start, loaded=words)),
            ]
        return m
