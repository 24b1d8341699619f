"""Words from the bytes of a flash, at the pace at which the sequencer takes words from memory."""

from amaranth.hdl import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In

from ...config import AcceleratorConfig
from ..signatures import WordPort


class WordPacker(wiring.Component):
    """Collects bytes into words of memory.

    Timing: as data of the memory would, a word that was taken stays for ``memory_latency`` cycles,
    and only then the next byte is taken in. One byte a cycle is, so a word takes
    ``rows + memory_latency`` cycles, less than a flash needs for it.

    Members
    -------
    clear : In(1)
        Forget what has come; bytes come in the cycles after.
    i : In(stream of bytes)
        The lowest byte of a word first.
    words : In(WordPort)
        The words.
    """

    def __init__(self, config: AcceleratorConfig, *, memory_latency: int):
        self.rows = config.rows
        self.memory_latency = memory_latency
        super().__init__(
            {
                "clear": In(1),
                "i": In(stream.Signature(8)),
                "words": In(WordPort(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        words = self.words
        byte, last = Signal(range(self.rows)), Signal()
        holding = Signal(range(max(2, self.memory_latency)))
        moved = self.i.valid & self.i.ready
        m.d.comb += [
            self.i.ready.eq(~words.valid & (holding == 0)),
            last.eq(byte == self.rows - 1),
        ]
        with m.If(moved):
            m.d.sync += [
                words.word.eq(Cat(words.word[8:], self.i.payload)),
                byte.eq(Mux(last, 0, byte + 1)),
                words.valid.eq(last),
            ]
        with m.If(holding != 0):
            m.d.sync += holding.eq(holding - 1)
        with m.If(words.taken):
            m.d.sync += [words.valid.eq(0), holding.eq(self.memory_latency - 1)]
        with m.If(self.clear):
            m.d.sync += [words.valid.eq(0), byte.eq(0)]
        return m
