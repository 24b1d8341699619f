"""Runs a program: fetches its chunks and keeps the array supplied with weights."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from ...config import AcceleratorConfig
from ...isa import Isa
from ..link_signatures import HostMemory
from ..signals import advanced, delayed
from ..signatures import (
    ChunkPort,
    DmaControl,
    FillBus,
    FlashControl,
    LayerControl,
    RunPort,
    TileControl,
)
from .descriptor import DescriptorRegister
from .pointer import Pointer
from .segment import SegmentCounter

_SEGMENTS = ("descriptor", "tables", "parameters", "weights")  # of a chunk, in their order


class Sequencer(wiring.Component):
    """Fetches a layer's descriptor, starts the layer, and streams its parameters and weights.

    While a layer works, the channel parameters and the weights of its groups of output channels
    are fetched into the half of the buffers that is free. A DMA transfer that comes before the
    layer's chunk is handed to the DMA first.

    Timing: data come ``memory_latency`` cycles after a word was granted, and fill the buffers in
    that cycle.

    Members
    -------
    host : In(RunPort)
        Runs.
    memory : In(HostMemory)
        The link's use of the pointer.
    chunk : Out(ChunkPort)
        Where the program is read.
    layer : Out(LayerControl)
        The layer that runs.
    tiles : Out(TileControl)
        Which halves are full.
    fill : Out(FillBus)
        Fills lookup tables, channel parameters and weights.
    release, release_half : In(1)
        A half is used up.
    finished : In(1)
        The layer's last result is in memory.
    flash : Out(FlashControl), dma : Out(DmaControl)
        On cores with a flash.
    """

    def __init__(self, config: AcceleratorConfig, *, memory_latency: int, simulate: bool = False):
        self.config = config
        self.isa = isa = Isa(config)
        self.memory_latency = memory_latency
        self.pointer = Pointer(isa)
        self.descriptor = DescriptorRegister(
            config, memory_latency=memory_latency, simulate=simulate
        )
        flash = {}
        if config.flash_lanes:
            flash = {"flash": Out(FlashControl()), "dma": Out(DmaControl(isa))}
        super().__init__(
            {
                **flash,
                "host": In(RunPort()),
                "memory": In(HostMemory(config)),
                "chunk": Out(ChunkPort(config)),
                "layer": Out(LayerControl(isa)),
                "tiles": Out(TileControl()),
                "fill": Out(FillBus(config)),
                "release": In(1),
                "release_half": In(1),
                "finished": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.pointer = pointer = self.pointer
        m.submodules.descriptor = descriptor = self.descriptor
        m.submodules.segment = segment = SegmentCounter(self._length_bits)

        # A word is asked for in each cycle of the state that is named as its segment.
        asking = {name: Signal(name=f"asking_{name}") for name in _SEGMENTS}
        taken = {name: segment.taken & signal for name, signal in asking.items()}
        arrives = {
            name: delayed(m, taken[name], self.memory_latency, name=f"arrives_{name}", init=0)
            for name in _SEGMENTS[1:]
        }
        m.d.comb += [
            segment.asking.eq(Cat(asking.values()).any()),
            segment.granted.eq(self.chunk.granted),
            self.chunk.en.eq(segment.asking | self.memory.access),
            self.chunk.pointer.eq(pointer.value),
            pointer.next.eq(descriptor.value.next),
            pointer.set.eq(self.memory.set),
            pointer.location.eq(self.memory.location),
            pointer.advance.eq(segment.taken | self.memory.advance),
            descriptor.taken.eq(taken["descriptor"]),
            descriptor.last.eq(segment.last),
            descriptor.data.eq(self.chunk.data),
            self.layer.descriptor.eq(descriptor.value),
            self.host.last.eq(descriptor.value.last),
            self.host.release.eq(descriptor.value.release),
        ]
        self._fill(m, arrives)
        complete = delayed(m, segment.end, self.memory_latency, name="complete", init=0)
        loaded = complete & arrives["weights"]
        self._fill_halves(m, loaded)
        if self.config.flash_lanes:
            self._tell_dma(m)

        states = _States(m, self, segment, asking, complete=complete, loaded=loaded)
        with m.FSM():
            states.idle()
            states.descriptor()
            states.start()
            states.group()
            states.finish()
        return m

    @property
    def _length_bits(self) -> int:
        """Of the number of words of the longest segment, less one."""
        isa = self.isa
        tables = isa.table_words(residual=True)
        parameters = self.config.columns * isa.channel_parameter_words
        words = max(isa.descriptor_words, tables, parameters)
        return max(bits_for(words - 1), isa.descriptor["weight_words_less_one"].width)

    def _fill(self, m, arrives):
        fill = self.fill
        last_word = Signal()
        m.d.comb += [
            fill.start.eq(self.layer.start),
            fill.data.eq(self.chunk.data),
            fill.table_en.eq(arrives["tables"]),
            fill.parameter_en.eq(arrives["parameters"]),
            fill.weight_en.eq(arrives["weights"]),
            last_word.eq(fill.parameter_word == self.isa.channel_parameter_words - 1),
        ]
        with m.If(fill.restart):
            m.d.sync += [fill.parameter_word.eq(0), fill.parameter_column.eq(0)]
        with m.Elif(fill.parameter_en):
            m.d.sync += fill.parameter_word.eq(Mux(last_word, 0, fill.parameter_word + 1))
            with m.If(last_word):
                m.d.sync += fill.parameter_column.eq(fill.parameter_column + 1)

    def _fill_halves(self, m, loaded):
        """Which halves are full: filled in turn, emptied as the drain says."""
        ready, half = self.tiles.ready, self.fill.half
        released = (self.release & ~self.layer.descriptor.shared) << self.release_half
        with m.If(self.layer.start):
            m.d.sync += [ready.eq(0), half.eq(0)]
        with m.Else():
            m.d.sync += [
                ready.eq((ready & ~released) | (loaded << half)),
                half.eq(half ^ loaded),
            ]

    def _tell_dma(self, m):
        pointer = self.pointer.value
        transfer = data.View(self.isa.dma_descriptor, self.layer.descriptor.as_value())
        m.d.comb += [
            self.dma.transfer.eq(transfer),
            self.dma.streaming.eq(pointer.flash),
            self.dma.bank.eq(pointer.memory.bank),
            self.flash.idle.eq(self.host.idle),
        ]


class _States:
    """The states of the sequencer, a method for each part of a chunk."""

    def __init__(self, m, sequencer, segment, asking, *, complete, loaded):
        self.m, self.sequencer, self.segment, self.asking = m, sequencer, segment, asking
        self.complete, self.loaded = complete, loaded
        self.isa, self.has_flash = sequencer.isa, bool(sequencer.config.flash_lanes)
        self.fields = sequencer.layer.descriptor
        self.start_next = Signal(name="start_next")
        # Minus the groups that are missing: a sign tells when there are none, without a comparison.
        self.groups = Signal(len(self.fields.groups_less_one) + 1, name="groups", reset_less=True)
        self.first_group, self.next_group = Signal(name="first_group"), Signal(name="next_group")
        with m.If(self.first_group | self.next_group):
            m.d.sync += self.groups.eq(
                advanced(
                    self.groups,
                    C(1, 1),
                    load=self.first_group,
                    loaded=~Cat(self.fields.groups_less_one, C(0, 1)),
                )
            )
        m.d.sync += sequencer.layer.start.eq(self.start_next)
        # Words that come from flash are the layer's own until it has all of them.
        self.streaming = sequencer.pointer.value.flash if self.has_flash else C(0)
        if self.has_flash:
            self.dma_busy = delayed(m, sequencer.dma.busy, 1, name="dma_busy", init=0)

    def _fetch(self, less_one, when=1):
        """The next segment is this long; see `SegmentCounter` for when it may be said."""
        self.m.d.comb += [self.segment.less_one.eq(less_one), self.segment.load.eq(when)]

    def _next_chunk(self, pointer):
        """Read the chunk at the pointer."""
        self.m.next = "Descriptor"
        if self.has_flash:
            with self.m.If(pointer.flash):
                self.m.next = "Seek"

    def _say_quiet(self, value):
        if self.has_flash:
            self.m.d.comb += self.sequencer.dma.quiet.eq(value)

    def _wait_for_end(self, following):
        """Stay until the last word of the segment is taken."""
        with self.m.If(self.segment.end):
            self.m.next = following

    def idle(self):
        m, host = self.m, self.sequencer.host
        with m.State("Idle"):
            m.d.comb += host.idle.eq(1)
            self._fetch(self.isa.descriptor_words - 1)
            with m.If(host.run):
                m.d.sync += host.refused.eq(0)
                self._next_chunk(self.sequencer.pointer.value)
        if self.has_flash:
            flash = self.sequencer.flash
            with m.State("Seek"):
                m.d.comb += flash.start.eq(flash.valid)
                m.d.sync += host.refused.eq(~flash.valid)
                m.next = "Idle"
                with m.If(flash.valid):
                    m.next = "Descriptor"

    def descriptor(self):
        m = self.m
        with m.State("Descriptor"):
            m.d.comb += self.asking["descriptor"].eq(1)
            self._wait_for_end("Decode")
        with m.State("Decode"), m.If(self.complete):
            waits = self.sequencer.descriptor.following.wait
            m.d.comb += self.start_next.eq(~waits)
            m.next = "Start"
            with m.If(waits):
                m.next = "Wait"
            if self.has_flash:
                with m.If(self.sequencer.descriptor.following.dma):
                    m.d.comb += self.start_next.eq(0)
                    m.next = "Start DMA"
        with m.State("Wait"):
            host = self.sequencer.host
            m.d.comb += [self.start_next.eq(host.band), host.band_taken.eq(host.band)]
            with m.If(host.band):
                m.next = "Start"
        if self.has_flash:
            with m.State("Start DMA"):
                m.d.comb += [self.sequencer.dma.start.eq(1), self.sequencer.pointer.load.eq(1)]
                self._fetch(self.isa.descriptor_words - 1)
                m.next = "Descriptor"

    def start(self):
        """A layer begins: first come its lookup tables, if it has any."""
        m, isa, fields = self.m, self.isa, self.fields
        one, two = (isa.table_words(residual) for residual in (False, True))
        with m.State("Start"):
            m.d.comb += self.first_group.eq(1)
            operand = fields.residual
            if self.sequencer.config.keeps_sums:
                operand |= fields.add_sums
            self._fetch(Mux(operand, two, one) - 1)
            m.next = "Group"
            with m.If(fields.lookup_tables):
                m.next = "Tables"
        with m.State("Tables"):
            m.d.comb += self.asking["tables"].eq(1)
            self._wait_for_end("Group")

    def group(self):
        """The channel parameters and the weights of a group, once a half is free."""
        m, isa, fields = self.m, self.isa, self.fields
        fill, tiles = self.sequencer.fill, self.sequencer.tiles
        with m.State("Group"):
            m.d.comb += fill.restart.eq(1)
            self._fetch((fields.columns_less_one + 1) * isa.channel_parameter_words - 1)
            full = tiles.ready.bit_select(fill.half, 1)
            self._say_quiet(full & ~self.streaming)
            with m.If(~full):
                m.next = "Parameters"
        with m.State("Parameters"):
            m.d.comb += self.asking["parameters"].eq(1)
            self._fetch(fields.weight_words_less_one, when=self.segment.last)
            self._wait_for_end("Weights")
        with m.State("Weights"):
            m.d.comb += self.asking["weights"].eq(1)
            self._wait_for_end("Loading")
            m.d.comb += self.next_group.eq(self.segment.end)
        with m.State("Loading"):
            self._say_quiet(~self.streaming)
            with m.If(self.loaded):
                m.next = "Group"
                with m.If(~self.groups[-1] | fields.shared):
                    m.next = "Finish"

    def finish(self):
        """All is fetched: wait for the last result and for the DMA."""
        m, sequencer, fields = self.m, self.sequencer, self.fields
        host = sequencer.host
        with m.State("Finish"):
            self._fetch(self.isa.descriptor_words - 1)
            self._say_quiet(1)
            ended = sequencer.finished
            if self.has_flash:
                # Nothing else begins while the DMA is busy.
                finished = Signal()
                m.d.comb += sequencer.flash.stop.eq(~self.dma_busy)
                m.d.sync += finished.eq((sequencer.finished | finished) & self.dma_busy)
                ended = (sequencer.finished | finished) & ~self.dma_busy
            with m.If(ended):
                m.d.comb += [host.layer_done.eq(1), sequencer.pointer.load.eq(1)]
                self._next_chunk(data.View(self.isa.pointer, fields.next))
                with m.If(fields.last | host.stop):
                    m.next = "Idle"
