"""The buffers give back what a program streams, step by step and column by column.

What is written is packed by the compiler, so that both agree on how weights and records lie.
"""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.compiler.ir.stream import pack_weights
from accel.config import FAMILIES, AcceleratorConfig
from accel.core.memory.weight_buffer import ParameterTable, WeightBuffer
from accel.core.primitives import dual_port
from tests.support.rtl.simulation import UNSHRUNK, simulate

CONFIGURATIONS = [  # steps as wide as a memory word, wider and narrower, evenly and not
    AcceleratorConfig(weight_steps=32),
    AcceleratorConfig(rows=4, columns=8, weight_steps=32),
    AcceleratorConfig(rows=4, columns=8, weight_steps=32, format="int8_int4"),
    AcceleratorConfig(rows=8, columns=4, weight_steps=32),
    AcceleratorConfig(rows=8, columns=4, weight_steps=32, format="int8_int4"),
    AcceleratorConfig(rows=3, columns=5, weight_steps=32),
    AcceleratorConfig(rows=16, columns=5, weight_steps=24),
    AcceleratorConfig(rows=2, columns=1, weight_steps=32),
    AcceleratorConfig(rows=2, columns=5, weight_steps=32),
]


def name(config):
    return f"{config.rows}x{config.columns}-{config.format}"


def words_of(stream, config):
    return [
        int.from_bytes(stream[start : start + config.rows], "little")
        for start in range(0, len(stream), config.rows)
    ]


class Streaming:
    """Fills one half with a group's weights while the steps of the group before are read."""

    def __init__(self, config, seed):
        self.config = config
        self.rng = random.Random(seed)
        self.dut = WeightBuffer(config, simulate=True)
        self.expected, self.seen = {}, []
        self.time = 0
        numbers = np.random.default_rng(seed)
        low, high = config.number_format.weight_range
        half = config.weight_steps // 2
        counts = [half, *(self.rng.randint(1, half) for _ in range(4))]
        self.groups = [numbers.integers(low, high + 1, (n, config.columns)) for n in counts]
        simulate(self.dut, self._bench)

    async def _bench(self, ctx):
        await self._together(ctx, self._writes(0), iter(()))
        for group in range(len(self.groups)):
            following = self._writes(group + 1) if group + 1 < len(self.groups) else iter(())
            await self._together(ctx, following, self._reads(group))
        await self._together(ctx, iter(()), iter([(0, 0, 0)] * 6))

    async def _together(self, ctx, writes, reads):
        """A cycle each of what writes and what reads, until both have ended."""
        idle = (0, 0, 0, self.rng.getrandbits(self.config.word_bits)), (0, 0, 0)
        while True:
            write, read = next(writes, None), next(reads, None)
            if write is None and read is None:
                return
            en, restart, half, word = write or idle[0]
            ctx.set(self.dut.write_en, en)
            ctx.set(self.dut.write_restart, restart)
            ctx.set(self.dut.write_half, half)
            ctx.set(self.dut.write_data, word)
            valid, first, half = read or idle[1]
            ctx.set(self.dut.step, {"valid": valid, "first": first, "half": half})
            weights = ctx.get(self.dut.weights)
            self.seen.append([weights[c] for c in range(self.config.columns)])
            await ctx.tick()
            self.time += 1

    def _writes(self, group):
        half = group & 1
        stream = pack_weights(self.groups[group][None].astype(np.int64), self.config)[0]
        for _ in range(self.rng.randint(1, 3)):
            yield 0, 1, half, 0
        for word in words_of(stream, self.config):
            for _ in range(self.rng.choice([0, 0, 1, 3])):
                yield 0, 0, half, self.rng.getrandbits(self.config.word_bits)
            yield 1, 0, half, word

    def _reads(self, group):
        latency = self.dut.latency
        yield from [(0, 0, 0)] * 2  # the last word is being written
        for _ in range(self.rng.randint(1, 3)):  # every tile reads them again
            for index, weights in enumerate(self.groups[group]):
                self.expected[self.time + latency] = weights.tolist()
                yield 1, int(index == 0), group & 1
            for _ in range(self.rng.choice([0, 0, 2])):
                yield 0, self.rng.randrange(2), group & 1

    def check(self):
        assert {time: self.seen[time] for time in self.expected} == self.expected


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("config", CONFIGURATIONS, ids=name)
@settings(UNSHRUNK, max_examples=3)
@given(seed=st.integers(0, 1 << 32))
def test_each_step_has_its_weights_while_the_next_group_comes(config, family, seed):
    Streaming(config.replace(family=family), seed).check()


def random_values(layout, rng):
    return {field: rng.getrandbits(shape.width) for field, shape in layout}


def raw(view):
    """Fields as unsigned numbers."""
    layout = view.shape()
    return {field: view[field] & (1 << shape.width) - 1 for field, shape in layout}


class Recording:
    """Fills the records of one half, word by word, while those of the other are read."""

    def __init__(self, config, seed):
        self.config, self.rng = config, random.Random(seed)
        self.dut = ParameterTable(config, simulate=True)
        self.records = {}
        self.time, self.signs = 0, {}
        self.expected = {name: {} for name in ("early", "late", "offset")}
        self.seen = {name: [] for name in self.expected}
        simulate(self.dut, self._bench)

    async def _bench(self, ctx):
        for half in (0, 1, 0, 1, 1, 0):
            writes = list(self._words(half))
            reads = 0 if not self.records else len(writes) + self.rng.randrange(9)
            while writes or reads > 0:
                word = writes.pop(0) if writes and self.rng.random() < 0.7 else None
                await self._cycle(ctx, half, word, reads > 0)
                reads -= 1
            for _ in range(9):
                await self._cycle(ctx, half, None, False)
            self.records |= self.written

    def _words(self, half):
        """All columns' records in the order of memory words, the columns in any order."""
        isa, self.written = self.dut.isa, {}
        for column in self.rng.sample(range(self.dut.columns), self.dut.columns):
            self.written[column, half] = record = {
                part: random_values(layout, self.rng)
                for part, layout in isa.channel_parameters.items()
            }
            packed = isa.channel_parameter_layout.const(record).as_value().value
            words = words_of(
                packed.to_bytes(isa.channel_parameter_words * self.config.rows, "little"),
                self.config,
            )
            assert len(words) == isa.channel_parameter_words
            for index, word in enumerate(words):
                yield column, index, word

    async def _cycle(self, ctx, half, write, reads):
        dut, latency = self.dut, self.dut.latency
        column, index, word = write or (0, 0, self.rng.getrandbits(self.config.word_bits))
        ctx.set(dut.write_en, write is not None)
        ctx.set(dut.write_half, half)
        ctx.set(dut.write_column, column)
        ctx.set(dut.write_word, index)
        ctx.set(dut.write_data, word)
        if reads:
            key, negative = (self.rng.randrange(dut.columns), 1 - half), self.rng.randrange(2)
            ctx.set(dut.column, key[0])
            ctx.set(dut.half, key[1])
            record, signed = self.records[key], self.time + latency + 1
            self.signs[signed] = negative
            offset = record["offset_negative" if negative else "offset"]
            self.expected["early"][self.time + latency] = record["early"]
            self.expected["late"][signed + latency] = record["late"]
            self.expected["offset"][signed + latency] = offset
        ctx.set(dut.negative, self.signs.get(self.time, 0))
        for part, seen in self.seen.items():
            seen.append(raw(ctx.get(getattr(dut, part))))
        await ctx.tick()
        self.time += 1

    def check(self):
        assert self.dut.latency == dual_port.latency_of(self.config.family)
        for part, expected in self.expected.items():
            assert len(expected) > 5 * self.dut.columns
            assert {time: self.seen[part][time] for time in expected} == expected


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("rows", "columns", "requantizers"),
    [(4, 4, 1), (2, 1, 1), (3, 5, 1), (8, 8, 2), (8, 4, 4), (4, 8, 4), (16, 4, 2)],
)
@settings(UNSHRUNK, max_examples=3)
@given(seed=st.integers(0, 1 << 32))
def test_each_column_has_the_record_of_its_half_and_the_offset_of_its_sign(
    rows, columns, requantizers, family, seed
):
    config = AcceleratorConfig(rows=rows, columns=columns, requantizers=requantizers, family=family)
    Recording(config, seed).check()


@pytest.mark.parametrize("rows", range(2, 33))
@settings(UNSHRUNK, max_examples=1)
@given(seed=st.integers(0, 1 << 32))
def test_records_are_found_in_words_of_every_width(rows, seed):
    """However many parts of a record a word has room for."""
    config = AcceleratorConfig(rows=rows, columns=2 * rows, requantizers=rows)
    Recording(config, seed).check()
