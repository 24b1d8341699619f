"""The requantizer equals its definition in `isa` and `numeric.division`."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.config import FAMILIES, AcceleratorConfig
from accel.core.datapath.requantizer import Requantizer, latency_of
from accel.core.primitives import dual_port
from accel.isa import PARAMETER_BITS, Isa
from accel.numeric.division.division import (
    BIAS_BITS,
    DIVISOR_BITS,
    FORMS,
    FRACTION_BITS,
    OFFSET_BITS,
    OFFSET_DROPPED_BITS,
    OFFSET_SHARED_BITS,
    TIE_BITS,
    TOTAL_BITS,
)
from accel.numeric.division.solver import solve
from accel.numeric.rules.rules import Mean, Rescale
from tests.support.in_turn import in_turn
from tests.support.rtl.simulation import UNSHRUNK, simulate

OWN_BITS = OFFSET_BITS - OFFSET_DROPPED_BITS - OFFSET_SHARED_BITS
GRAIN = 1 << OFFSET_DROPPED_BITS
CLOSE = 1 << TIE_BITS
OFFSETS = ("offset", "offset_negative")


def requantize(family, work, tie_parity=0, carry_save=False):
    """The results, one a cycle, of pairs of a sum and its channel's constants."""
    dut = Requantizer(Isa(AcceleratorConfig(family=family)), carry_save=carry_save)
    rng = random.Random(3)
    wait = dual_port.latency_of(family)
    assert dut.latency == latency_of(family)
    results, later = [], []

    async def bench(ctx):
        ctx.set(dut.tie_parity, tie_parity)
        for time in range(len(work) + dut.latency):
            sum_, record = work[time % len(work)]
            # Halves are rounded up. No sum is the least that there is room for.
            odd = rng.randrange(2) if sum_ > -(1 << TOTAL_BITS - 1) else 0
            ctx.set(dut.sum, 2 * sum_ - odd if carry_save else sum_)
            ctx.set(dut.parameters.early, early_of(record))
            # The record table: the sign of the sum before chooses the offset.
            if time:
                sum_, record = work[(time - 1) % len(work)]
                negative = ctx.get(dut.parameters.negative)
                assert negative == (sum_ + record["bias"] < 0)
                later.append((record, record["offset_negative" if negative else "offset"]))
            if time > wait:
                _, offset = later[time - 1 - wait]
                low = offset >> OFFSET_DROPPED_BITS & (1 << OWN_BITS) - 1
                ctx.set(dut.parameters.offset, {"low": low})
            if time > wait + 1:
                record, _ = later[time - 2 - wait]
                low = ~record["divisor"] & (1 << PARAMETER_BITS) - 1
                ctx.set(dut.parameters.late, {"divisor_low": low})
            if time >= dut.latency:
                results.append(ctx.get(dut.o))
            await ctx.tick()

    simulate(dut, bench)
    return results


def early_of(record):
    """What the first part of a channel's parameters has of its constants."""
    values = {name: record[name] for name in ("bias", "form", "tie")}
    inverted = ~record["divisor"] & (1 << DIVISOR_BITS) - 1
    high = record["offset"] >> OWN_BITS + OFFSET_DROPPED_BITS
    return values | {"offset_high": high, "divisor_high": inverted >> PARAMETER_BITS}


def result_of(sum_, record, tie_parity=0):
    """The definition, in plain Python."""
    biased = sum_ + record["bias"]
    shifted = biased << FRACTION_BITS[record["form"]]
    offset = record["offset_negative" if biased < 0 else "offset"]
    quotient, remainder = divmod(shifted + offset, record["divisor"])
    if record["tie"] and not tie_parity and quotient % 2 == 1 and remainder < CLOSE:
        quotient -= 1
    if record["tie"] and tie_parity and quotient % 2 == 0:
        quotient += record["divisor"] - remainder <= CLOSE
    return min(max(quotient, 0), 255)


def anything(rng):
    """A sum and constants, anything that is allowed, most of them the least or the greatest."""

    def value(low, high):
        return rng.choice([low, high, rng.randint(low, high), rng.randint(low, high)])

    most = 1 << TOTAL_BITS - 1
    limit = min(most, 1 << rng.randint(20, TOTAL_BITS))
    sum_ = value(-limit, limit - 1)
    limit = 1 << BIAS_BITS - 1
    record = {
        "bias": value(max(-limit, -most - sum_), min(limit - 1, most - 1 - sum_)),
        "form": rng.randrange(FORMS),
        "tie": rng.randrange(2),
        "divisor": value(1, (1 << rng.randint(1, DIVISOR_BITS)) - 1),
    }
    shared = rng.randrange(1 << OFFSET_SHARED_BITS) << OWN_BITS
    own = (value(0, (1 << OWN_BITS) - 1) for _ in OFFSETS)
    offsets = ((shared | low) << OFFSET_DROPPED_BITS for low in own)
    return sum_, record | dict(zip(OFFSETS, offsets, strict=True))


def close_to_a_step(rng):
    """A sum of which the quotient has just been reached, or just not, or is nearly a tie."""
    while True:
        _, record = anything(rng)
        quotient = rng.choice([-2, -1, 0, 1, 254, 255, 256, 257, *(rng.randrange(256),) * 8])
        remainder = rng.choice([0, CLOSE, -CLOSE]) + rng.randint(-2 * GRAIN, 2 * GRAIN)
        reach = 1 << rng.randint(4, 27)
        biased = rng.randint(-reach, reach)
        divisor = rng.randint(1, (1 << DIVISOR_BITS) - 1)
        shifted = biased << FRACTION_BITS[record["form"]]
        offset = (quotient * divisor + remainder - shifted) // GRAIN * GRAIN
        if 0 <= offset < 1 << OFFSET_BITS:
            bias = rng.randint(-(1 << BIAS_BITS - 1), (1 << BIAS_BITS - 1) - 1)
            other = record[OFFSETS[biased >= 0]] % (1 << OWN_BITS + OFFSET_DROPPED_BITS)
            other |= offset >> OWN_BITS + OFFSET_DROPPED_BITS << OWN_BITS + OFFSET_DROPPED_BITS
            offsets = {OFFSETS[biased < 0]: offset, OFFSETS[biased >= 0]: other}
            return biased - bias, record | {"bias": bias, "divisor": divisor} | offsets


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("tie_parity", "carry_save"), [(0, False), (1, True)])
@settings(UNSHRUNK, max_examples=4)
@given(seed=st.integers(0, 1 << 32))
def test_equals_its_definition_with_published_latency(family, tie_parity, carry_save, seed):
    rng = random.Random(seed)
    work = [rng.choice([anything, *(close_to_a_step,) * 4])(rng) for _ in range(800)]
    expected = [result_of(*item, tie_parity) for item in work]
    untied = [result_of(sum_, record | {"tie": 0}) for sum_, record in work]
    assert sum(a != b for a, b in zip(expected, untied, strict=True)) > 10
    assert requantize(family, work, tie_parity, carry_save) == expected


def rule_of(kind, rng):
    channels = 8
    if kind == "mean":
        return Mean(count=int(rng.integers(1, 200)), low=-128, high=127, channels=channels)
    if kind == "ties":  # odd multiples of a power of two have exact halves
        return Rescale(
            contract="onnx",
            multiplier=(2 * rng.integers(0, 8, channels) + 1) << 27,
            shift=-rng.integers(4, 10, channels),
            zero_point=int(rng.integers(-20, 20)),
            low=-128,
            high=127,
        )
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


@pytest.mark.parametrize(("kind", "family"), in_turn(("fine", "coarse", "mean", "ties"), FAMILIES))
def test_the_clamped_result_is_the_code_that_was_proved(kind, family):
    rng = np.random.default_rng(1)
    for _ in range(3):
        rule = rule_of(kind, rng)
        span = np.full(rule.channels, 1 << (22 if kind == "coarse" else 18))
        bias = rng.integers(-(1 << 16), 1 << 16, rule.channels)
        solution = solve(rule, bias, -span, span, ties=True)
        assert solution.proved.all()
        assert solution.division.tie.any() == (kind == "ties")
        channel = rng.integers(0, rule.channels, 400)
        sums = rng.integers(-span[0], span[0], (400, 1))
        expected = rule.compute(sums + bias)[np.arange(400), channel]
        fields = ("bias", "form", "tie", "divisor", *OFFSETS)
        values = [getattr(solution.division, name) for name in fields]
        work = [
            (int(s), dict(zip(fields, (int(v[c]) for v in values), strict=True)))
            for s, c in zip(sums[:, 0], channel, strict=True)
        ]
        results = np.array(requantize(family, work, solution.division.tie_parity)) - 128
        assert np.clip(results, rule.low, rule.high).tolist() == expected.tolist()
