"""Replaces what was read outside the input by padding."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ..primitives.fanout import fan_out


class Padding(wiring.Component):
    """A register for the word that was read, or a word of zero points.

    Timing: ``o`` comes one cycle after ``word``; ``outside`` comes one cycle after the word's
    address, so ``memory_latency - 1`` cycles before the word.

    Members
    -------
    word : In(word_bits)
        What the memory read.
    outside : In(1)
        It is outside the input.
    pad : In(8)
        The input's zero point; stable while a layer runs.
    o : Out(word_bits)
        The word for the array.
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
        word = Signal.like(self.o, reset_less=True)
        m.d.sync += word.eq(
            Cat(
                Mux(padded, self.pad, self.word.word_select(byte, 8))
                for byte, padded in enumerate(outside)
            )
        )
        m.d.comb += self.o.eq(word)
        return m
