"""Replaces what was read outside the input by padding."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ..primitives.fanout import fan_out


class Padding(wiring.Component):
    """A register for the word that was read, or a word of zero points.

    On an iCE40 the register holds 0 for padding, and the zero point is to be ORed to each of its
    bytes: the choice between both banks and the zero point would take a second cell for each bit,
    and what takes the word has an input to spare.

    Timing: ``o`` and ``or_pad`` come one cycle after ``word``; ``outside`` comes one cycle after
    the word's address, so ``memory_latency - 1`` cycles before the word.

    Members
    -------
    word : In(word_bits)
        What the memory read.
    outside : In(1)
        It is outside the input.
    pad : In(8)
        The input's zero point; stable while a layer runs.
    o : Out(word_bits), or_pad : Out(8)
        The word for the array, once ``or_pad`` is ORed to each of its bytes.
    """

    def __init__(self, config: AcceleratorConfig, *, memory_latency: int, simulate: bool = False):
        self.config, self.simulate = config, simulate
        self.memory_latency = memory_latency
        super().__init__(
            {
                "word": In(config.word_bits),
                "outside": In(1),
                "pad": In(8),
                "o": Out(config.word_bits),
                "or_pad": Out(8),
            }
        )

    def elaborate(self, platform):
        m = Module()
        outside = fan_out(
            m,
            self.outside,
            self.config.rows,
            family=self.config.family,
            simulate=self.simulate,
            name="outside",
            cycles=self.memory_latency - 1,
        )
        pad = self.pad
        if self.config.family in ("ice40up", "ice40hx"):
            or_pad = Signal.like(self.or_pad, reset_less=True)
            m.d.sync += or_pad.eq(Mux(outside[0], self.pad, 0))
            m.d.comb += self.or_pad.eq(or_pad)
            pad = C(0, 8)
        word = Signal.like(self.o, reset_less=True)
        m.d.sync += word.eq(
            Cat(
                Mux(padded, pad, self.word.word_select(byte, 8))
                for byte, padded in enumerate(outside)
            )
        )
        m.d.comb += self.o.eq(word)
        return m
