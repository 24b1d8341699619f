"""A result unit makes the codes of its columns from sums, with the published cycles between."""

import random

import pytest

from accel.config import AcceleratorConfig
from accel.core.datapath import post_op
from accel.core.datapath.drain import Drain
from accel.core.datapath.result_unit import ResultUnit, residual_lead
from accel.isa import PARAMETER_BITS, Isa
from accel.numeric.division.division import DIVISOR_BITS, FRACTION_BITS
from tests.support.rtl.simulation import simulate

FORM = 3
DIVISOR = 1 << FRACTION_BITS[FORM]  # so that a result is the biased sum itself


def parameters(isa, bias):
    """Of a channel whose result is ``sum + bias``."""
    zero = {"low": 0}
    inverted = ~DIVISOR & (1 << DIVISOR_BITS) - 1
    early = {"bias": bias, "form": FORM, "tie": 0, "offset_high": 0}
    return (
        isa.channel_parameter_layout.const(
            {
                "early": early | {"divisor_high": inverted >> PARAMETER_BITS},
                "late": {"divisor_low": inverted & (1 << PARAMETER_BITS) - 1},
                "offset": zero,
                "offset_negative": zero,
            }
        )
        .as_value()
        .value
    )


@pytest.mark.parametrize("family", ["generic", "ice40up", "ecp5"])
@pytest.mark.parametrize(("columns", "requantizers"), [(4, 1), (4, 2), (8, 2)])
def test_each_sum_is_biased_by_its_own_columns_parameters(columns, requantizers, family):
    config = AcceleratorConfig(rows=4, columns=columns, requantizers=requantizers, family=family)
    isa, rng = Isa(config), random.Random(columns)
    drain, index = Drain(config, simulate=True), requantizers - 1
    dut = ResultUnit(config, index, drain, carry_save=False, simulate=True)
    biases = [rng.randrange(200) for _ in range(columns)]
    latency = residual_lead(config) + post_op.latency_of(config)

    async def bench(ctx):
        ctx.set(dut.rule.high, 255)
        ctx.set(dut.fill.parameter_en, 1)
        for column, bias in enumerate(biases):
            packed = parameters(isa, bias)
            for word in range(isa.channel_parameter_words):
                ctx.set(dut.fill.parameter_column, column)
                ctx.set(dut.fill.parameter_word, word)
                data = packed >> config.word_bits * word & (1 << config.word_bits) - 1
                ctx.set(dut.fill.data, data)
                await ctx.tick()
        ctx.set(dut.fill.parameter_en, 0)
        await ctx.tick().repeat(5)
        sums, expected = {}, {}
        for time in range(60):
            place = rng.randrange(columns // requantizers)
            sums[time] = rng.randrange(-100, 56)
            ctx.set(dut.place.column, place)
            ctx.set(dut.sum, sums.get(time - drain.latency, 0))
            value = sums[time] + biases[place * requantizers + index]
            expected[time + latency] = min(max(value, 0), 255) - 128 & 0xFF
            if time in expected:
                assert ctx.get(dut.code) == expected[time]
            await ctx.tick()

    simulate(dut, bench)
