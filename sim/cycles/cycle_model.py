"""The cycles that a program takes, layer by layer: exactly those of the RTL.

Nothing is fitted. Tiles have a fixed length, so the model walks groups, not cycles. What has to be
worked out is when a group's weights arrive: the sequencer shares the memory banks with the array
and the write-back, or waits for the flash. The names of times below are those of the components'
docstrings.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from accel.compiler.program.executable import CoreExecutable, DmaTransfer
from accel.config import FLASH, AcceleratorConfig
from accel.core.control.tap_loops import SHARE_CYCLES
from accel.core.datapath import post_op, result_unit, row_feeder, write_back
from accel.core.datapath.sums_order import SumsTiming, sums_timing
from accel.core.pe import element_of
from accel.core.primitives import memory
from accel.isa import Isa
from accel.protocol import ALL_LAYERS

from ..functional.decode import decode_layer
from ..functional.layer import DecodedLayer
from .flash_words import WordTimes

# Pipeline stages from a read's address on, see `core.control.tile_loops` and `core.core`.
_READ_STAGE = 1
_WORD_STAGE = 2
_ACCUMULATE = 1
_WRITE_STAGE = 1


@dataclass(frozen=True)
class LayerCycles:
    """Cycles of one layer, as the core's counters count them."""

    cycles: int
    busy: int
    waiting_weights: int
    waiting_drain: int

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


def predict(
    program: CoreExecutable,
    shared_banks: Collection[int] = (),
    shared_layers: int = ALL_LAYERS,
    bands: Sequence[int] = (),
) -> list[LayerCycles]:
    """The cycles of each layer of a program, in order; their sum is that of an inference.

    The first ``shared_layers`` layers leave cycles free for the link where they read
    ``shared_banks``, see `TapLoops`. What the link writes then takes none from the array; it may
    take some from the sequencer.

    Layers that wait for a band find it there, or those of ``bands`` do from these cycles of the
    run on.
    """
    config, arrivals = program.config, iter(bands)
    found: list[LayerCycles] = []
    time = 0
    pairs = zip(program.chunks, program.transfers, strict=True)
    for number, (chunk, transfer) in enumerate(pairs):
        shares = shared_layers == ALL_LAYERS or number < shared_layers
        walk = _Walk(
            decode_layer(chunk.data, config),
            chunk.bank,
            config,
            transfer,
            shared_banks if shares else (),
        )
        band = next(arrivals, 0) - time if walk.descriptor.wait else 0
        found.append(walk.result(band))
        time += found[-1].cycles
    return found


def _read_cycles(steps: int, run: int) -> np.ndarray:
    """The cycles of a tile in which its steps are, with a pause after some runs of them."""
    pauses = np.zeros(steps, int)
    since = 0
    for end in range(run, steps, run):
        since += run
        if since >= SHARE_CYCLES:
            pauses[end:] += 1
            since = 0
    return np.arange(steps) + pauses


class _Walk:
    """One layer, from cycle 0 in which its descriptor is first requested.

    From a flash it is requested a cycle after the sequencer begins. A DMA transfer that comes with
    the layer begins before.
    """

    def __init__(
        self,
        layer: DecodedLayer,
        bank: int,
        config: AcceleratorConfig,
        transfer: DmaTransfer | None,
        shared_banks: Collection[int],
    ):
        isa, f = Isa(config), layer.descriptor
        self.config, self.descriptor = config, f
        self.share = f.input_bank in shared_banks
        self.read_cycles = _read_cycles(layer.weights.shape[1], self._run) if self.share else None
        self.steps = layer.weights.shape[1]
        if self.read_cycles is not None:
            self.steps = int(self.read_cycles[-1]) + 1
        self.groups = f.groups
        self.tiles = f.tiles(config.rows)
        self.begin_period = config.word_cycles * config.pace if f.residual else 1
        self.pace = config.pace if f.residual else 1
        self.sums = sums_timing(config) if f.sums else None
        late = 0  # cycles in which results wait for kept sums
        if self.sums:
            self.pace, late = config.sums_pace, self.sums.emission
        self.drained = f.tile_cycles(config)
        # From a tile's first results to its last ones
        self.emission = (config.drain_cycles - 1) * self.pace + 1
        self.period = self._next_begin(max(self.steps + self.share, self.drained), 0)
        self.memory = memory.latency_of(config.family)
        self.descriptor_words = isa.descriptor_words
        self.table_words = f.table_words(isa)
        self.load_words = f.group_words(isa)
        # Reading and writing of one tile, relative to the cycle in which it begins
        self.finished = (
            self.steps
            + _WORD_STAGE
            + self.memory
            + row_feeder.latency_of(config.family)
            + element_of(config).latency(config)
            + _ACCUMULATE
        )
        self.released = self.finished + late + self.emission + result_unit.release_delay(config)
        result = self.finished + late + 1 + result_unit.residual_lead(config)
        self.written = result + post_op.latency_of(config) + _WRITE_STAGE
        self.place = result - write_back.read_lead(config)

        self._words = WordTimes(config, self.memory) if bank == FLASH or transfer else None
        self.bank, self.flash = bank, bank == FLASH
        self.stream_reads_input = bank == f.input_bank
        self.transfer_reads_input = transfer is not None and transfer.bank == f.input_bank
        self.transfer, self.lead = transfer, 0  # cycles in which the transfer's descriptor comes
        # The cycles in which the array reads and those in which the write-back reads or writes
        self.reads, self.results = self._no_cycles(), self._no_cycles()
        self.asking: list[tuple[int, int]] = []  # from the first cycle of each group's words on
        self.patterns: dict[tuple[int, bool], tuple[np.ndarray, np.ndarray]] = {}

    @property
    def _run(self) -> int:
        """The steps after which a tile may pause: a block, or a run of inner taps."""
        f = self.descriptor
        return f.inner_taps if f.broadcast else self.config.rows

    @property
    def words(self) -> WordTimes:
        """When the words come that are read from flash."""
        assert self._words is not None, "nothing of this layer is read from flash"
        return self._words

    def _next_begin(self, cycle: int, origin: int) -> int:
        """The first cycle from ``cycle`` on in which a tile may begin."""
        return origin - (origin - cycle) // self.begin_period * self.begin_period

    def result(self, band: int) -> LayerCycles:
        """The layer's cycles, with a band that is there from a cycle after its begin on."""
        if self.transfer:
            self.lead = self.words.take(0, self.descriptor_words) + self.memory + 2
        started = self._take(0, self.descriptor_words) + self.memory + 1
        if self.descriptor.wait:
            origin = self.lead + 1 if self.transfer else int(self.flash)
            late = max(0, band - origin - started)
            started += late + 1
            self.reads, self.results = (
                np.append(cycles, np.zeros(late + 1, bool)) for cycles in (self.reads, self.results)
            )
        active = started + 1
        # The sequencer waits for a free half of the weight buffer.
        free_from = self._take(active, self.table_words) + 1 if self.table_words else active
        tile_free = active  # the array could begin a tile
        released = [0, 0]
        waiting_weights = waiting_drain = 0
        ready = 0
        begin = active
        for group in range(self.groups):
            half = group & 1
            if group == 0 or not self.descriptor.shared:
                first = max(free_from, released[half]) + 1
                loaded = self._take(first, self.load_words)
                self.asking.append((first, loaded))
                ready = loaded + self.memory + 1
                free_from = ready
            # Between two tiles the array waits for weights as long as they are missing, and
            # otherwise for the drain.
            idle_from = active if group == 0 else begin + self.steps + 1
            begin = self._next_begin(max(ready, tile_free), active)
            waiting_weights += max(0, min(ready, begin) - idle_from)
            waiting_drain += max(0, begin - max(ready, idle_from))
            self._occupy(group, begin)
            begin += (self.tiles - 1) * self.period
            waiting_drain += (self.tiles - 1) * max(0, self.period - self.steps - 1)
            # The array pauses for a cycle between groups.
            tile_free = begin + max(self.steps + 1, self.drained)
            released[half] = begin + self.released + 1
        end = begin + self.written + self.emission
        return LayerCycles(
            cycles=self._with_transfer(self.transfer, end, ready)
            if self.transfer
            else end + (1 if self.flash else 0),
            busy=self.groups * self.tiles * self.steps,
            waiting_weights=waiting_weights,
            waiting_drain=waiting_drain,
        )

    def _no_cycles(self) -> np.ndarray:
        """An array with an entry for each cycle: whether array or write-back take the stream's
        bank."""
        work = self.groups * self.tiles * self.period
        words = self.load_words * (self.words.longest if self.flash else 1)
        loads = self.groups * (words + self.written + 8)
        first = self.descriptor_words + self.table_words
        first *= self.words.longest if self.flash else 1
        return np.zeros(first + 2 * (work + loads) + 1024, bool)

    def _take(self, first: int, words: int) -> int:
        """The cycle in which the last of ``words`` requests is granted, the first being made at
        ``first``."""
        if self.flash:
            return self.words.take(first + self.lead, words) - self.lead
        end, missing = first, words
        taken = self.reads if self.stream_reads_input else self.results
        while True:
            window = taken[end : end + 4 * missing + 64]
            free = np.flatnonzero(~window)
            if len(free) >= missing:
                return end + int(free[missing - 1])
            missing -= len(free)
            end += len(window)

    def _occupy(self, group: int, begin: int) -> None:
        """Mark the cycles in which a group's tiles take the banks."""
        begins = begin + self.period * np.arange(self.tiles)
        if self.flash and not self.transfer:
            return
        if self.stream_reads_input or (self.transfer and self.transfer_reads_input):
            within = np.arange(self.steps) if self.read_cycles is None else self.read_cycles
            cycles = begins[:, None] + _READ_STAGE + 1 + within
            self.reads[cycles] = True
        if self.stream_reads_input and not self.transfer:
            return
        if self.sums:
            self._occupy_with_sums(begins + self.finished + 1, self.sums)
        reads, writes = self._pattern(group)
        for pattern, stage in ((reads, self.place), (writes, self.written)):
            cycles = (begins[:, None] + stage + np.arange(pattern.shape[1]))[pattern]
            self.results[cycles] = True

    def _occupy_with_sums(self, cycles: np.ndarray, timing: SumsTiming) -> None:
        """Mark the cycles in which words of sums are read and written; ``cycles`` are those after
        tiles have finished."""
        f, config = self.descriptor, self.config
        paces = config.sums_pace * np.arange(config.drain_cycles)
        each = (cycles[:, None] + paces)[..., None] + np.arange(config.sum_words)
        if f.add_sums:
            self.results[each + 1] = True
        if f.keep_sums:
            self.results[each + timing.write] = True

    def _with_transfer(self, transfer: DmaTransfer, end: int, ready: int) -> int:
        """The cycles of a layer with a DMA transfer, which would end at ``end`` without it.

        Counted from the request of the transfer's descriptor; not less than until its words are in
        memory. ``ready`` is when all of the layer's own words have come.
        """
        words, lead = self.words, self.lead
        # A word is written in a cycle after one in which the sequencer asks for nothing there.
        blocked = self.results | self.reads if self.transfer_reads_input else self.results.copy()
        asking = [(0, self.asking[0][0]), *self.asking] if self.bank == transfer.bank else []
        for first, last in [(0, ready - 1)] if self.flash else asking:
            blocked[first : last + 2] = True
        open_ = np.append(np.flatnonzero(~blocked), len(blocked))
        at = 0
        for _ in range(transfer.size // self.config.rows):
            begin = max(words.valid - lead, 0) + 1
            at += int(np.searchsorted(open_[at:], begin))
            cycle = max(begin, int(open_[min(at, len(open_) - 1)]))
            words.taken(cycle + lead)
        return 1 + lead + max(end, cycle + 3)

    def _pattern(self, group: int) -> tuple[np.ndarray, np.ndarray]:
        """In which cycles of the emission of each tile a word's first code comes, if that makes it
        be read, and in which the last code of a word that is written: bool ``[tiles, cycles]``."""
        f, config = self.descriptor, self.config
        rows, count = config.rows, config.requantizers
        first_byte = (f.output_lane + group * f.output_group_lanes) % rows
        last = group == self.groups - 1
        if (first_byte, last) not in self.patterns:
            position = np.arange(self.tiles * rows)
            real = position < f.positions
            run, inner = np.divmod(position, f.run)
            real &= (inner < f.valid_run) & (inner % f.skip == 0)
            columns = np.arange(0, config.columns, count)
            limit = (f.last_columns if last else f.columns) - 1
            byte_lanes = (first_byte + columns) % rows
            ends = (byte_lanes == rows - count) | (columns == config.columns - count)
            begins = np.concatenate([[True], ends[:-1]])
            word_first = columns[
                np.maximum.accumulate(np.where(begins, np.arange(len(columns)), 0))
            ]
            writes = real[:, None] & (ends & (word_first <= limit))
            if f.broadcast and config.broadcast_rows > 1:
                # Each output row has words of its own, whose byte lanes are all written.
                most, least = f.output_rows
                of_run = np.where(run == f.runs - 1, least, most)
                writes = real[:, None] & ends & (columns // rows < of_run[:, None])
            reads = np.broadcast_to(begins & bool(f.residual), writes.shape)
            found = []
            for pattern in (reads, writes & (not f.keep_sums)):
                cycles = np.zeros((self.tiles, config.drain_cycles * self.pace), bool)
                cycles[:, :: self.pace] = pattern.reshape(self.tiles, -1)
                found.append(cycles)
            self.patterns[first_byte, last] = found[0], found[1]
        return self.patterns[first_byte, last]
