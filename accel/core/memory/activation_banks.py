"""The activation memory: two single-ported banks and who may use them."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import BANKS, AcceleratorConfig
from ...isa import Isa
from ..primitives.fanout import fan_out
from ..primitives.memory import SinglePortMemory
from ..signals import delayed


class ActivationBanks(wiring.Component):
    """Serves the array first, then the write-back, then everybody else, each bank on its own.

    After everybody come words that are copied.

    The array and the write-back are never refused: a layer reads one bank and writes the other.

    Timing: read data come ``latency`` cycles after the address.

    Members
    -------
    array_coming, array_bank, array_address : In, array_data : Out
        Reads for the array; that there is one is said a cycle before.
    result_coming, result_bank, result_address, write_en, write_data : In, result_data : Out
        Accesses of the write-back, said a cycle before: bytes to write, one bit each, and a word
        that holds them, or none to read.
    other_en, other_location, other_write : In
        An access of the sequencer or of the link: read, or write these bytes of ``write_data``.
    other_granted : Out(1), other_read_data : Out
        An access would take place in this cycle; what it reads.
    dma_offered : In(1), dma_location, dma_data : In, dma_taken : Out(1)
        On cores with a flash: a word to write if it disturbs nobody, never in a cycle in which
        ``other_en`` is for the same bank; it is written in this cycle.
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
        address, word = self.isa.address_bits, config.word_bits
        copy = {
            "dma_offered": In(1),
            "dma_location": In(self.isa.location),
            "dma_data": In(word),
            "dma_taken": Out(1),
        }
        self.copies = bool(config.flash_lanes)
        super().__init__(
            {
                **(copy if self.copies else {}),
                "array_coming": In(1),
                "array_bank": In(1),
                "array_address": In(address),
                "array_data": Out(word),
                "result_coming": In(1),
                "result_bank": In(1),
                "result_address": In(address),
                "result_data": Out(word),
                "write_en": In(config.rows),
                "write_data": In(word),
                "other_en": In(1),
                "other_location": In(self.isa.location),
                "other_write": In(config.rows),
                "other_granted": Out(1),
                "other_read_data": Out(word),
            }
        )

    @property
    def latency(self) -> int:
        return self.banks[0].latency

    def elaborate(self, platform):
        m = Module()
        array_en = delayed(m, self.array_coming, 1, name="array_en", init=0)
        result_en = delayed(m, self.result_coming, 1, name="result_en", init=0)
        free = Signal(BANKS)
        write_data = self.write_data
        copying = C(0)
        if self.copies:
            copying = Signal()
            m.d.comb += [
                copying.eq(self.dma_offered & ~result_en),
                self.dma_taken.eq(copying & free.bit_select(self.dma_location.bank, 1)),
            ]
            write_data = Mux(copying, self.dma_data, write_data)
        for index, bank in enumerate(self.banks):
            m.submodules[f"bank_{index}"] = bank
            array = array_en & (self.array_bank == index)
            result = result_en & (self.result_bank == index)
            other = self.other_en & (self.other_location.bank == index)
            address, write, copy = self.other_location.address, self.other_write, C(0)
            if self.copies:
                here = self.dma_location.bank == index
                copy = copying & here
                address = Mux(self.dma_offered & here, self.dma_location.address, address)
                write = write | copy.replicate(len(write))
            m.d.sync += free[index].eq(
                ~(self.array_coming & (self.array_bank == index))
                & ~(self.result_coming & (self.result_bank == index))
            )

            m.d.comb += bank.en.eq(array | result | other | copy)
            with m.If(array):
                m.d.comb += bank.address.eq(self.array_address)
            with m.Elif(result):
                m.d.comb += [bank.address.eq(self.result_address), bank.write_en.eq(self.write_en)]
            with m.Else():
                m.d.comb += [bank.address.eq(address), bank.write_en.eq(write)]
            m.d.comb += bank.write_data.eq(write_data)

        m.d.comb += [
            self.other_granted.eq(free.bit_select(self.other_location.bank, 1)),
            self.array_data.eq(self._read(m, "array", self.array_bank, self.latency)),
            self.other_read_data.eq(self._read(m, "other", self.other_location.bank, self.latency)),
            # A layer's results have one bank, which is known long before.
            self.result_data.eq(
                self._read(m, "result", self.result_bank, int(self.config.family == "ecp5"))
            ),
        ]
        return m

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
            Mux(copy, *(word.word_select(lane, 8) for word in reversed(words)))
            for lane, copy in enumerate(copies)
        )
