"""Reads what was kept of each sum, lets the sum leave the array, and writes it again."""

from dataclasses import dataclass
from functools import cache

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from ...config import AcceleratorConfig
from ...isa import Isa
from ..primitives import memory
from ..signals import advanced, reached
from ..signatures import LayerControl
from . import post_op, requantizer, result_unit

_FEW = 8


@dataclass(frozen=True)
class SumsTiming:
    """Cycles of what happens to the first sums of a tile, counted from 0 in the cycle after its
    first row has finished. The same happens to the next ones ``AcceleratorConfig.sums_pace`` later.

    Parameters
    ----------
    emission
        They leave the array. Words of what was kept are read from cycle 1 on, one a cycle, and have
        arrived.
    biased
        Their biased sums are there, for this cycle.
    write
        The first of their words is written, one a cycle.
    """

    emission: int
    biased: int
    write: int


@cache
def sums_timing(config: AcceleratorConfig) -> SumsTiming:
    """The earliest cycles in which no word is read while one is written.

    Words of kept sums are read in the same phases of the pace. So it is chosen how long sums wait
    for the last of them, and how long biased sums wait before they are written.
    """
    words, pace = config.sum_words, config.sums_pace
    early = words + memory.latency_of(config.family) + 1 - result_unit.KEPT_CYCLES
    code_written = result_unit.residual_lead(config) + post_op.latency_of(config) + 1
    reads = range(1, words + 1)
    for emission in range(early, early + pace - words + 1):
        if (emission + code_written) % pace in reads:
            continue
        biased = emission + result_unit.total_lead(config) + requantizer.BIASED_CYCLES
        for write in range(biased + 1, biased + 2 + pace - words):
            asked = (write - 1) % pace  # in the cycle before
            in_time = write + words <= emission + code_written + 1  # before the layer ends
            if words <= asked <= pace - words and in_time:
                return SumsTiming(emission=emission, biased=biased, write=write)
    raise AssertionError("the pace leaves room for reads and writes")


class SumsOrder(wiring.Component):
    """Walks the sums of a tile at the pace of layers of wide sums, see `SumsTiming`.

    Sums that leave the array together take a slot of ``sums_pace`` cycles, in which the words that
    were kept of some are read and those of earlier ones written. Tiles are so far apart that no two
    are in progress; see `TileSpacing`.

    Members
    -------
    layer : In(LayerControl)
        The layer.
    finished : In(1)
        The first row's sums are finished.
    emit_next : Out(1)
        In the next cycle sums leave the array.
    read_next, write_next : Out(1)
        In the next cycle a word is read, or written: in layers that add sums, or keep them.
    address : Out, lane : Out(range(sums_share))
        That word, and which of those that share it.
    load : Out(1)
        Biased sums that leave together are there.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        self.isa = Isa(config)
        self.timing = sums_timing(config)
        super().__init__(
            {
                "layer": In(LayerControl(self.isa)),
                "finished": In(1),
                "emit_next": Out(1),
                "read_next": Out(1),
                "write_next": Out(1),
                "address": Out(self.isa.address_bits),
                "lane": Out(range(self.config.sums_share)),
                "load": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, d = self.config, self.layer.descriptor
        pace, words, count = config.sums_pace, config.sum_words, config.drain_cycles
        emit_slot, emit_phase = divmod(self.timing.emission - 1, pace)
        write_slot, write_phase = divmod(self.timing.write - 1, pace)
        end = count + write_slot  # the slot after the last write
        phase, slot = Signal(range(pace)), Signal(range(end + 1), init=end)
        running, phase_last, tile_end = Signal(), Signal(), Signal()
        m.d.comb += [
            running.eq(~reached(slot, end)),
            phase_last.eq(phase == pace - 1),
            tile_end.eq(phase_last & (slot == end - 1)),
        ]
        with m.If(running):
            m.d.sync += phase.eq(Mux(phase_last, 0, phase + 1))
            m.d.sync += slot.eq(slot + phase_last)
        with m.If(self.finished & (d.keep_sums | d.add_sums)):
            m.d.sync += [phase.eq(0), slot.eq(0)]

        reading = _within(phase, 0, words)
        writing = _within(phase, write_phase, write_phase + words)
        m.d.comb += [
            self.emit_next.eq(running & (phase == emit_phase) & ~_within(slot, 0, emit_slot)),
            self.read_next.eq(d.add_sums & reading & _within(slot, 0, count)),
            self.write_next.eq(d.keep_sums & running & writing & ~_within(slot, 0, write_slot)),
            self.load.eq(phase == self.timing.biased % pace),
        ]
        self._find_address(m, Mux(reading, slot, slot - write_slot), phase, tile_end)
        return m

    def _find_address(self, m, emission, phase, tile_end):
        """Where those sums lie that leave as the tile's ``emission``-th."""
        config, d = self.config, self.layer.descriptor
        write_phase = (self.timing.write - 1) % config.sums_pace
        words_bits = ceil_log2(config.sum_words)
        word = Mux(_within(phase, 0, config.sum_words), phase, phase - write_phase)[:words_bits]
        lane_bits = ceil_log2(config.sums_share)
        index = Signal(ceil_log2(config.sums_tile_words) - words_bits + lane_bits)
        tile = Signal.like(d.sums_base)
        m.d.comb += [
            index.eq(emission),
            self.address.eq(Cat(word, index[lane_bits:], tile)),
            self.lane.eq(index[:lane_bits]),
        ]
        m.d.sync += tile.eq(advanced(tile, tile_end, load=self.layer.start, loaded=d.sums_base))


def _within(value: Value, low: int, high: int) -> Value:
    """Whether ``value`` is ``low`` or more and less than ``high``; without a carry chain if that is
    possible."""
    if low == 0 and high & (high - 1) == 0 and high:
        return ~value[ceil_log2(high) :].any()
    if high - low > _FEW:
        return (value >= low) & (value < high)
    return Cat(value == number for number in range(low, high)).any()
