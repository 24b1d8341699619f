"""Makes words of a payload, and writes them to memory."""

from amaranth.hdl import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from ... import protocol
from ...config import AcceleratorConfig
from ..signals import reached

extension_layout = data.StructLayout({name: 8 * size for name, size in protocol.EXTENSION.items()})


class PayloadWords(wiring.Component):
    """Collects the bytes of a payload.

    Those of a ``WRITE`` become words, whose bytes that are not on the line are 0. Those of other
    requests are their extension, in the same register.

    Timing: a word is offered one cycle after its last byte, and until it is taken there is no room
    for the next byte.

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
        held = [Signal(8, name=f"byte_{number}", reset_less=True) for number in range(most)]
        index = Signal(range(most))
        ends = Signal()
        m.d.comb += [
            self.word_end.eq(index[: len(self.lanes_less_one)] == self.lanes_less_one),
            self.extension_end.eq(reached(index, extended - 1)),
            ends.eq(self.take & self.words & self.word_end),
            self.room.eq(~self.o.valid),
            self.o.payload.eq(Cat(held[:rows])),
            self.extension.as_value().eq(Cat(held[:extended])),
        ]
        with m.If(self.begin | ends):
            m.d.sync += index.eq(0)
        with m.Elif(self.take):
            m.d.sync += index.eq(index + 1)
        m.d.sync += self.o.valid.eq((ends & ~self.discard) | (self.o.valid & ~self.o.ready))

        for number, register in enumerate(held):
            here = self.take & (index == number)
            if number < rows:
                with m.If(self.begin | (self.o.valid & self.o.ready)):
                    m.d.sync += register.eq(0)
                with m.Elif(here):
                    m.d.sync += register.eq(self.byte)
            else:
                with m.If(here):
                    m.d.sync += register.eq(self.byte)
        return m
