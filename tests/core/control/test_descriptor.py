"""A descriptor is whole with its last word, and known a cycle before."""

import random

import pytest

from accel.compiler.ir.bit_fields import encode
from accel.config import AcceleratorConfig
from accel.core.control.descriptor import DescriptorRegister
from accel.isa import Isa
from tests.support.rtl.simulation import simulate


@pytest.mark.parametrize("latency", [1, 5])
@pytest.mark.parametrize("rows", [2, 3, 8])
def test_the_fields_are_those_whose_words_came(rows, latency):
    isa = Isa(AcceleratorConfig(rows=rows, flash_lanes=4))
    dut = DescriptorRegister(isa.config, memory_latency=latency, simulate=True)
    rng, width = random.Random(rows), isa.config.word_bits
    fields = {name: rng.getrandbits(field.width) for name, field in isa.descriptor}
    fields["next"] = rng.getrandbits(isa.pointer.size)
    packed = encode(isa.descriptor, fields)
    words = [packed >> width * k & (1 << width) - 1 for k in range(isa.descriptor_words)]

    async def bench(ctx):
        coming = {}
        for time in range(200):
            taken = bool(words) and rng.random() < 0.6
            ctx.set(dut.taken, taken)
            ctx.set(dut.last, len(words) == 1)
            if taken:
                coming[time + latency] = words.pop(0)
            ctx.set(dut.data, coming.get(time, rng.getrandbits(width)))
            if not words and time == max(coming):
                following = ctx.get(dut.following)
                assert {name: following[name] for name in fields} == fields
                break
            await ctx.tick()
        await ctx.tick()
        ctx.set(dut.data, 0)
        value = ctx.get(dut.value)
        assert {name: value[name] for name in fields} == fields

    simulate(dut, bench)
