"""The parameter table gives back what a program streams, column by column.

What is written is packed by the compiler, so that both agree on how the parameters lie.
"""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.config import FAMILIES, AcceleratorConfig
from accel.core.datapath.parameter_table import ParameterTable
from accel.core.primitives import dual_port
from tests.support.in_turn import in_turn
from tests.support.rtl.simulation import UNSHRUNK, simulate

SIZES = [(4, 4, 1), (2, 1, 1), (3, 5, 1), (8, 8, 2), (8, 4, 4), (4, 8, 4), (16, 4, 2)]


def words_of(stream, config):
    return [
        int.from_bytes(stream[start : start + config.rows], "little")
        for start in range(0, len(stream), config.rows)
    ]


def random_values(layout, rng):
    return {field: rng.getrandbits(shape.width) for field, shape in layout}


def raw(view):
    """Fields as unsigned numbers."""
    layout = view.shape()
    return {field: view[field] & (1 << shape.width) - 1 for field, shape in layout}


class Filling:
    """Fills the parameters of one half, word by word, while those of the other are read."""

    def __init__(self, config, seed):
        self.config, self.rng = config, random.Random(seed)
        self.index = self.rng.randrange(config.requantizers)
        self.dut = ParameterTable(config, index=self.index, simulate=True)
        self.known = {}
        self.time, self.signs = 0, {}
        self.expected = {name: {} for name in ("early", "late", "offset")}
        self.seen = {name: [] for name in self.expected}
        simulate(self.dut, self._bench)

    async def _bench(self, ctx):
        for half in (0, 1, 0, 1, 1, 0):
            writes = list(self._words(half))
            reads = 0 if not self.known else len(writes) + self.rng.randrange(9)
            while writes or reads > 0:
                word = writes.pop(0) if writes and self.rng.random() < 0.7 else None
                await self._cycle(ctx, half, word, reads > 0)
                reads -= 1
            for _ in range(9):
                await self._cycle(ctx, half, None, False)
            self.known |= self.written

    def _words(self, half):
        """All columns' parameters in the order of memory words, the columns in any order."""
        isa, self.written = self.dut.isa, {}
        for column in self.rng.sample(range(self.dut.columns), self.dut.columns):
            self.written[column, half] = values = {
                part: random_values(layout, self.rng)
                for part, layout in isa.channel_parameters.items()
            }
            packed = isa.channel_parameter_layout.const(values).as_value().value
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
        # Words of columns that other requantizers serve are none of its own.
        others = [q for q in range(self.config.requantizers) if q != self.index]
        foreign = not write and others and self.rng.random() < 0.5
        served = self.rng.choice(others) if foreign else self.index
        ctx.set(dut.fill.parameter_en, bool(write or foreign))
        ctx.set(dut.fill.half, half)
        ctx.set(dut.fill.parameter_column, column * self.config.requantizers + served)
        ctx.set(dut.fill.parameter_word, index)
        ctx.set(dut.fill.data, word)
        if reads:
            key, negative = (self.rng.randrange(dut.columns), 1 - half), self.rng.randrange(2)
            ctx.set(dut.place, {"column": key[0], "half": key[1]})
            values, signed = self.known[key], self.time + latency + 1
            self.signs[signed] = negative
            offset = values["offset_negative" if negative else "offset"]
            self.expected["early"][self.time + latency] = values["early"]
            self.expected["late"][signed + latency + 1] = values["late"]
            self.expected["offset"][signed + latency] = offset
        ctx.set(dut.read.negative, self.signs.get(self.time, 0))
        for part, seen in self.seen.items():
            seen.append(raw(ctx.get(getattr(dut.read, part))))
        await ctx.tick()
        self.time += 1

    def check(self):
        assert self.dut.latency == dual_port.latency_of(self.config.family)
        for part, expected in self.expected.items():
            assert len(expected) > 5 * self.dut.columns
            assert {time: self.seen[part][time] for time in expected} == expected


@pytest.mark.parametrize(("rows", "columns", "requantizers", "family"), in_turn(SIZES, FAMILIES))
@settings(UNSHRUNK, max_examples=3)
@given(seed=st.integers(0, 1 << 32))
def test_each_column_has_the_parameters_of_its_half_and_the_offset_of_its_sign(
    rows, columns, requantizers, family, seed
):
    config = AcceleratorConfig(rows=rows, columns=columns, requantizers=requantizers, family=family)
    Filling(config, seed).check()


@pytest.mark.parametrize("rows", (*range(2, 10), 12, 16, 17, 24, 31, 32))
@settings(UNSHRUNK, max_examples=1)
@given(seed=st.integers(0, 1 << 32))
def test_parameters_are_found_in_words_of_every_width(rows, seed):
    """However many parts of the parameters a word has room for."""
    config = AcceleratorConfig(rows=rows, columns=2 * rows, requantizers=rows)
    Filling(config, seed).check()
