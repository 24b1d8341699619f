"""The requantizer equals the division that the compiler proves programs with."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from accel.config import AcceleratorConfig
from accel.core.requantizer import Requantizer
from accel.isa import Isa
from accel.numeric.division import OFFSET_DROPPED_BITS, solve
from accel.numeric.rules import Mean, Rescale


def rule_of(kind, rng):
    channels = 8
    if kind == "mean":
        return Mean(count=int(rng.integers(1, 200)), low=-128, high=127, channels=channels)
    shift = -rng.integers(2, 12, channels) if kind == "fine" else -rng.integers(13, 17, channels)
    low, high = sorted(int(v) for v in rng.integers(-128, 128, 2))
    return Rescale(
        contract="tflm",
        multiplier=rng.integers(1 << 30, 1 << 31, channels),
        shift=shift,
        zero_point=int(rng.integers(-128, 128)),
        low=low,
        high=high,
    )


@pytest.mark.parametrize("family", ["generic", "ecp5"])
@pytest.mark.parametrize("kind", ["fine", "coarse", "mean"])
def test_equals_division_with_published_latency(kind, family):
    rng = np.random.default_rng(1)
    isa = Isa(AcceleratorConfig(family=family))
    for _ in range(3):
        rule = rule_of(kind, rng)
        span = np.full(rule.channels, 1 << (22 if kind == "coarse" else 18))
        bias = rng.integers(-(1 << 16), 1 << 16, rule.channels)
        solution = solve(rule, bias, -span, span)
        assert solution.proved.all()
        division = solution.division

        channel = rng.integers(0, rule.channels, 400)
        sums = rng.integers(-span[0], span[0], 400)
        expected = [
            int(np.squeeze(division.compute(np.full((1, rule.channels), value))[0, c]))
            for c, value in zip(channel, sums, strict=True)
        ]
        dut = Requantizer(isa)
        received = []

        async def bench(ctx, dut=dut, division=division, channel=channel, sums=sums, out=received):
            ctx.set(dut.low, division.low + 128)
            ctx.set(dut.high, division.high + 128)
            for c, value in zip(channel, sums, strict=True):
                ctx.set(dut.sum, int(value))
                early = {"bias": int(division.bias[c]), "coarse": int(division.coarse[c])}
                ctx.set(dut.early, early)
                await ctx.tick()
                late = {
                    "divisor": int(division.divisor[c]),
                    "offset": int(division.offset[c]) >> OFFSET_DROPPED_BITS,
                    "offset_negative": int(division.offset_negative[c]) >> OFFSET_DROPPED_BITS,
                }
                ctx.set(dut.late, late)
                out.append(ctx.get(dut.o))
            for _ in range(Requantizer.LATENCY):
                await ctx.tick()
                out.append(ctx.get(dut.o))

        simulator = Simulator(dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(bench)
        simulator.run()
        got = np.array(received[Requantizer.LATENCY - 1 :][:400], np.uint8).view(np.int8)
        assert got.tolist() == expected
