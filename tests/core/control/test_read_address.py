"""Every row keeps its position for a tile, and reads outside the input are found."""

import random

import pytest

from accel.config import AcceleratorConfig
from accel.core.control.read_address import ReadAddress
from accel.isa import COORDINATE_BITS, Isa
from tests.support.rtl.simulation import simulate


@pytest.mark.parametrize("broadcast", [0, 1])
@pytest.mark.parametrize("rows", [2, 3, 4])
def test_a_tap_is_added_to_the_position_of_the_row(rows, broadcast):
    config = AcceleratorConfig(rows=rows)
    dut, rng = ReadAddress(config), random.Random(rows)
    words, span = (1 << Isa(config).address_bits) - 1, (1 << COORDINATE_BITS) - 1

    async def bench(ctx):
        size, expected = rng.randrange(300, 700), {}
        ctx.set(dut.broadcast, broadcast)
        ctx.set(dut.inner_size_negated, span + 1 - size)
        ctx.set(dut.outer_size_negated, span + 1 - size - 7)
        positions, time = [], 0
        for _ in range(5):
            for block in range(4):
                for row in range(1 if broadcast else rows):
                    if block == 0:
                        position = {
                            "address": rng.randrange(words),
                            "inner": rng.randrange(span),
                            "outer": rng.randrange(span),
                        }
                        positions = [*positions, position][-(1 if broadcast else rows) :]
                        ctx.set(dut.position, position)
                    ctx.set(dut.take, block == 0)
                    tap = rng.randrange(words), rng.randrange(span), rng.randrange(span)
                    for name, value in zip(("offset", "inner", "outer"), tap, strict=True):
                        ctx.set(getattr(dut, name), value)
                    own = positions[-1 if block == 0 else row]
                    inner, outer = own["inner"] + tap[1] & span, own["outer"] + tap[2] & span
                    address = own["address"] + tap[0] & words
                    expected[time] = address, inner >= size or outer >= size + 7
                    if time >= 1:
                        assert ctx.get(dut.address) == expected[time - 1][0]
                    if time >= 2:
                        assert ctx.get(dut.outside) == expected[time - 2][1]
                    await ctx.tick()
                    time += 1

    simulate(dut, bench)
