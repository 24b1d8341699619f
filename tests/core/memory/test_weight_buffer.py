"""The weight buffer gives back what a program streams, step by step.

What is written is packed by the compiler, so that both agree on how weights lie.
"""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.compiler.ir.stream import pack_weights
from accel.config import FAMILIES, AcceleratorConfig
from accel.core.memory.weight_buffer import WeightBuffer
from tests.support.in_turn import in_turn
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


def name(choice):
    """Of a configuration; families have names."""
    if isinstance(choice, str):
        return choice
    return f"{choice.rows}x{choice.columns}-{choice.format}"


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
            ctx.set(self.dut.fill.weight_en, en)
            ctx.set(self.dut.fill.restart, restart)
            ctx.set(self.dut.fill.half, half)
            ctx.set(self.dut.fill.data, word)
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


@pytest.mark.parametrize(("config", "family"), in_turn(CONFIGURATIONS, FAMILIES), ids=name)
@settings(UNSHRUNK, max_examples=3)
@given(seed=st.integers(0, 1 << 32))
def test_each_step_has_its_weights_while_the_next_group_comes(config, family, seed):
    Streaming(config.replace(family=family), seed).check()
