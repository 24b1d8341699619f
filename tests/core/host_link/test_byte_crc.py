"""The CRC is zlib's, however many bits are added in a cycle."""

import random
import re
import zlib

import pytest

from accel.core.host_link.byte_crc import ByteCrc
from tests.support.rtl.simulation import simulate

BITS = (1, 2, 4, 8)


async def add(ctx, dut, byte, *, closing=0):
    ctx.set(dut.byte, byte)
    ctx.set(dut.closing, closing)
    ctx.set(dut.add, 1)
    cycles = 1
    while not ctx.get(dut.done):
        await ctx.tick()
        cycles += 1
    await ctx.tick()
    ctx.set(dut.add, 0)
    await ctx.tick()
    assert cycles == 8 // dut.bits + 2


@pytest.mark.parametrize("bits", BITS)
def test_a_crc_is_zlibs_byte_by_byte_and_another_one_is_told(bits):
    dut, rng = ByteCrc(bits), random.Random(bits)

    async def bench(ctx):
        for spoilt in (None, 0, 7, 12, 31, None):
            data = rng.randbytes(rng.randrange(5))
            ctx.set(dut.restart, 1)
            await ctx.tick()
            ctx.set(dut.restart, 0)
            for byte in data:
                await add(ctx, dut, byte)
            right = zlib.crc32(data)
            wrong = right if spoilt is None else right ^ 1 << spoilt
            for index, byte in enumerate(wrong.to_bytes(4, "little")):
                if spoilt is None or index <= spoilt // 8:
                    assert ctx.get(dut.low) == right >> 8 * index & 0xFF
                await add(ctx, dut, byte, closing=1)
            assert ctx.get(dut.wrong) == (spoilt is not None)

    simulate(dut, bench)


def test_bits_divide_a_byte():
    message = "Bits of a CRC in a cycle must be 1, 2, 4 or 8, not 3"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        ByteCrc(3)
