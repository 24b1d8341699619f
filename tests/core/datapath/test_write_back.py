"""Every code goes to the byte where plain Python puts it, and nothing else is written."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.config import FAMILIES, AcceleratorConfig
from accel.core.datapath.write_back import WriteBack, read_lead, write_delay
from accel.core.primitives import memory
from tests.support.in_turn import in_turn
from tests.support.rtl.output_places import output_fields, places
from tests.support.rtl.simulation import UNSHRUNK, simulate

SIZES = [  # rows, columns, requantizers
    (2, 1, 1),
    (2, 2, 2),
    (3, 5, 1),
    (4, 4, 1),
    (4, 4, 4),
    (4, 8, 2),
    (3, 6, 1),
    (2, 6, 2),
    (8, 4, 2),
    (8, 4, 4),
    (6, 4, 2),
]
SHAPES = [
    *((2, 2), (3, 3), (5, 5), (4, 4), (8, 8)),
    *((8, 4), (6, 3), (4, 8), (2, 8), (32, 2)),
    *((4, 6), (6, 4), (3, 5), (3, 8), (4, 7)),  # words begin and end within a row's results
]
COMBINING = [
    (rows, columns, requantizers)
    for rows, columns in SHAPES
    for requantizers in (1, 2, 4)
    if rows % requantizers == columns % requantizers == 0
]
SEEDS = st.integers(0, 1 << 32)


class Layers:
    """Runs layers one after another beside a memory; tiles come with random pauses, and garbage
    between them."""

    def __init__(self, config, seed, *, layers, seconds=(False,)):
        self.config, self.dut = config, WriteBack(config)
        self.rng, self.seed = random.Random(seed), seed
        self.layers, self.seconds = layers, seconds
        self.time, self.coming_access = 0, 0
        self.words = {}  # of memory
        self.codes, self.read_data = {}, {}  # what comes at which time
        self.expected, self.seen = {}, {}  # accesses by their time
        self.old, self.old_seen = {}, {}
        self.done, self.done_seen = [], []
        simulate(self.dut, self._bench, cycles=100_000)

    def _word(self, address):
        """The bytes of a word; random ones where nothing was written."""
        if address not in self.words:
            self.words[address] = bytearray(
                random.Random(f"{self.seed} {address}").randbytes(self.config.rows)
            )
        return self.words[address]

    async def _cycle(self, ctx, coming=0):
        dut, config, rng = self.dut, self.config, self.rng
        garbage = rng.getrandbits(8 * config.requantizers), rng.getrandbits(config.word_bits)
        ctx.set(dut.coming, coming)
        ctx.set(dut.codes, self.codes.get(self.time, garbage[0]))
        ctx.set(dut.memory.read_data, self.read_data.get(self.time, garbage[1]))
        if self.coming_access:
            self._access(ctx)
        self.coming_access = ctx.get(dut.memory.coming)
        if self.time in self.old:
            self.old_seen[self.time] = ctx.get(dut.residual)
        if ctx.get(dut.done):
            self.done_seen.append(self.time)
        await ctx.tick()
        self.time += 1

    def _access(self, ctx):
        address, mask = ctx.get(self.dut.memory.address), ctx.get(self.dut.memory.write_en)
        word = self._word(address)
        if mask == 0:
            due = self.time + memory.latency_of(self.config.family)
            self.read_data[due] = int.from_bytes(word, "little")
            self.seen[self.time] = ("read", address)
            return
        data = ctx.get(self.dut.memory.write_data).to_bytes(self.config.rows, "little")
        lanes = [lane for lane in range(self.config.rows) if mask >> lane & 1]
        self.seen[self.time] = ("write", address, {lane: data[lane] for lane in lanes})
        for lane in lanes:
            word[lane] = data[lane]

    async def _bench(self, ctx):
        config = self.config
        for index in range(self.layers):
            residual = self.seconds[index % len(self.seconds)]
            fields = output_fields(self.dut.isa, self.rng, residual=residual)
            ctx.set(self.dut.layer.descriptor, fields)
            ctx.set(self.dut.layer.start, 1)
            await self._cycle(ctx)
            ctx.set(self.dut.layer.start, 0)
            for _ in range(4):
                await self._cycle(ctx)
            written, period = {}, config.word_cycles * config.pace
            before = {address: bytes(word) for address, word in self.words.items()}
            for index, place in enumerate(places(fields, config, self.dut.isa.address_bits)):
                if residual:
                    for _ in range(config.pace - 1 if index else 0):
                        await self._cycle(ctx)
                if index % config.drain_cycles == 0:
                    # With a residual operand tiles begin at multiples of a period.
                    pause = self.rng.choice([0, 0, 1, 9]) * (period if residual else 1)
                    for _ in range(pause):
                        await self._cycle(ctx)
                self._expect(place, residual, written, before)
                await self._cycle(ctx, coming=1)
            self.done.append(self.time + write_delay(config))
            while self.time <= self.done[-1] + self.rng.randint(1, 3):
                await self._cycle(ctx)

    def _expect(self, place, residual, written, before):
        """What becomes of results whose place is found in the next cycle."""
        config, time, count = self.config, self.time + 1, self.config.requantizers
        lanes = range(place.lane, place.lane + count)
        codes = self.rng.randbytes(count)
        self.codes[time + write_delay(config) - 1] = int.from_bytes(codes, "little")
        if place.begins:
            written.clear()
        if place.real:
            written.update(zip(lanes, codes, strict=True))
        if place.ends and written:
            self._expect_access(time + write_delay(config), "write", place.word, dict(written))
        if residual and place.begins:
            self._expect_access(time, "read", place.word if place.real else None)
        if place.real or not residual:
            word = before.get(place.word) or self._word(place.word)
            old = bytes(word[lane] ^ 0x80 for lane in lanes) if residual else bytes(count)
            self.old[time + read_lead(config)] = int.from_bytes(old, "little")

    def _expect_access(self, time, *access):
        assert time not in self.expected, "a read and a write in the same cycle"
        self.expected[time] = access

    def check(self):
        for time, (kind, address, *_) in self.expected.items():
            if kind == "read" and address is None:  # of a place that is not written
                self.expected[time] = self.seen[time]
                assert self.seen[time][0] == "read"
        assert self.seen == self.expected
        assert self.old_seen == self.old
        assert self.done_seen == self.done


@pytest.mark.parametrize(("rows", "columns", "requantizers", "family"), in_turn(SIZES, FAMILIES))
@settings(UNSHRUNK, max_examples=3)
@given(seed=SEEDS)
def test_words_of_codes_go_where_the_descriptor_says(rows, columns, requantizers, family, seed):
    config = AcceleratorConfig(rows=rows, columns=columns, requantizers=requantizers, family=family)
    Layers(config, seed, layers=4).check()


@pytest.mark.parametrize(
    ("rows", "columns", "requantizers", "family"), in_turn(COMBINING, FAMILIES)
)
@settings(UNSHRUNK, max_examples=2)
@given(seed=SEEDS)
def test_residual_operands_are_what_bytes_held_and_no_read_meets_a_write(
    rows, columns, requantizers, family, seed
):
    config = AcceleratorConfig(rows=rows, columns=columns, requantizers=requantizers, family=family)
    Layers(config, seed, layers=4, seconds=(True, True, False)).check()
