"""All users of an interface see the same, at once or on the ECP5 a cycle later."""

import random

import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out

from accel.config import FAMILIES
from accel.core.primitives.fanout import BusFanOut
from tests.support.rtl.simulation import simulate

LAYOUT = data.StructLayout({"low": 3, "high": signed(5)})
SIGNATURE = wiring.Signature({"word": Out(8), "number": Out(signed(4)), "fields": Out(LAYOUT)})


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("count", [1, 3])
def test_every_user_has_every_member(family, count):
    dut, rng = BusFanOut(SIGNATURE, count, family=family, simulate=True), random.Random(count)

    async def bench(ctx):
        before = (0, 0, {"low": 0, "high": 0})
        for _ in range(40):
            fields = {"low": rng.getrandbits(3), "high": rng.randrange(-16, 16)}
            now = rng.getrandbits(8), rng.randrange(-8, 8), fields
            for name, value in zip(SIGNATURE.members, now, strict=True):
                ctx.set(getattr(dut.i, name), value)
            expected = before if family == "ecp5" else now
            for user in dut.o:
                seen = ctx.get(user.fields)
                found = ctx.get(user.word), ctx.get(user.number)
                assert found == expected[:2]
                assert {"low": seen.low, "high": seen.high} == expected[2]
            before = now
            await ctx.tick()

    top, clocked = Module(), Signal()  # a clock, also where the component has no register
    top.submodules.dut = dut
    top.d.sync += clocked.eq(~clocked)
    simulate(top, bench)
