"""Writes the codes of a layer to the output, or its sums, and reads what lies there."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import SUM_BYTES, AcceleratorConfig
from ...isa import Isa
from ..signals import delayed
from ..signatures import LayerControl, ResultPort
from .operand_word import OperandWord
from .result_address import ResultAddress
from .result_loops import ResultLoops
from .sums_order import SumsOrder
from .word_collector import WordCollector, read_lead, write_delay

__all__ = ["WriteBack", "read_lead", "write_delay"]


class WriteBack(wiring.Component):
    """Finds where the results go as they come, collects their codes into words, and writes these.

    Results come in the order of the drain: the columns of a row, the rows of a tile, the tiles of a
    group, the groups of a layer. Codes that come together are written together, so the first byte
    of a group in its word and the columns of a group are whole multiples of ``requantizers``.

    In a layer with a residual operand the word that results go to is read first; tiles then begin
    only at multiples of a period, so that no word is written in a cycle in which one is read.

    A layer that keeps sums writes these instead of codes, in words of their own, and one that adds
    to such sums reads them; see `SumsOrder` for the cycles.

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
    finished : In(1), emit_next : Out(1)
        On cores that keep sums, as the next ones: the first row's sums are finished; in a layer of
        such sums they leave the array in the next cycle.
    kept : Out(32 * requantizers), biased : In(32 * requantizers)
        What is added to the sums that leave the array; biased sums to write.
    memory : Out(ResultPort)
        The output bank.
    done : Out(1)
        All codes of the layer have been written.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        self.isa = Isa(config)
        width = 8 * SUM_BYTES * config.requantizers
        sums = {"finished": In(1), "emit_next": Out(1), "kept": Out(width), "biased": In(width)}
        super().__init__(
            {
                **(sums if config.keeps_sums else {}),
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
        m.submodules.operands = operands = OperandWord(self.config)
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
        coming = reading_next | collector.writing_next
        write_en, operand_reading = collector.write_en & ~reading.replicate(rows), reading
        if self.config.keeps_sums:
            access_next, sums_reading, sums_en = self._add_sums(m, collector, operands)
            coming |= access_next
            write_en = write_en & ~sums_reading.replicate(rows) | sums_en
            operand_reading = reading | sums_reading
        m.d.comb += [
            self.memory.coming.eq(coming),
            self.memory.bank.eq(~d.input_bank),
            self.memory.address.eq(Mux(reading, address.o.word, collector.address)),
            self.memory.write_en.eq(write_en),
            self.memory.write_data.eq(collector.write_data),
            operands.start.eq(self.layer.start),
            operands.reading.eq(operand_reading),
            operands.byte.eq(address.o.byte),
            operands.valid.eq(loops.o.valid),
            operands.read_data.eq(self.memory.read_data),
            self.residual.eq(operands.residual),
        ]
        return m

    def _add_sums(self, m, collector, operands):
        """Reads and writes of kept sums: whether there is one in the next cycle, whether this one
        reads, and the bytes that it writes."""
        config, d = self.config, self.layer.descriptor
        m.submodules.sums = order = SumsOrder(config)
        wiring.connect(m, wiring.flipped(self.layer), order.layer)
        sums_reading = delayed(m, order.read_next, 1, name="sums_reading", init=0)
        sums_writing = delayed(m, order.write_next, 1, name="sums_writing", init=0)
        lane = delayed(m, order.lane, 1, name="sums_lane")
        sums_en = Cat(
            sums_writing & (lane == index // config.sums_in_word)
            for index in range(config.sums_in_word * config.sums_share)
        )
        access_next = order.read_next | order.write_next
        m.d.comb += [
            order.finished.eq(self.finished),
            self.emit_next.eq(order.emit_next),
            collector.access_next.eq(access_next),
            collector.sums_address.eq(order.address),
            collector.keep_sums.eq(d.keep_sums),
            collector.load.eq(order.load),
            collector.shift.eq(sums_writing),
            collector.biased.eq(self.biased),
            operands.add_sums.eq(d.add_sums),
            operands.lane.eq(lane),
            self.kept.eq(operands.kept),
        ]
        return access_next, sums_reading, sums_en
