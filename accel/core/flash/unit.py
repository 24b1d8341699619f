"""The flash as the rest of the core sees it: chunks, prefetched words, and bytes for the link."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ...config import AcceleratorConfig
from ...identity import image_header
from ...isa import FLASH_UNIT, Isa
from ...protocol import FlashStatus
from ..link_signatures import HostFlash
from ..primitives.fanout import fan_out
from ..signals import delayed
from ..signatures import ChunkPort, DmaControl, DmaPort, FlashControl, MemoryPort
from .bus import flash_pins
from .dma import Dma
from .reader import FlashReader, depth_of
from .word_packer import WordPacker


class FlashUnit(wiring.Component):
    """Stands between the sequencer and the memory, and gives it words of the flash where its
    pointer is into the flash.

    While a program runs, the bytes that are read become words: the sequencer takes those of a
    chunk, the DMA those of a transfer. While none runs, the link takes the bytes.

    Timing: a word of the flash comes as many cycles after it was granted as one of memory.

    Parameters
    ----------
    offset
        Where in the flash the program's image begins, in bytes.
    memory_latency
        Cycles from the access to a word of memory to its data.

    Members
    -------
    pins : Out(flash_pins)
        The flash.
    host : In(HostFlash)
        The link's use of it.
    control : In(FlashControl)
        The sequencer's.
    chunk : In(ChunkPort), memory : Out(MemoryPort)
        What the sequencer reads, in flash or from the memory.
    dma : In(DmaControl), dma_memory : Out(DmaPort)
        DMA transfers, and where their words go.
    clean : In(1)
        Forget a run: its reads and transfers. It lasts several cycles.
    """

    def __init__(
        self,
        config: AcceleratorConfig,
        *,
        offset: int,
        memory_latency: int,
        simulate: bool = False,
    ):
        self.config, self.simulate = config, simulate
        self.reader = FlashReader(
            data_lines=config.flash_lanes,
            divider=config.flash_divider,
            offset=offset,
            header=image_header(config),
            depth=depth_of(config.family),
            of_luts=config.family == "ecp5",
        )
        self.dma_engine = Dma(config)
        self.packer = WordPacker(config, memory_latency=memory_latency)
        super().__init__(
            {
                "pins": Out(flash_pins),
                "host": In(HostFlash()),
                "control": In(FlashControl()),
                "chunk": In(ChunkPort(config)),
                "memory": Out(MemoryPort(config)),
                "dma": In(DmaControl(Isa(config))),
                "dma_memory": Out(DmaPort(config)),
                "clean": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.reader = reader = self.reader
        dma, clean = self.dma_engine, ResetInserter(self.clean)
        m.submodules.dma = clean(dma)
        m.submodules.packer = clean(self.packer)
        wiring.connect(m, wiring.flipped(self.pins), reader.pins)
        wiring.connect(m, wiring.flipped(self.dma), dma.control)
        wiring.connect(m, wiring.flipped(self.dma_memory), dma.memory)
        pointer = self.chunk.pointer
        m.d.comb += [
            reader.start.eq(self.control.start | self.host.start),
            reader.address.eq(Cat(C(0, exact_log2(FLASH_UNIT)), pointer.as_value()[:-1])),
            reader.stop.eq(self.control.stop | self.clean),
            reader.check.eq(self.host.check),
            self.control.valid.eq(reader.status == FlashStatus.OK),
            self.host.selected.eq(pointer.flash),
            self.host.status.eq(reader.status),
        ]
        self._route_bytes(m, reader)
        self._route_words(m, dma)
        return m

    def _route_bytes(self, m, reader):
        """To the link while no program runs, else to be made words."""
        idle = delayed(m, self.control.idle, 1, name="idle", init=1)
        packer = self.packer
        m.d.comb += [
            packer.clear.eq(self.control.start),
            packer.i.payload.eq(reader.o.payload),
            packer.i.valid.eq(reader.o.valid & ~idle),
            self.host.data.payload.eq(reader.o.payload),
            self.host.data.valid.eq(reader.o.valid),
            reader.o.ready.eq(Mux(idle, self.host.data.ready, packer.i.ready)),
        ]

    def _route_words(self, m, dma):
        """To the sequencer while its pointer is into the flash, and to the DMA."""
        chunk, memory, words = self.chunk, self.memory, self.packer.words
        from_flash = chunk.pointer.flash
        m.d.comb += [
            dma.words.word.eq(words.word),
            dma.words.valid.eq(words.valid),
            words.taken.eq((chunk.en & from_flash & words.valid) | dma.words.taken),
            memory.en.eq(chunk.en & ~from_flash),
            memory.location.eq(chunk.pointer.memory),
            chunk.granted.eq(Mux(from_flash, words.valid, memory.granted)),
        ]
        m.d.comb += chunk.data.eq(
            Cat(
                Mux(flash, *(word.word_select(byte, 8) for word in (words.word, memory.read_data)))
                for byte, flash in enumerate(self._from_flash(m))
            )
        )

    def _from_flash(self, m):
        """Whether words come from the flash, for each byte; data come long after that is known."""
        selected = self.chunk.pointer.flash
        if self.config.family != "ecp5":
            return [selected] * self.config.rows
        return fan_out(
            m,
            selected,
            self.config.rows,
            family="ecp5",
            simulate=self.simulate,
            name="from_flash",
            init=0,
        )
