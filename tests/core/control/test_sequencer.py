"""The sequencer fetches what a program's chunks hold, whoever else uses the memory."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.compiler.ir.bit_fields import encode
from accel.config import AcceleratorConfig
from accel.core.control.sequencer import Sequencer
from accel.isa import Isa
from accel.numeric.elementwise.lookup_tables import ENTRY_BITS
from tests.support.rtl.layers import random_fields
from tests.support.rtl.simulation import UNSHRUNK, simulate

BANK_WORDS = 4096
TRANSFER_FIELDS = ("bank", "address", "words_less_one")
SIZES = [(2, 2), (3, 5), (4, 4), (4, 8), (8, 4)]


class Chunk:
    """A layer in memory: its descriptor, its tables if it has any, and its groups."""

    def __init__(self, isa, rng):
        self.isa = isa
        self.fields = random_fields(isa, rng) | {"weight_words_less_one": rng.randrange(6)}
        self.fields["lookup_tables"] = int(rng.random() < 0.4)
        entries = 512 if self.fields["residual"] else 257
        count = (
            entries * -(-ENTRY_BITS // isa.config.word_bits) if self.fields["lookup_tables"] else 0
        )
        self.lookup_tables = [rng.getrandbits(isa.config.word_bits) for _ in range(count)]
        groups = 1 if self.fields["shared"] else self.fields["groups_less_one"] + 1
        self.groups = [
            [
                [rng.getrandbits(isa.config.word_bits) for _ in range(words)]
                for words in (
                    isa.group_parameter_words(self.fields["columns_less_one"] + 1),
                    self.fields["weight_words_less_one"] + 1,
                )
            ]
            for _ in range(groups)
        ]

    def words(self, following, last):
        """All words; ``following`` is the location of the next chunk."""
        self.fields["last"] = int(last)
        groups = [word for group in self.groups for part in group for word in part]
        return descriptor(self.isa, self.fields, following) + self.lookup_tables + groups


def descriptor(isa, fields, following):
    """The words of a layer's descriptor."""
    return words_of(isa, encode(isa.descriptor, fields | {"next": following, "dma": 0}))


def transfer_descriptor(isa, fields, following):
    """The words of a DMA transfer's descriptor, which has anything where that has no fields."""
    layout = isa.dma_descriptor
    own = encode(layout, dict.fromkeys(layout.fields, -1))
    packed = encode(layout, fields | {"next": following, "dma": 1})
    return words_of(isa, fields["others"] & ~own | packed)


def words_of(isa, packed):
    width, count = isa.config.word_bits, isa.descriptor_words
    return [packed >> width * k & (1 << width) - 1 for k in range(count)]


class Run:
    """A program in a memory that others use too, on a core that works at random speed."""

    def __init__(self, config, seed, *, latency, layers, stop_after=None, valid=True):
        self.isa, self.rng, self.latency = Isa(config), random.Random(seed), latency
        self.dut = Sequencer(config, memory_latency=latency)
        self.chunks = [Chunk(self.isa, self.rng) for _ in range(layers)]
        self.executed = min(layers, stop_after or layers)
        self.stop_after = stop_after
        self.valid, self.starts, self.refused = valid, [], False
        self.transfers, self.transferred, self.quiet = {}, [], 0
        self.dma_busy = self.seen_busy = False
        self.bit = self.isa.pointer.size  # of a flash, where there is one
        self.memory = {}
        # The second chunk lies across the end of bank 0.
        self.places = [self.rng.randrange(100), BANK_WORDS - self.rng.randrange(1, 20)]
        self.places += [BANK_WORDS + 1500 * (k + 1) for k in range(layers)]
        if config.flash_lanes:
            in_flash = [self.rng.random() < 0.5 for _ in self.places]
            self.bit = self.isa.pointer.size - 1
            self.places = [p | f << self.bit for p, f in zip(self.places, in_flash, strict=True)]
            self._add_transfers(in_flash)
            if not valid:
                good = [not f for f in in_flash[:layers]] + [False]
                self.executed = min(self.executed, good.index(False))
                self.refused = self.executed < min(layers, stop_after or layers)
        for index, chunk in enumerate(self.chunks):
            words = chunk.words(self.places[index + 1], index == layers - 1)
            place = self.places[index]
            if index in self.transfers:  # before a chunk that follows in flash or is in memory
                fields, chunk_place = self.transfers[index]
                head = transfer_descriptor(self.isa, fields, chunk_place)
                streamed = words if chunk_place >> self.bit else []
                self.memory[place] = iter(head + streamed)
                place = chunk_place
                if streamed:
                    continue
            self.memory |= (
                {place: iter(words)} if place >> self.bit else dict(enumerate(words, place))
            )
        self.arriving = []
        simulate(self.dut, self._bench, cycles=200_000)

    async def _bench(self, ctx):
        dut = self.dut
        ctx.set(dut.memory.location, self.places[0])
        ctx.set(dut.memory.set, 1)
        await ctx.tick()
        ctx.set(dut.memory.set, 0)
        assert ctx.get(dut.host.idle)
        ctx.set(dut.host.run, 1)
        await self._tick(ctx)
        ctx.set(dut.host.run, 0)
        for index in range(self.executed):
            ctx.set(dut.host.stop, index + 1 == self.stop_after)
            await self._layer(ctx, self.chunks[index])
        if self.refused:
            assert not ctx.get(dut.host.idle)
            await self._tick(ctx)
        assert ctx.get(dut.host.idle)
        assert ctx.get(dut.host.refused) == self.refused
        flash = [place for place in self.places[: self.executed] if place >> self.bit]
        assert self.starts == flash
        assert self.transferred == [
            {name: fields[name] for name in TRANSFER_FIELDS}
            for index, (fields, _) in self.transfers.items()
            if index < self.executed
        ]
        if self.executed < len(self.chunks):  # where a run would go on
            assert self._pointer(ctx) == self.places[self.executed]

    def _add_transfers(self, in_flash):
        """Before some layers comes a DMA transfer: a run of them begins in flash."""
        layout = self.isa.dma_descriptor
        for index in range(len(self.chunks)):
            if self.rng.random() < 0.4:
                fields = {
                    name: self.rng.getrandbits(layout[name].width) for name in TRANSFER_FIELDS
                }
                fields["others"] = self.rng.getrandbits(layout.size)
                self.transfers[index] = fields, self.places[index]
                self.places[index] = self.rng.getrandbits(10) << 1 | 1 << self.bit
                in_flash[index] = True

    def _pointer(self, ctx):
        return ctx.get(self.dut.chunk.pointer.as_value())

    async def _tick(self, ctx):
        """A cycle of the memory, which grants some accesses."""
        dut = self.dut
        if self.isa.config.flash_lanes:
            self._dma(ctx)
        granted = self.rng.random() < 0.7
        ctx.set(dut.chunk.granted, granted)
        read = None
        if granted and ctx.get(dut.chunk.en):
            pointer = self._pointer(ctx)
            read = next(self.stream) if pointer >> self.bit else self.memory.get(pointer)
        self.arriving.append(read)
        if self.isa.config.flash_lanes:
            ctx.set(dut.flash.valid, self.valid)
            if ctx.get(dut.flash.start):
                self.starts.append(self._pointer(ctx))
                self.stream = self.memory[self._pointer(ctx)]
        await ctx.tick()
        word = self.arriving[-self.latency] if len(self.arriving) >= self.latency else None
        garbage = self.rng.getrandbits(self.isa.config.word_bits)
        ctx.set(dut.chunk.data, garbage if word is None else word)

    def _dma(self, ctx):
        """A DMA: a transfer begins, and words of it are missing for some time. Who says meanwhile
        that it is quiet asks for nothing in the next cycle."""
        dma = self.dut.dma
        assert not (self.quiet and ctx.get(self.dut.chunk.en))
        # Words of the transfer still come; whether is looked at a cycle later.
        assert not (self.seen_busy and ctx.get(self.dut.flash.stop))
        ctx.set(dma.busy, self.dma_busy)
        self.seen_busy = self.dma_busy
        self.quiet = self.dma_busy and ctx.get(dma.quiet)
        if ctx.get(dma.start):
            assert not self.dma_busy
            self.dma_busy = True
            self.transferred.append({name: ctx.get(dma.transfer[name]) for name in TRANSFER_FIELDS})
        elif self.rng.random() < 0.003:
            self.dma_busy = False

    def _enabled(self, ctx):
        """What the word that arrives is for: one thing, if any."""
        names = ("table_en", "parameter_en", "weight_en")
        found = [name for name in names if ctx.get(getattr(self.dut.fill, name))]
        assert len(found) <= 1
        return found

    async def _layer(self, ctx, chunk):
        """One layer: takes what fills the buffers, and releases each half some time later."""
        dut, rng, fields = self.dut, self.rng, chunk.fields
        counted = 0
        while not ctx.get(dut.layer.start):
            assert self._enabled(ctx) == []
            ctx.set(dut.host.band, rng.random() < 0.2)
            taken = ctx.get(dut.host.band_taken)
            assert ctx.get(dut.host.band) or not taken
            counted += taken
            await self._tick(ctx)
        assert counted == fields["wait"]
        assert ctx.get(dut.host.release) == fields["release"]
        descriptor = ctx.get(dut.layer.descriptor)
        assert {name: descriptor[name] for name in fields} == fields
        await self._tick(ctx)
        assert ctx.get(dut.tiles.ready) == 0

        lookup_tables, filling, full, loaded, ready_before = [], ([], []), {}, 0, 0
        while loaded < len(chunk.groups) or full:
            half, ready = ctx.get(dut.fill.half), ctx.get(dut.tiles.ready)
            risen = ready & ~ready_before
            if risen:
                assert risen == 1 << (loaded & 1)
                assert list(filling) == chunk.groups[loaded]
                assert lookup_tables == chunk.lookup_tables
                loaded += 1
                full[loaded - 1 & 1] = rng.choice([1, 5, 40, 200])
            enabled, word = self._enabled(ctx), ctx.get(dut.fill.data)
            if enabled == ["table_en"]:
                assert filling == ([], []) and loaded == 0
                lookup_tables.append(word)
            elif enabled:
                assert half == loaded & 1 and half not in full
                assert not ctx.get(dut.fill.restart)
            if ctx.get(dut.fill.restart):
                filling = ([], [])
            elif enabled == ["parameter_en"]:
                place = ctx.get(dut.fill.parameter_column) * self.isa.channel_parameter_words
                assert place + ctx.get(dut.fill.parameter_word) == len(filling[0])
                assert filling[1] == []
                filling[0].append(word)
            elif enabled == ["weight_en"]:
                filling[1].append(word)
            full = {key: left - 1 for key, left in full.items()}
            release = next((key for key, left in full.items() if left <= 0), None)
            ctx.set(dut.release, release is not None)
            ctx.set(dut.release_half, release or 0)
            await self._tick(ctx)
            ctx.set(dut.release, 0)
            ready_before = ready
            if release is not None:
                del full[release]
                # Weights that all groups share stay for the whole layer.
                assert ctx.get(dut.tiles.ready) >> release & 1 == fields["shared"]
                ready_before = ctx.get(dut.tiles.ready) & ready
        for _ in range(rng.randint(3, 20)):
            assert not ctx.get(dut.chunk.en)
            assert self._enabled(ctx) == []
            assert not ctx.get(dut.host.layer_done)
            await self._tick(ctx)
        ctx.set(dut.finished, 1)
        while self.seen_busy:  # it looks at what was said a cycle ago
            assert not ctx.get(dut.host.layer_done)
            assert not ctx.get(dut.flash.stop)
            assert ctx.get(dut.dma.quiet)
            await self._tick(ctx)
            ctx.set(dut.finished, 0)
        assert ctx.get(dut.host.layer_done)
        await self._tick(ctx)
        ctx.set(dut.finished, 0)


@pytest.mark.parametrize("latency", [1, 5])
@pytest.mark.parametrize(("rows", "columns"), SIZES)
@settings(UNSHRUNK, max_examples=4)
@given(seed=st.integers(0, 1 << 32))
def test_each_layers_words_arrive_in_order_and_never_in_a_half_that_is_in_use(
    rows, columns, latency, seed
):
    config = AcceleratorConfig(rows=rows, columns=columns, bank_words=BANK_WORDS)
    Run(config, seed, latency=latency, layers=3)


@pytest.mark.parametrize("valid", [True, False])
@settings(UNSHRUNK, max_examples=12)
@given(seed=st.integers(0, 1 << 32), latency=st.sampled_from([1, 5]))
def test_chunks_in_flash_are_read_from_where_they_begin_or_refused(valid, latency, seed):
    config = AcceleratorConfig(bank_words=BANK_WORDS, flash_lanes=4)
    Run(config, seed, latency=latency, layers=3, valid=valid)


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_a_run_ends_with_the_layer_in_which_it_is_stopped(stop_after):
    config = AcceleratorConfig(bank_words=BANK_WORDS)
    Run(config, stop_after, latency=1, layers=3, stop_after=stop_after)


def test_the_links_pointer_moves_word_by_word_and_on_into_bank_1():
    config = AcceleratorConfig(bank_words=BANK_WORDS)
    dut = Sequencer(config, memory_latency=1)

    async def bench(ctx):
        location = BANK_WORDS - 2
        ctx.set(dut.memory.location, location)
        ctx.set(dut.memory.set, 1)
        await ctx.tick()
        ctx.set(dut.memory.set, 0)
        for expected in (BANK_WORDS - 2, BANK_WORDS - 1, BANK_WORDS, BANK_WORDS + 1):
            for link_en in (0, 1):
                ctx.set(dut.memory.access, link_en)
                assert ctx.get(dut.chunk.en) == link_en
                assert ctx.get(dut.chunk.pointer.as_value()) == expected
                await ctx.tick()
            ctx.set(dut.memory.advance, 1)
            ctx.set(dut.memory.access, 0)
            await ctx.tick()
            ctx.set(dut.memory.advance, 0)

    simulate(dut, bench)
