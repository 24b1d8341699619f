"""A result unit makes the codes of its columns from sums, with the published cycles between."""

import random

import pytest

from accel.config import AcceleratorConfig
from accel.core.datapath import post_op
from accel.core.datapath.drain import Drain
from accel.core.datapath.result_unit import ResultUnit, release_delay, residual_lead
from accel.core.primitives import memory
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


def words_of(config, biases):
    """The words of these columns' parameters, as the sequencer writes them: with column and word
    of each."""
    isa = Isa(config)
    for column, bias in enumerate(biases):
        packed = parameters(isa, bias)
        for word in range(isa.channel_parameter_words):
            yield column, word, packed >> config.word_bits * word & (1 << config.word_bits) - 1


def write(ctx, dut, column, word, data):
    ctx.set(dut.fill.parameter_column, column)
    ctx.set(dut.fill.parameter_word, word)
    ctx.set(dut.fill.data, data)


@pytest.mark.parametrize("family", ["generic", "ice40up", "ecp5"])
@pytest.mark.parametrize(("columns", "requantizers"), [(4, 1), (4, 2), (8, 2)])
def test_each_sum_is_biased_by_its_own_columns_parameters(columns, requantizers, family):
    config = AcceleratorConfig(rows=4, columns=columns, requantizers=requantizers, family=family)
    rng = random.Random(columns)
    drain, index = Drain(config, simulate=True), requantizers - 1
    dut = ResultUnit(config, index, drain, carry_save=False, simulate=True)
    biases = [rng.randrange(200) for _ in range(columns)]
    latency = residual_lead(config) + post_op.latency_of(config)

    async def bench(ctx):
        ctx.set(dut.rule.high, 255)
        ctx.set(dut.fill.parameter_en, 1)
        for column, word, data in words_of(config, biases):
            write(ctx, dut, column, word, data)
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


@pytest.mark.parametrize("family", ["generic", "ice40up", "ice40hx", "ecp5"])
@pytest.mark.parametrize(
    ("rows", "columns", "requantizers"),
    [(16, 2, 2), (12, 4, 4), (32, 1, 1), (24, 4, 2), (16, 8, 8), (8, 8, 4), (4, 4, 1), (2, 16, 2)],
)
@pytest.mark.parametrize("wide_sums", [0, 1])
def test_the_next_parameters_of_a_half_come_as_soon_as_released_but_not_too_soon(
    rows, columns, requantizers, family, wide_sums
):
    """The last row's sums still have the parameters of their own group, though the sequencer begins
    to write others into its half as early as it can."""
    config = AcceleratorConfig(
        rows=rows,
        columns=columns,
        requantizers=requantizers,
        family=family,
        wide_sums=wide_sums,
        weight_steps=rows * 64,
    )
    drain = Drain(config, simulate=True)
    latency = residual_lead(config) + post_op.latency_of(config)
    places = columns // requantizers
    free = places + release_delay(config) + 1 + memory.latency_of(family)

    async def bench(ctx):
        ctx.set(dut.rule.high, 255)
        ctx.set(dut.fill.parameter_en, 1)
        for word in words_of(config, old):
            write(ctx, dut, *word)
            await ctx.tick()
        ctx.set(dut.fill.parameter_en, 0)
        await ctx.tick().repeat(5)
        others, seen = words_of(config, new), []
        for time in range(places + latency):
            ctx.set(dut.place.column, min(time, places - 1))
            if time >= free and (word := next(others, None)):
                ctx.set(dut.fill.parameter_en, 1)
                write(ctx, dut, *word)
            seen.append(ctx.get(dut.code))
            await ctx.tick()
        expected = [old[place * requantizers + index] - 128 & 0xFF for place in range(places)]
        assert seen[latency:] == expected

    old, new = [100 + column for column in range(columns)], [50] * columns
    for index in {0, requantizers - 1}:
        dut = ResultUnit(config, index, drain, carry_save=False, simulate=True)
        simulate(dut, bench)
