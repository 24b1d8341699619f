"""The whole core: a byte stream to the host, everything else inside."""

from amaranth.hdl import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ..config import AcceleratorConfig
from ..identity import image_header
from ..isa import FLASH_UNIT, Isa
from ..protocol import FlashStatus
from .control.sequencer import Sequencer
from .control.tile_loops import Issue
from .datapath import requantizer
from .datapath import write_back as writeback
from .datapath.array import SystolicArray
from .datapath.drain import Drain
from .datapath.post_op import PostOpUnit
from .datapath.row_feeder import RowFeeder
from .flash.dma import Dma
from .flash.reader import FlashReader, depth_of, flash_pins
from .flash.word_packer import FlashWords
from .host_link.link import Link
from .memory import weight_buffer
from .memory.activation_banks import ActivationBanks
from .primitives import dual_port
from .primitives.fanout import fan_out
from .signals import delayed


class Core(wiring.Component):
    """A quantized systolic matrix-multiply core with its memory, sequencer and host link.

    Parameters
    ----------
    config
        Sizes, number format and family.
    simulate
        Use behavioural twins of the vendor's cells; the cycles are the same.
    flash_offset
        Where in the flash the program's image begins, on cores that have one.

    Members
    -------
    i, o : stream of bytes
        The frames of `protocol`.
    running : Out(1)
        A program runs.
    flash : Out(flash_pins)
        On cores with a flash.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: AcceleratorConfig, *, simulate: bool = False, flash_offset: int = 0):
        self.config = config
        self.simulate = simulate
        self.flash_offset = flash_offset
        super().__init__(
            {
                **({"flash": Out(flash_pins)} if config.flash_lanes else {}),
                "i": In(stream.Signature(8)),
                "o": Out(stream.Signature(8)),
                "running": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.banks = banks = ActivationBanks(config, simulate=self.simulate)
        m.submodules.link = link = Link(config, memory_latency=banks.latency)
        m.submodules.sequencer = sequencer = Sequencer(
            config, memory_latency=banks.latency, simulate=self.simulate
        )
        m.submodules.issue = issue = Issue(config)
        m.submodules.weights = weights = weight_buffer.WeightBuffer(config, simulate=self.simulate)
        m.submodules.array = array = SystolicArray(config, simulate=self.simulate)
        m.submodules.feeder = feeder = RowFeeder(
            rows=config.rows,
            columns=config.columns,
            activation_shape=array.activations.shape().elem_shape,
            family=config.family,
            simulate=self.simulate,
        )
        m.submodules.drain = drain = Drain(config, array.sum_shape, simulate=self.simulate)
        m.submodules.write_back = write_back = writeback.WriteBack(config)
        d = sequencer.descriptor
        m.d.comb += [signal.eq(d) for signal in (issue.descriptor, write_back.descriptor)]
        m.d.comb += [signal.eq(sequencer.start) for signal in (issue.start, write_back.start)]
        self._connect_link(m, link, sequencer, banks)
        if config.flash_lanes:
            self._add_flash(m, link, sequencer, banks)
        else:
            m.d.comb += sequencer.data.eq(banks.other_read_data)

        # Activations: address in stage 1, data after the memory's latency, then padding.
        latency = banks.latency
        word = Signal(config.word_bits, reset_less=True)
        m.d.comb += [
            banks.array_coming.eq(issue.read_coming),
            banks.array_bank.eq(d.input_bank),
            banks.array_address.eq(issue.read_address),
            feeder.word.eq(word),
            feeder.load.eq(self._load(m, issue.slot, 2 + latency)),
            feeder.broadcast.eq(d.broadcast),
            array.activations.eq(feeder.o),
            *([array.sub_byte.eq(d.sub_byte)] if config.number_format.sub_byte else []),
        ]
        outside = fan_out(
            m,
            issue.outside,
            config.rows,
            family=config.family,
            simulate=self.simulate,
            name="outside",
            cycles=latency - 1,
        )
        m.d.sync += word.eq(
            Cat(
                Mux(padded, d.pad, banks.array_data.word_select(lane, 8))
                for lane, padded in enumerate(outside)
            )
        )

        # Weights and marks, in step with them
        early = delayed(
            m,
            issue.step,
            2 + latency + feeder.latency - weights.latency,
            name="early_step",
            init={},
        )
        m.d.comb += [
            weights.step.eq(early),
            array.weights.eq(weights.weights),
            array.step.eq(delayed(m, early, weights.latency, name="step", init={})),
            issue.ready.eq(sequencer.ready),
            sequencer.busy.eq(issue.busy),
            sequencer.waiting_weights.eq(issue.waiting_weights),
            sequencer.waiting_drain.eq(issue.waiting_drain),
        ]

        # What is filled, and results
        fillings = self._fillings(m, sequencer, 1 + config.requantizers)
        m.d.comb += [
            weights.write_en.eq(fillings[0].weight_en),
            weights.write_restart.eq(fillings[0].restart),
            weights.write_half.eq(fillings[0].half),
            weights.write_data.eq(fillings[0].write_data),
            drain.sums.eq(array.sums),
            drain.finished.eq(array.finished),
            drain.step.eq(array.finished_step),
            *([drain.residual.eq(d.residual)] if config.pace > 1 else []),
            sequencer.release.eq(drain.release),
            sequencer.release_half.eq(drain.half),
        ]
        rules = self._rules(m, d)
        codes = [
            self._add_results(m, q, fillings[1 + q], rules[q], drain, write_back, array.carry_save)
            for q in range(config.requantizers)
        ]
        m.d.comb += [
            write_back.coming.eq(delayed(m, drain.valid, self._lead, name="coming", init=0)),
            write_back.codes.eq(Cat(codes)),
            write_back.link_write.eq(sequencer.idle),
            write_back.link_byte.eq(link.write_byte),
            write_back.read_data.eq(banks.result_data),
            banks.result_coming.eq(write_back.coming_access),
            banks.result_bank.eq(~d.input_bank),
            banks.result_address.eq(write_back.address),
            banks.write_en.eq(write_back.write_en),
            banks.write_data.eq(write_back.write_data),
            sequencer.finished.eq(write_back.done),
            self.running.eq(~sequencer.idle),
        ]
        return m

    @property
    def _lead(self) -> int:
        """Cycles from the drain of a sum to when the write-back begins to look for its place."""
        family = self.config.family
        result = dual_port.latency_of(family) + requantizer.latency_of(family)
        return result - writeback.read_lead(self.config) - 1

    def _fillings(self, m, sequencer, count):
        """What fills the tables, the records and the weight buffer, for each of those who take it.

        On the ECP5 a cycle later: nothing is read so soon.
        """
        names = (
            "table_en",
            "parameter_en",
            "parameter_column",
            "parameter_word",
            "weight_en",
            "restart",
        )
        names += ("start", "half", "write_data")
        return self._for_each(m, "filling", count, {n: getattr(sequencer, n) for n in names})

    def _rules(self, m, d):
        """What of the descriptor each requantizer and what is after it goes by, which is stable
        long before the first results come."""
        names = ["tie_parity", "maximum", "lookup_tables", "low", "high"]
        names += ["broadcast"] if self.config.broadcast_rows > 1 else []
        names += ["pack"] if self.config.number_format.sub_byte else []
        count = self.config.requantizers
        return self._for_each(m, "rule", count, {name: getattr(d, name) for name in names})

    def _for_each(self, m, name, count, values):
        """Values for each of some parts, on the ECP5 from registers of their own."""
        layout = data.StructLayout({n: value.shape() for n, value in values.items()})
        together = Cat(values.values())
        copies = [together] * count
        if self.config.family == "ecp5":
            copies = fan_out(
                m, together, count, family="ecp5", simulate=self.simulate, name=name, init=0
            )
        return [data.View(layout, copy) for copy in copies]

    def _add_results(self, m, q, filling, rule, drain, write_back, carry_save):
        """The requantizer of number ``q`` with its records, and what its results are stored as."""
        config = self.config
        m.submodules[f"parameters_{q}"] = records = weight_buffer.ParameterTable(
            config, simulate=self.simulate
        )
        m.submodules[f"requantizer_{q}"] = divider = requantizer.Requantizer(
            Isa(config), carry_save=carry_save
        )
        m.submodules[f"post_op_{q}"] = post_op_unit = PostOpUnit(config, simulate=self.simulate)
        column, wanted = filling.parameter_column, drain.columns[q]
        if (
            config.broadcast_rows > 1
        ):  # all lines of a broadcast layer have the records of the first
            wanted = Mux(rule.broadcast, wanted % (config.rows // config.requantizers), wanted)
        sums = delayed(m, drain.o[q], records.latency - drain.latency, name=f"sum_{q}")
        m.d.comb += [
            records.write_en.eq(filling.parameter_en & (column % config.requantizers == q)),
            records.write_half.eq(filling.half),
            records.write_column.eq(column // config.requantizers),
            records.write_word.eq(filling.parameter_word),
            records.write_data.eq(filling.write_data),
            records.column.eq(wanted),
            records.half.eq(drain.halves[q]),
            records.negative.eq(divider.negative),
            divider.sum.eq(sums),
            divider.early.eq(records.early),
            divider.late.eq(records.late),
            divider.offset.eq(records.offset),
            divider.tie_parity.eq(rule.tie_parity),
            post_op_unit.result.eq(divider.o),
            post_op_unit.residual.eq(write_back.old.word_select(q, 8)),
            post_op_unit.maximum.eq(rule.maximum),
            post_op_unit.lookup_tables.eq(rule.lookup_tables),
            *([post_op_unit.pack.eq(rule.pack)] if config.number_format.sub_byte else []),
            post_op_unit.low.eq(rule.low),
            post_op_unit.high.eq(rule.high),
            post_op_unit.restart.eq(filling.start),
            post_op_unit.write_en.eq(filling.table_en),
            post_op_unit.write_data.eq(filling.write_data),
        ]
        return post_op_unit.o

    def _load(self, m, slot, cycles):
        """The row that a word is for, a bit each, ``cycles`` cycles later: from registers, for it goes
        to a whole row."""
        slot = delayed(m, slot, cycles - 1, name="slot")
        return delayed(m, Cat(slot == r for r in range(self.config.rows)), 1, name="load")

    def _connect_link(self, m, link, sequencer, banks):
        wiring.connect(m, wiring.flipped(self.i), link.i)
        wiring.connect(m, link.o, wiring.flipped(self.o))
        m.d.comb += [
            sequencer.run.eq(link.run),
            sequencer.stop.eq(link.stop),
            sequencer.set_pointer.eq(link.set_pointer),
            sequencer.pointer_byte.eq(link.pointer_byte),
            sequencer.link_en.eq(link.memory_en),
            sequencer.link_advance.eq(link.advance),
            link.idle.eq(sequencer.idle),
            link.layer_done.eq(sequencer.layer_done),
            link.counter_byte.eq(sequencer.counters[:8]),
            sequencer.turn_counters.eq(link.turn_counters),
            link.read_data.eq(banks.other_read_data),
            banks.other_en.eq(sequencer.access_en),
            banks.other_location.eq(sequencer.pointer.memory),
            banks.other_write.eq(link.memory_write),
            sequencer.granted.eq(banks.other_granted),
            link.refused.eq(sequencer.refused),
        ]

    def _add_flash(self, m, link, sequencer, banks):
        """Chunks in flash come to the sequencer instead of words of memory, and words to copy go
        there; while no program runs, the link may read in the flash."""
        m.submodules.flash = reader = FlashReader(
            data_lines=self.config.flash_lanes,
            divider=self.config.flash_divider,
            offset=self.flash_offset,
            header=image_header(self.config),
            depth=depth_of(self.config.family),
            of_luts=self.config.family == "ecp5",
        )
        m.submodules.dma = dma = Dma(self.config)
        m.submodules.flash_words = words = FlashWords(self.config, memory_latency=banks.latency)
        wiring.connect(m, reader.pins, wiring.flipped(self.flash))
        from_flash = sequencer.pointer.flash
        sources = words.word, banks.other_read_data
        idle = delayed(m, sequencer.idle, 1, name="idle", init=1)
        m.d.comb += [
            reader.start.eq(sequencer.flash_start | link.flash_start),
            reader.address.eq(Cat(C(0, exact_log2(FLASH_UNIT)), sequencer.pointer.as_value()[:-1])),
            reader.stop.eq(sequencer.flash_stop),
            reader.check.eq(link.flash_check),
            reader.o.ready.eq(Mux(idle, link.flash.ready, words.i.ready)),
            words.clear.eq(sequencer.flash_start),
            words.i.payload.eq(reader.o.payload),
            words.i.valid.eq(reader.o.valid & ~idle),
            words.taken.eq((sequencer.access_en & from_flash & words.valid) | dma.taken),
            link.from_flash.eq(from_flash),
            link.flash_status.eq(reader.status),
            link.flash.payload.eq(reader.o.payload),
            link.flash.valid.eq(reader.o.valid),
            sequencer.flash_valid.eq(reader.status == FlashStatus.OK),
            sequencer.copying.eq(dma.active),
            dma.descriptor.eq(sequencer.descriptor),
            dma.begin.eq(sequencer.copy),
            dma.quiet.eq(sequencer.quiet),
            dma.streaming.eq(from_flash),
            dma.bank.eq(sequencer.pointer.memory.bank),
            dma.valid.eq(words.valid),
            dma.taken.eq(banks.dma_taken),
            banks.dma_offered.eq(dma.offered),
            banks.dma_location.eq(dma.location),
            banks.dma_data.eq(words.word),
        ]
        with m.If(from_flash):
            m.d.comb += [banks.other_en.eq(0), sequencer.granted.eq(words.valid)]
        # Data come long after it is known where from.
        copies = self._for_each(m, "from_flash", self.config.rows, {"streaming": from_flash})
        m.d.comb += sequencer.data.eq(
            Cat(
                Mux(copy.streaming, *(word.word_select(lane, 8) for word in sources))
                for lane, copy in enumerate(copies)
            )
        )
