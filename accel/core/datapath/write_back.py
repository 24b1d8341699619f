"""Writes the codes of a layer to the output, and reads the residual operands that lie there."""

from math import gcd

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ...isa import Isa
from ..primitives import memory
from ..signals import delayed
from ..signatures import LayerControl, ResultPort
from .result_address import ResultAddress
from .result_loops import ResultLoops
from .word_collector import WordCollector, read_lead, write_delay

__all__ = ["WriteBack", "read_lead", "write_delay"]


class WriteBack(wiring.Component):
    """Finds where the results go as they come, collects their codes into words, and writes these.

    Results come in the order of the drain: the columns of a row, the rows of a tile, the tiles of a
    group, the groups of a layer. Codes that come together are written together, so the first byte
    of a group in its word and the columns of a group are whole multiples of ``requantizers``.

    In a layer with a residual operand the word that results go to is read first; tiles then begin
    only at multiples of a period, so that no word is written in a cycle in which one is read.

    Timing: ``residual`` belongs to the result whose destination was found ``read_lead`` cycles
    before, and ``codes`` to that of ``write_delay - 1`` cycles before. ``done`` comes with the last
    write.

    Members
    -------
    layer : In(LayerControl)
        The layer.
    coming : In(1)
        In the next cycle the destinations of the next results are found.
    residual : Out(8 * requantizers)
        The residual operands of neighbouring results, codes + 128; 0 in a layer without.
    codes : In(8 * requantizers)
        Codes to store, of neighbouring columns.
    memory : Out(ResultPort)
        The output bank.
    done : Out(1)
        All codes of the layer have been written.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        self.isa = Isa(config)
        super().__init__(
            {
                "layer": In(LayerControl(self.isa)),
                "coming": In(1),
                "residual": Out(8 * config.requantizers),
                "codes": In(8 * config.requantizers),
                "memory": Out(ResultPort(config)),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        d, rows = self.layer.descriptor, self.config.rows
        m.submodules.loops = loops = ResultLoops(self.config)
        m.submodules.address = address = ResultAddress(self.config)
        m.submodules.collector = collector = WordCollector(self.config)
        wiring.connect(m, wiring.flipped(self.layer), loops.layer, address.layer)
        m.d.comb += [
            loops.coming.eq(self.coming),
            address.loops.eq(loops.o),
            collector.destination.eq(address.o),
            collector.codes.eq(self.codes),
            self.done.eq(collector.done),
        ]

        # Reads and writes are never in the same cycle.
        reading_next = self.coming & address.word_begin_next & d.residual
        reading = delayed(m, reading_next, 1, name="reading", init=0)
        m.d.comb += [
            self.memory.coming.eq(reading_next | collector.writing_next),
            self.memory.bank.eq(~d.input_bank),
            self.memory.address.eq(Mux(reading, address.o.word, collector.address)),
            self.memory.write_en.eq(collector.write_en & ~reading.replicate(rows)),
            self.memory.write_data.eq(collector.write_data),
        ]
        self._add_residual(m, reading, address.o.byte, loops.o.valid)
        return m

    def _add_residual(self, m, reading, byte, valid):
        """The word that holds the residual operands, moved on result by result."""
        config, step = self.config, 8 * self.config.requantizers
        latency = memory.latency_of(config.family)
        arrived = delayed(m, reading, latency, name="arrived", init=0)
        shown = self.memory.read_data
        if config.columns % config.rows:
            # Words are read from a byte on that is a multiple of this; its low zero bits are known.
            apart = gcd(config.rows, config.columns)
            zeros = (apart & -apart).bit_length() - 1
            shown = shown >> Cat(C(0, 3 + zeros), delayed(m, byte, latency, name="byte")[zeros:])
        word = Signal(config.word_bits)
        following = word >> step
        if config.pace > 1 and min(config.rows, config.columns) > config.requantizers:
            passed = delayed(m, valid, read_lead(config), name="passed", init=0)
            following = Mux(passed, following, word)
        m.d.sync += word.eq(Mux(arrived, shown ^ C(0x80, 8).replicate(config.rows), following))
        with m.If(self.layer.start):
            m.d.sync += word.eq(0)
        m.d.comb += self.residual.eq(word)
