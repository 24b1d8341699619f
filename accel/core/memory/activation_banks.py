"""The activation memory: two single-ported banks, and the order in which they are granted."""

from amaranth.hdl import C, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import BANKS, AcceleratorConfig
from ...isa import Isa
from ..link_signatures import HostWrite
from ..primitives.fanout import fan_out
from ..primitives.memory import SinglePortMemory
from ..signals import delayed
from ..signatures import ActivationPort, DmaPort, MemoryPort, ResultPort


class ActivationBanks(wiring.Component):
    """Serves the array and the write-back first, then words that the link writes, then reads of the
    sequencer or of the link, then the DMA, each bank on its own.

    The array and the write-back are never refused: a layer reads one bank and writes the other.
    Reads of the sequencer have one address with words that the link writes, so they wait for
    these, which come a byte at a time, in either bank.

    Timing: read data come ``latency`` cycles after the access.

    Members
    -------
    array : In(ActivationPort), array_data : Out(word_bits)
        Reads for the array, and what they read.
    result : In(ResultPort)
        Accesses of the write-back.
    host : In(HostWrite)
        Words that the link writes.
    shared : In(MemoryPort)
        Reads of the sequencer or of the link.
    dma : In(DmaPort)
        On cores with a flash: words to write where nobody else accesses their bank.
    """

    def __init__(self, config: AcceleratorConfig, *, simulate: bool = False):
        self.config, self.simulate = config, simulate
        self.isa = Isa(config)
        self.banks = [
            SinglePortMemory(
                width_bytes=config.rows,
                depth=config.bank_words,
                family=config.family,
                simulate=simulate,
            )
            for _ in range(BANKS)
        ]
        self.has_dma = bool(config.flash_lanes)
        super().__init__(
            {
                **({"dma": In(DmaPort(config))} if self.has_dma else {}),
                "array": In(ActivationPort(self.isa)),
                "array_data": Out(config.word_bits),
                "result": In(ResultPort(config)),
                "host": In(HostWrite(config)),
                "shared": In(MemoryPort(config)),
            }
        )

    @property
    def latency(self) -> int:
        return self.banks[0].latency

    def elaborate(self, platform):
        m = Module()
        array_en = delayed(m, self.array.coming, 1, name="array_en", init=0)
        result_en = delayed(m, self.result.coming, 1, name="result_en", init=0)
        # One bus carries what the write-back and the DMA write.
        host, host_en, host_waits = self.host, Signal(), Signal()
        used = [
            port.coming & (port.bank == host.location.bank) for port in (self.array, self.result)
        ]
        m.d.comb += [
            host_waits.eq(host.valid & ~host_en),
            host.taken.eq(host_en),
        ]
        m.d.sync += host_en.eq(host_waits & ~used[0] & ~used[1])
        free = Signal(BANKS)
        write_data, dma_en = self.result.write_data, C(0)
        if self.has_dma:
            dma_en = Signal()
            m.d.comb += [
                dma_en.eq(self.dma.offered & ~result_en),
                self.dma.taken.eq(dma_en & free.bit_select(self.dma.location.bank, 1)),
            ]
            write_data = Mux(dma_en, self.dma.data, write_data)
        for index, bank in enumerate(self.banks):
            m.submodules[f"bank_{index}"] = bank
            m.d.sync += free[index].eq(
                ~(self.array.coming & (self.array.bank == index))
                & ~(self.result.coming & (self.result.bank == index))
                & ~(host_waits & (host.location.bank == index))
            )
            host_here = host_en & (host.location.bank == index)
            m.d.comb += bank.write_data.eq(Mux(host_here, host.data, write_data))
            self._serve(m, index, bank, array_en, result_en, host_en, dma_en)

        shared_bank = self.shared.location.bank
        # A layer's results have one bank, which is known long before.
        result_cycles = int(self.config.family == "ecp5")
        m.d.comb += [
            self.shared.granted.eq(free.bit_select(shared_bank, 1) & ~host_en),
            self.array_data.eq(self._read(m, "array", self.array.bank, self.latency)),
            self.shared.read_data.eq(self._read(m, "shared", shared_bank, self.latency)),
            self.result.read_data.eq(self._read(m, "result", self.result.bank, result_cycles)),
        ]
        return m

    def _serve(self, m, index, bank, array_en, result_en, host_en, dma_en):
        """What one bank does in this cycle."""
        array = array_en & (self.array.bank == index)
        result = result_en & (self.result.bank == index)
        shared = self.shared.en & (self.shared.location.bank == index)
        host = host_en & (self.host.location.bank == index)
        address = Mux(host_en, self.host.location.address, self.shared.location.address)
        dma = C(0)
        if self.has_dma:
            here = self.dma.location.bank == index
            dma = dma_en & here
            address = Mux(self.dma.offered & here & ~host, self.dma.location.address, address)
        m.d.comb += bank.en.eq(array | result | host | shared | dma)
        with m.If(array):
            m.d.comb += bank.address.eq(self.array.address)
        with m.Elif(result):
            m.d.comb += [
                bank.address.eq(self.result.address),
                bank.write_en.eq(self.result.write_en),
            ]
        with m.Else():
            m.d.comb += [
                bank.address.eq(address),
                bank.write_en.eq((host | dma).replicate(self.config.rows)),
            ]

    def _read(self, m, name, bank, cycles):
        """What was read in a bank, chosen for each byte beside it, some cycles later."""
        copies = fan_out(
            m,
            bank,
            self.config.rows,
            family=self.config.family,
            simulate=self.simulate,
            name=f"{name}_bank",
            cycles=cycles,
        )
        words = [memory.read_data for memory in self.banks]
        return Cat(
            Mux(copy, *(word.word_select(byte, 8) for word in reversed(words)))
            for byte, copy in enumerate(copies)
        )
