"""The last word of every segment is told, however the memory stalls."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from accel.core.control.segment import SegmentCounter
from tests.support.rtl.simulation import UNSHRUNK, simulate


@settings(UNSHRUNK, max_examples=25)
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=6), seed=st.integers(0, 1 << 20))
def test_the_last_word_of_each_segment_is_told(lengths, seed):
    """Every other segment is loaded with the last word of the one before, as parameters are
    followed by weights."""
    dut, rng, seen = SegmentCounter(4), random.Random(seed), []

    async def bench(ctx):
        loaded = False
        for index, length in enumerate(lengths):
            if not loaded:
                ctx.set(dut.asking, 0)
                ctx.set(dut.load, 1)
                ctx.set(dut.less_one, length - 1)
                await ctx.tick()
            ctx.set(dut.asking, 1)
            together = index + 1 < len(lengths) and rng.random() < 0.5
            words, ended = 0, False
            while not ended:
                ctx.set(dut.load, together and ctx.get(dut.last))
                if together:
                    ctx.set(dut.less_one, lengths[index + 1] - 1)
                ctx.set(dut.granted, rng.random() < 0.6)
                words += ctx.get(dut.taken)
                ended = ctx.get(dut.end)
                await ctx.tick()
            seen.append(words)
            loaded = together
        ctx.set(dut.load, 0)

    simulate(dut, bench)
    assert seen == lengths
