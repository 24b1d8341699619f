"""What the output's memory held: residual operands of results, or sums that were kept."""

from math import gcd

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import SUM_BYTES, AcceleratorConfig
from ..primitives import memory
from ..signals import delayed


class OperandWord(wiring.Component):
    """Keeps words that were read, and shows what results need of them.

    A word of residual operands moves on with each result. Words of kept sums follow each other into
    a register until all of those are there that leave the array together, and stay.

    Timing: ``kept`` holds a word from ``read_lead`` cycles after ``reading`` on. ``residual``
    belongs to the result whose destination was found as many cycles before.

    Members
    -------
    start : In(1)
        A layer begins: without reads, operands are 0.
    add_sums : In(1)
        What is read are kept sums. On cores that keep sums, as the next two.
    lane : In(range(sums_share))
        Which sums of the word that is read.
    kept : Out(32 * requantizers)
        The sums.
    reading : In(1), byte : In(range(rows))
        A word is read in this cycle; the byte of the first result, if it holds operands.
    valid : In(1)
        A destination is found in this cycle.
    read_data : In(word_bits)
        What was read, the memory's latency later.
    residual : Out(8 * requantizers)
        The residual operands of neighbouring results, codes + 128; 0 in a layer without, but
        anything where sums are added.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        self.kept_bits = 8 * SUM_BYTES * config.requantizers if config.keeps_sums else 0
        sums = {
            "add_sums": In(1),
            "lane": In(range(config.sums_share)),
            "kept": Out(self.kept_bits),
        }
        super().__init__(
            {
                **(sums if config.keeps_sums else {}),
                "start": In(1),
                "reading": In(1),
                "byte": In(range(config.rows)),
                "valid": In(1),
                "read_data": In(config.word_bits),
                "residual": Out(8 * config.requantizers),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from a read to its word."""
        return memory.latency_of(self.config.family) + 1

    def elaborate(self, platform):
        m = Module()
        config, step = self.config, 8 * self.config.requantizers
        arrived = delayed(m, self.reading, self.latency - 1, name="arrived", init=0)
        shown = self._show_operands(m)
        word = Signal(config.word_bits)
        following = word >> step
        if config.pace > 1 and min(config.rows, config.columns) > config.requantizers:
            passed = delayed(m, self.valid, self.latency, name="passed", init=0)
            following = Mux(passed, following, word)
        if not config.keeps_sums:
            m.d.sync += word.eq(Mux(arrived, shown, following))
            m.d.comb += self.residual.eq(word)
        else:
            rest = Signal(max(0, self.kept_bits - config.word_bits))
            kept = Cat(word, rest)[: self.kept_bits]
            used = Cat(self._kept_next(m, kept), word[self.kept_bits :])
            operands = Mux(arrived, shown, following)
            with m.If(~self.add_sums | arrived):
                # Of a word that holds operands nothing goes further.
                m.d.sync += Cat(word, rest).eq(Mux(self.add_sums, used, Cat(operands, rest)))
            m.d.comb += [
                self.kept.eq(kept),
                self.residual.eq(word),
            ]
        with m.If(self.start):
            m.d.sync += word.eq(0)
        return m

    def _show_operands(self, m):
        """The word that was read, from the first result's byte on."""
        config, shown = self.config, self.read_data
        if config.columns % config.rows:
            # Words are read from a byte on that is a multiple of this; its low zero bits are known.
            apart = gcd(config.rows, config.columns)
            zeros = (apart & -apart).bit_length() - 1
            byte = delayed(m, self.byte, self.latency - 1, name="byte")
            shown = shown >> Cat(C(0, 3 + zeros), byte[zeros:])
        return shown ^ C(0x80, 8).replicate(config.rows)

    def _kept_next(self, m, kept):
        """The kept sums with those of the word that was read."""
        config, width = self.config, 8 * self.config.sums_in_word
        read = self.read_data
        if config.sums_share > 1:
            lane = delayed(m, self.lane, self.latency - 1, name="lane")
            read = read.word_select(lane, width)
        return Cat(kept[width:], read[:width])
