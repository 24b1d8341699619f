# amaranth: UnusedElaboratable=no
"""``DualPortMemory``: latency, writing of parts, and reads beside writes."""

import random

import pytest
from amaranth.sim import Simulator

from accel.core.primitives import dual_port
from accel.core.primitives.dual_port import DualPortMemory
from accel.core.primitives.family import FAMILIES


@pytest.mark.parametrize("fan_out", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("part_width", "parts", "depth"), [(8, 1, 16), (12, 3, 100), (64, 1, 3000)]
)
def test_reads_give_what_was_written_after_the_stated_latency(
    family, part_width, parts, depth, fan_out
):
    rng = random.Random(3)
    dut = DualPortMemory(
        part_width=part_width,
        parts=parts,
        depth=depth,
        family=family,
        simulate=True,
        fan_out=fan_out,
    )
    latency = dual_port.latency_of(family) + dual_port.FAN_OUT_CYCLES * fan_out
    assert dut.latency == latency
    addresses = sorted({0, depth - 1, *(rng.randrange(depth) for _ in range(6))})

    async def bench(ctx):
        contents = {address: [0] * parts for address in addresses}
        expected = []
        recent, reads = [], []
        for _ in range(500):
            reads = reads[-dual_port.FAN_OUT_CYCLES :] if fan_out else []
            write = rng.choice([address for address in addresses if address not in reads])
            mask = rng.choice([0, rng.getrandbits(parts)])
            value = rng.getrandbits(part_width)
            recent = [*recent[-1:], write]
            read = rng.choice([address for address in addresses if address not in recent])
            reads.append(read)
            ctx.set(dut.write_address, write)
            ctx.set(dut.write_en, mask)
            ctx.set(dut.write_data, value)
            ctx.set(dut.read_address, read)
            await ctx.tick()
            words = contents[read]
            expected.append(sum(word << part_width * k for k, word in enumerate(words)))
            for k in range(parts):
                if mask >> k & 1:
                    contents[write][k] = value
            if len(expected) >= latency:
                assert ctx.get(dut.read_data) == expected[-latency]

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
