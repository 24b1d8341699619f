"""Words from the bytes of a flash, at the pace at which the sequencer takes words from memory."""

from amaranth.hdl import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig


class FlashWords(wiring.Component):
    """Collects bytes into words of memory.

    Timing: like data of the memory a word is there until ``memory_latency`` cycles after it was
    taken, and only then the next byte is. A byte comes in a cycle, so a word takes
    ``rows + memory_latency`` cycles, less than a flash needs for it.

    Members
    -------
    clear : In(1)
        Forget what has come; bytes come in the cycles after.
    i : In(stream of bytes)
        The lowest byte of a word first.
    word : Out(word_bits), valid : Out(1), taken : In(1)
        A word, whole, and that it was taken in this cycle.
    """

    def __init__(self, config: AcceleratorConfig, *, memory_latency: int):
        self.rows = config.rows
        self.memory_latency = memory_latency
        super().__init__(
            {
                "clear": In(1),
                "i": In(stream.Signature(8)),
                "word": Out(config.word_bits),
                "valid": Out(1),
                "taken": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        byte, last = Signal(range(self.rows)), Signal()
        holding = Signal(range(max(2, self.memory_latency)))
        moved = self.i.valid & self.i.ready
        m.d.comb += [
            self.i.ready.eq(~self.valid & (holding == 0)),
            last.eq(byte == self.rows - 1),
        ]
        with m.If(moved):
            m.d.sync += [
                self.word.eq(Cat(self.word[8:], self.i.payload)),
                byte.eq(Mux(last, 0, byte + 1)),
                self.valid.eq(last),
            ]
        with m.If(holding != 0):
            m.d.sync += holding.eq(holding - 1)
        with m.If(self.taken):
            m.d.sync += [self.valid.eq(0), holding.eq(self.memory_latency - 1)]
        with m.If(self.clear):
            m.d.sync += [self.valid.eq(0), byte.eq(0)]
        return m
