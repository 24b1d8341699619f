"""The pointer is loaded by the sequencer or the link, and counts words across both banks."""

import random

import pytest

from accel.config import AcceleratorConfig
from accel.core.control.pointer import Pointer
from accel.isa import Isa
from tests.support.rtl.simulation import simulate


@pytest.mark.parametrize("lanes", [0, 4])
@pytest.mark.parametrize("words", [256, 16384])
def test_the_pointer_is_what_was_loaded_and_then_advances(lanes, words):
    isa = Isa(AcceleratorConfig(bank_words=words, flash_lanes=lanes))
    dut, rng, bits = Pointer(isa), random.Random(words), isa.pointer.size
    location = (1 << isa.location.size) - 1

    async def bench(ctx):
        for _ in range(60):
            value = rng.choice([rng.getrandbits(bits), words - 1, words - 2])
            load, port = rng.choice([(dut.load, dut.next), (dut.set, dut.location)])
            for one in (dut.next, dut.location):
                ctx.set(one, rng.getrandbits(bits))
            ctx.set(load, 1)
            ctx.set(port, value)
            await ctx.tick()
            ctx.set(load, 0)
            for step in range(4):
                expected = value & ~location | value + step & location
                assert ctx.get(dut.value.as_value()) == expected
                ctx.set(dut.advance, 1)
                await ctx.tick()
                ctx.set(dut.advance, 0)

    simulate(dut, bench)
