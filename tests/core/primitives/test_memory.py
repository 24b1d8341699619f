# amaranth: UnusedElaboratable=no
"""Byte writes, holding of read data and stacking of ``SinglePortMemory``."""

import random
import re

import pytest
from amaranth.sim import Simulator

from accel.core.primitives.family import FAMILIES
from accel.core.primitives.memory import SinglePortMemory


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("width_bytes", "depth"), [(1, 16), (4, 64), (3, 100), (4, 20000)])
def test_reads_give_what_was_written_and_are_held(family, width_bytes, depth):
    rng = random.Random(2)
    dut = SinglePortMemory(width_bytes=width_bytes, depth=depth, family=family, simulate=True)
    addresses = sorted({0, depth - 1, *(rng.randrange(depth) for _ in range(6))})
    contents = {address: bytearray(width_bytes) for address in addresses}

    async def bench(ctx):
        promised = None
        expected = [None] * (dut.latency - 1)
        for _ in range(400):
            address = rng.choice(addresses)
            data = rng.randbytes(width_bytes)
            mask = rng.choice([0, rng.getrandbits(width_bytes)])
            enabled = rng.random() < 0.7
            ctx.set(dut.en, enabled)
            ctx.set(dut.address, address)
            ctx.set(dut.write_en, mask)
            ctx.set(dut.write_data, int.from_bytes(data, "little"))
            await ctx.tick()
            if enabled and mask:
                promised = None
                for k in range(width_bytes):
                    if mask >> k & 1:
                        contents[address][k] = data[k]
            elif enabled:
                promised = int.from_bytes(contents[address], "little")
            expected.append(promised)
            if expected[-dut.latency] is not None:
                assert ctx.get(dut.read_data) == expected[-dut.latency]

    async def clear(ctx):
        ctx.set(dut.en, 1)
        ctx.set(dut.write_en, (1 << width_bytes) - 1)
        for address in addresses:
            ctx.set(dut.address, address)
            await ctx.tick()
        await bench(ctx)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(clear)
    simulator.run()


@pytest.mark.parametrize(
    ("width_bytes", "depth", "sprams"), [(1, 100, 1), (4, 16384, 2), (8, 16384, 4), (4, 32768, 4)]
)
def test_sprams_of_the_up5k_are_stacked_and_laid_side_by_side(width_bytes, depth, sprams):
    memory = SinglePortMemory(width_bytes=width_bytes, depth=depth, family="ice40up")
    assert memory.sprams == sprams


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": 0}, "Memory depth must be a positive integer, not 0"),
        ({"width_bytes": -1}, "Memory width in bytes must be a positive integer, not -1"),
        ({"family": "x"}, "Family must be one of 'generic', 'ice40up', 'ice40hx', 'ecp5', not 'x'"),
    ],
)
def test_unusable_parameters_are_refused(changes, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        SinglePortMemory(**({"width_bytes": 4, "depth": 16} | changes))
