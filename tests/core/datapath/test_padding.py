"""A word is the memory's, or zero points where it was outside the input."""

import random

import pytest

from accel.config import FAMILIES, AcceleratorConfig
from accel.core.datapath.padding import Padding
from tests.support.rtl.simulation import simulate


@pytest.mark.parametrize("latency", [1, 5])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_word_comes_a_cycle_later_with_what_was_known_of_its_address(family, latency):
    config = AcceleratorConfig(family=family)
    dut = Padding(config, memory_latency=latency, simulate=True)
    rng, pad = random.Random(latency), 0x7B

    async def bench(ctx):
        ctx.set(dut.pad, pad)
        words, outside = [], []
        for time in range(60):
            words.append(rng.getrandbits(config.word_bits))
            outside.append(rng.randrange(2))
            ctx.set(dut.word, words[time])
            ctx.set(dut.outside, outside[time])
            if time >= latency:
                padded = outside[time - latency]
                expected = pad * 0x01010101 if padded else words[time - 1]
                assert ctx.get(dut.o | dut.or_pad.replicate(config.rows)) == expected
            await ctx.tick()

    simulate(dut, bench)
