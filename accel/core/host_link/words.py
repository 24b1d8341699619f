"""Makes words of a payload, and writes them to memory."""

from amaranth.hdl import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from ... import protocol
from ...config import AcceleratorConfig
from ..signals import reached

extension_layout = data.StructLayout(dict(protocol.EXTENSION))


class PayloadWords(wiring.Component):
    """Collects the bytes of a payload.

    Those of a ``WRITE`` become words, whose bytes that are not on the line are 0. Those of other
    requests are their extension. Both are shifted into one register, from its upper end.

    Timing: a word is offered one cycle after its last byte, and one more for each byte that is not
    on the line; until it is taken there is no room for the next byte.

    Members
    -------
    begin : In(1)
        A payload begins.
    byte : In(8), take : In(1), room : Out(1)
        A byte of it; there is room for one.
    words : In(1), lanes_less_one : In, discard : In(1)
        It is made of words; how many bytes of each come, minus one; they are not written.
    word_end, extension_end : Out(1)
        The byte that is taken would be the last of a word, or of an extension.
    o : Out(stream of words)
        The words. One that is taken is in memory.
    extension : Out(extension_layout)
        The extension; it stays until the next payload.
    """

    def __init__(self, config: AcceleratorConfig):
        self.rows = config.rows
        super().__init__(
            {
                "begin": In(1),
                "byte": In(8),
                "take": In(1),
                "room": Out(1),
                "words": In(1),
                "lanes_less_one": In(bits_for(config.rows - 1)),
                "discard": In(1),
                "word_end": Out(1),
                "extension_end": Out(1),
                "o": Out(stream.Signature(config.word_bits)),
                "extension": Out(extension_layout),
            }
        )

    def elaborate(self, platform):
        m = Module()
        rows, extended = self.rows, protocol.EXTENSION_BYTES
        most = max(rows, extended)
        held = Signal(8 * most, reset_less=True)
        index, filling = Signal(range(most)), Signal()
        last, whole = Signal(), Signal()
        m.d.comb += [
            self.word_end.eq(index[: len(self.lanes_less_one)] == self.lanes_less_one),
            self.extension_end.eq(reached(index, extended - 1)),
            self.room.eq(~self.o.valid & ~filling),
            self.o.payload.eq(held[-8 * rows :]),
            self.extension.as_value().eq(held[-8 * extended :]),
            last.eq(index == rows - 1),
            whole.eq(last & (filling | (self.take & self.words))),
        ]
        with m.If(self.take | filling):
            m.d.sync += held.eq(Cat(held[8:], Mux(filling, 0, self.byte)))
        with m.If(self.begin | whole):
            m.d.sync += index.eq(0)
        with m.Elif(self.take | filling):
            m.d.sync += index.eq(index + 1)
        ends = self.take & self.words & self.word_end
        m.d.sync += [
            filling.eq((ends | filling) & ~last),
            self.o.valid.eq((whole & ~self.discard) | (self.o.valid & ~self.o.ready)),
        ]
        return m
