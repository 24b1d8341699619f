"""Makes words of a payload, and writes them to memory."""

from amaranth.hdl import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from ... import protocol
from ...config import AcceleratorConfig

extension_layout = data.StructLayout({name: 8 * size for name, size in protocol.EXTENSION.items()})


class PayloadWords(wiring.Component):
    """Collects the bytes of a payload.

    Those of a ``WRITE`` become words, whose bytes that are not on the line are 0. A word is offered
    to the memory while the next one is collected. Those of other requests are their extension.

    Timing: a word is offered two cycles after its last byte or later. After that byte there is no
    room for others until the word has been offered.

    Members
    -------
    begin : In(1)
        A payload begins.
    byte : In(8), take : In(1), room : Out(1)
        A byte of it; there is room for one.
    words : In(1), lanes : In(8), discard : In(1)
        It is made of words; how many bytes of each come; they are not written.
    word_end, extension_end : Out(1)
        The byte that is taken would be the last of a word, or of an extension.
    o : Out(stream of words)
        The words. One that is taken is in memory.
    settled : Out(1)
        All words are in memory.
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
                "lanes": In(8),
                "discard": In(1),
                "word_end": Out(1),
                "extension_end": Out(1),
                "o": Out(stream.Signature(config.word_bits)),
                "settled": Out(1),
                "extension": Out(extension_layout),
            }
        )

    def elaborate(self, platform):
        m = Module()
        rows = self.rows
        held = [
            Signal(8, name=f"byte_{index}", reset_less=True)
            for index in range(max(2 * rows, protocol.EXTENSION_BYTES))
        ]
        index = Signal(range(max(rows, protocol.EXTENSION_BYTES)))
        full, offered, move = Signal(), Signal(), Signal()
        m.d.comb += [
            self.word_end.eq((index == rows - 1) | (index + 1 == self.lanes[: bits_for(rows)])),
            self.extension_end.eq(index == protocol.EXTENSION_BYTES - 1),
            self.room.eq(~full),
            self.settled.eq(~full & ~offered),
            move.eq(full & ~offered),
            self.extension.as_value().eq(Cat(held[: protocol.EXTENSION_BYTES])),
            self.o.valid.eq(offered),
            self.o.payload.eq(Cat(held[rows : 2 * rows])),
        ]
        ends = self.take & self.words & self.word_end
        with m.If(self.begin | ends):
            m.d.sync += index.eq(0)
        with m.Elif(self.take):
            m.d.sync += index.eq(index + 1)
        m.d.sync += [
            full.eq((full | ends) & ~move),
            offered.eq((offered | (move & ~self.discard)) & ~self.o.ready),
        ]

        # The first bytes are those of the word that is collected, the next that of the one offered.
        for number, register in enumerate(held):
            here = self.take & (index == number)
            if number < rows:
                with m.If(move | self.begin):
                    m.d.sync += register.eq(0)
                with m.Elif(here):
                    m.d.sync += register.eq(self.byte)
            elif number < 2 * rows:
                if number < protocol.EXTENSION_BYTES:
                    with m.If(move | here):
                        m.d.sync += register.eq(Mux(move, held[number - rows], self.byte))
                else:
                    with m.If(move):
                        m.d.sync += register.eq(held[number - rows])
            else:
                with m.If(here):
                    m.d.sync += register.eq(self.byte)
        return m
