"""Bytes become words, and a word stays for as long as who took it may look at it."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.config import AcceleratorConfig
from accel.core.flash.word_packer import FlashWords
from tests.support.rtl.simulation import UNSHRUNK, Stalls, send, simulate


@pytest.mark.parametrize("latency", [1, 2, 5])
@pytest.mark.parametrize("rows", [2, 3, 4, 8])
@settings(UNSHRUNK, max_examples=6)
@given(rate=st.sampled_from((0, 0.5, 0.9)), seed=st.integers(0, 1 << 20))
def test_words_come_whole_in_order_and_stay_for_the_latency_of_memory(rows, latency, rate, seed):
    rng = random.Random(seed)
    dut = FlashWords(AcceleratorConfig(rows=rows), memory_latency=latency)
    data = rng.randbytes(rows * 12)

    async def flash(ctx):
        await send(ctx, dut.i, data, Stalls(rate, seed))

    async def sequencer(ctx):
        for index in range(12):
            while rng.random() < rate:
                await ctx.tick()
            while not ctx.get(dut.valid):
                await ctx.tick()
            ctx.set(dut.taken, 1)
            await ctx.tick()
            ctx.set(dut.taken, 0)
            for _ in range(latency - 1):
                await ctx.tick()
            word = data[index * rows : (index + 1) * rows]
            assert ctx.get(dut.word) == int.from_bytes(word, "little")

    simulate(dut, flash, sequencer)


def test_what_came_before_a_clear_is_forgotten():
    dut = FlashWords(AcceleratorConfig(rows=4), memory_latency=1)

    async def bench(ctx):
        for before in range(5):
            await send(ctx, dut.i, bytes(range(100, 100 + before)), Stalls(0))
            ctx.set(dut.clear, 1)
            await ctx.tick()
            ctx.set(dut.clear, 0)
            assert not ctx.get(dut.valid)
            await send(ctx, dut.i, b"\x01\x02\x03\x04", Stalls(0))
            assert ctx.get(dut.valid)
            assert ctx.get(dut.word) == 0x04030201
            ctx.set(dut.taken, 1)
            await ctx.tick()
            ctx.set(dut.taken, 0)

    simulate(dut, bench)
