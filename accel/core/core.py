"""The whole core: a byte stream to the host, everything else inside."""

from amaranth.hdl import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import AcceleratorConfig
from ..protocol import COUNTER_BITS, COUNTERS
from .control.counters import Counters
from .control.run_guard import RunGuard
from .control.sequencer import Sequencer
from .control.tile_loops import TileLoops
from .datapath.array import SystolicArray
from .datapath.drain import Drain
from .datapath.padding import Padding
from .datapath.result_unit import ResultUnit, release_delay, residual_lead
from .datapath.row_feeder import RowFeeder
from .datapath.write_back import WriteBack, read_lead
from .flash.bus import flash_pins
from .flash.unit import FlashUnit
from .host_link.link import Link
from .host_link.receiver import LinkTimes
from .link_signatures import LineRate
from .memory.activation_banks import ActivationBanks
from .memory.weight_buffer import WeightBuffer
from .primitives.fanout import BusFanOut
from .signals import delayed
from .signatures import FillBus, ResultRule


class Core(wiring.Component):
    """A quantized systolic matrix-multiply core with its memory, sequencer and host link.

    Parameters
    ----------
    config
        Sizes, number format and family.
    simulate
        Use behavioural twins of the vendor's cells; the cycles are the same.
    flash_offset
        Where in the flash the program's image begins, in bytes, on cores that have one.
    times
        How long the link waits for bytes.

    Members
    -------
    i, o : stream of bytes
        The frames of `protocol`.
    running : Out(1)
        A program runs.
    rate : Out(LineRate)
        What the host says of the rate of a serial line.
    flash : Out(flash_pins)
        On cores with a flash.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(
        self,
        config: AcceleratorConfig,
        *,
        simulate: bool = False,
        flash_offset: int = 0,
        times: LinkTimes | None = None,
    ):
        self.config = config
        self.flash_offset = flash_offset
        self.banks = ActivationBanks(config, simulate=simulate)
        latency = self.banks.latency
        self.link = Link(config, memory_latency=latency, times=times)
        self.sequencer = Sequencer(config, memory_latency=latency, simulate=simulate)
        self.counters = Counters(config, simulate=simulate)
        self.guard = RunGuard(COUNTER_BITS)
        self.tile_loops = TileLoops(config)
        self.weights = WeightBuffer(config, simulate=simulate)
        self.padding = Padding(config, memory_latency=latency, simulate=simulate)
        self.array = SystolicArray(config, simulate=simulate)
        self.feeder = RowFeeder(
            rows=config.rows,
            columns=config.columns,
            activation_shape=signed(config.number_format.activation_bits),
            family=config.family,
            simulate=simulate,
        )
        self.drain = Drain(config, self.array.sum_shape, simulate=simulate)
        self.units = [
            ResultUnit(config, q, self.drain, carry_save=self.array.carry_save, simulate=simulate)
            for q in range(config.requantizers)
        ]
        self.write_back = WriteBack(config)
        users = 1 + config.requantizers
        self.fill = BusFanOut(FillBus(config), users, family=config.family, simulate=simulate)
        self.rules = BusFanOut(
            ResultRule(config), config.requantizers, family=config.family, simulate=simulate
        )
        if config.flash_lanes:
            self.flash_unit = FlashUnit(
                config, offset=flash_offset, memory_latency=latency, simulate=simulate
            )
        super().__init__(
            {
                **({"flash": Out(flash_pins)} if config.flash_lanes else {}),
                "i": In(stream.Signature(8)),
                "o": Out(stream.Signature(8)),
                "running": Out(1),
                "rate": Out(LineRate()),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.banks = banks = self.banks
        m.submodules.link = link = self.link
        m.submodules.guard = guard = self.guard
        m.submodules.counters = counters = self.counters
        clean = ResetInserter(guard.clean)
        sequencer, tile_loops, write_back = self.sequencer, self.tile_loops, self.write_back
        m.submodules.sequencer = clean(sequencer)
        m.submodules.tile_loops = clean(tile_loops)
        m.submodules.weights = self.weights
        m.submodules.padding = self.padding
        m.submodules.array = clean(self.array)
        m.submodules.feeder = self.feeder
        m.submodules.drain = clean(self.drain)
        m.submodules.write_back = clean(write_back)
        # Multipliers and block RAM rest while nothing runs. A run's first step comes later.
        awake = delayed(m, ~sequencer.host.idle, 1, name="awake", init=0)
        m.d.comb += [
            port.eq(awake)
            for port in (
                self.weights.awake,
                self.array.awake,
                *(unit.awake for unit in self.units),
            )
        ]

        wiring.connect(m, wiring.flipped(self.i), link.i)
        wiring.connect(m, wiring.flipped(self.o), link.o)
        wiring.connect(m, wiring.flipped(self.rate), link.rate)
        wiring.connect(m, link.run, guard.link)
        wiring.connect(m, guard.host, sequencer.host)
        wiring.connect(m, link.memory, sequencer.memory)
        wiring.connect(m, link.counters, counters.host)
        wiring.connect(m, link.write, banks.host)
        wiring.connect(m, sequencer.layer, tile_loops.layer, write_back.layer)
        wiring.connect(m, sequencer.tiles, tile_loops.tiles)
        wiring.connect(m, tile_loops.read, banks.array)
        wiring.connect(m, write_back.memory, banks.result)
        m.d.comb += [
            tile_loops.share.eq(guard.share),
            link.read_data.eq(banks.shared.read_data),
            self.running.eq(~sequencer.host.idle),
        ]
        self._count(m)
        self._connect_chunks(m)
        self._connect_operands(m)
        self._connect_results(m)
        return m

    def _count(self, m):
        """What a run's cycles are spent on."""
        sequencer, counters = self.sequencer, self.counters
        tiles = sequencer.tiles
        events = {
            "cycles": ~sequencer.host.idle,
            "busy": tiles.busy,
            "waiting_weights": tiles.waiting_weights,
            "waiting_drain": tiles.waiting_drain,
        }
        m.d.comb += [
            counters.clear.eq(self.link.run.start | self.guard.host.run),
            counters.events.eq(Cat(events[name] for name in COUNTERS)),
            self.guard.cycles.eq(counters.value[:COUNTER_BITS]),
        ]

    def _connect_chunks(self, m):
        """The sequencer reads its program from the memory and, if there is one, from the flash."""
        chunk, memory = self.sequencer.chunk, self.banks.shared
        if not self.config.flash_lanes:
            m.d.comb += [
                memory.en.eq(chunk.en),
                memory.location.eq(chunk.pointer.memory),
                chunk.granted.eq(memory.granted),
                chunk.data.eq(memory.read_data),
            ]
            return
        m.submodules.flash = flash = self.flash_unit
        wiring.connect(m, wiring.flipped(self.flash), flash.pins)
        wiring.connect(m, self.link.flash, flash.host)
        wiring.connect(m, self.sequencer.flash, flash.control)
        wiring.connect(m, self.sequencer.dma, flash.dma)
        wiring.connect(m, chunk, flash.chunk)
        wiring.connect(m, flash.memory, memory)
        wiring.connect(m, flash.dma_memory, self.banks.dma)
        m.d.comb += flash.clean.eq(self.guard.clean)

    def _connect_operands(self, m):
        """Activations and weights come to the array in the same cycle as the step's marks."""
        d, latency = self.sequencer.layer.descriptor, self.banks.latency
        tile_loops = self.tile_loops
        padding, feeder, weights, array = self.padding, self.feeder, self.weights, self.array
        # From a step: its address, the memory, the padding, the row feeder.
        cycles = 1 + latency + 1 + feeder.latency
        slot = delayed(m, tile_loops.slot, latency + 1, name="slot")
        load = Cat(slot == r for r in range(self.config.rows))
        step = delayed(m, tile_loops.step, cycles - weights.latency, name="early_step", init={})
        m.d.comb += [
            padding.word.eq(self.banks.array_data),
            padding.outside.eq(tile_loops.outside),
            padding.pad.eq(d.pad),
            feeder.word.eq(padding.o),
            feeder.or_pad.eq(padding.or_pad),
            feeder.load.eq(delayed(m, load, 1, name="load")),
            feeder.broadcast.eq(d.broadcast),
            weights.step.eq(step),
            array.activations.eq(feeder.o),
            array.weights.eq(weights.weights),
            array.step.eq(delayed(m, step, weights.latency, name="step", init={})),
            *([array.sub_byte.eq(d.sub_byte)] if self.config.number_format.sub_byte else []),
        ]

    def _connect_results(self, m):
        """Sums leave the array and become codes."""
        array, drain, sequencer = self.array, self.drain, self.sequencer
        later = release_delay(self.config)
        d, residual = sequencer.layer.descriptor, self.write_back.residual
        m.submodules.fill = fill = self.fill
        wiring.connect(m, sequencer.fill, fill.i)
        wiring.connect(m, fill.o[0], self.weights.fill)
        rules = self._add_rules(m)
        for q, unit in enumerate(self.units):
            m.submodules[f"results_{q}"] = unit
            wiring.connect(m, fill.o[1 + q], unit.fill)
            wiring.connect(m, rules.o[q], unit.rule)
            m.d.comb += [
                unit.place.eq(drain.places[q]),
                unit.sum.eq(drain.o[q]),
                unit.residual.eq(residual.word_select(q, 8)),
            ]
        m.d.comb += [
            drain.sums.eq(array.sums),
            drain.finished.eq(array.finished),
            drain.step.eq(array.finished_step),
            *([drain.residual.eq(d.residual)] if self.config.pace > 1 else []),
            *([drain.wide.eq(d.keep_sums | d.add_sums)] if self.config.keeps_sums else []),
            sequencer.release.eq(delayed(m, drain.release, later, name="release", init=0)),
            sequencer.release_half.eq(delayed(m, drain.release_half, later, name="half")),
        ]
        self._connect_write_back(m)

    def _add_rules(self, m):
        """The rules of the layer that runs, for all units of results."""
        m.submodules.rules = rules = self.rules
        descriptor = self.sequencer.layer.descriptor
        m.d.comb += [getattr(rules.i, n).eq(getattr(descriptor, n)) for n in rules.names]
        return rules

    def _connect_write_back(self, m):
        """The write-back looks for the destination of a result in time to read what it holds."""
        drain, write_back, sequencer = self.drain, self.write_back, self.sequencer
        lead = residual_lead(self.config) - read_lead(self.config) - 1
        m.d.comb += [
            write_back.coming.eq(delayed(m, drain.valid, lead, name="coming", init=0)),
            write_back.codes.eq(Cat(unit.code for unit in self.units)),
            sequencer.finished.eq(write_back.done),
        ]
        if self.config.keeps_sums:
            m.d.comb += [
                write_back.finished.eq(self.array.finished[0]),
                drain.emit_next.eq(write_back.emit_next),
                write_back.biased.eq(Cat(unit.biased for unit in self.units)),
                Cat(unit.kept for unit in self.units).eq(write_back.kept),
            ]
