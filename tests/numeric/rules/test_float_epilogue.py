"""Chains of float32 steps are monotone rules that the core's division reproduces."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.numeric.division.solver import solve
from accel.numeric.rules.float_epilogue import (
    ROUNDINGS,
    Coder,
    EpilogueStep,
    FloatEpilogue,
    direction,
    normalize,
    odd_factor,
    summing_error,
)

CHANNELS = 6
RANGE = np.full(CHANNELS, 3000)


def epilogue(seed: int, bits: int, rounding: str = "ROUND") -> FloatEpilogue:
    random = np.random.default_rng(seed)
    scale, bias, mean = (random.normal(0, s, CHANNELS).astype(np.float32) for s in (1, 1, 500))
    variance = random.uniform(1, 1e6, CHANNELS).astype(np.float32)
    factor = random.choice([-1, 1], CHANNELS) * random.uniform(0.5, 2, CHANNELS)
    steps = (
        normalize(scale, bias, mean, variance, 1e-5),
        EpilogueStep("multiply", (factor.astype(np.float32),)),
        EpilogueStep("clip", (np.float32(-2), np.float32(2))),
    )
    low, high = (-1, 1) if rounding == "SIGN" else (-(1 << bits - 1), (1 << bits - 1) - 1)
    coder = Coder(
        scale=float(np.float32(4 / 2**bits)), zero_point=0, low=low, high=high, rounding=rounding
    )
    unit = np.full(CHANNELS, 1.0)
    return FloatEpilogue(unit, direction(steps, CHANNELS), steps, coder)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.sampled_from([*ROUNDINGS, "SIGN"]))
def test_rules_rise_and_the_division_equals_them_at_every_sum(seed, bits, rounding):
    rule = epilogue(seed, bits, "SIGN" if bits == 1 else rounding)
    sums = np.arange(-RANGE[0], RANGE[0] + 1)[:, None] + np.zeros(CHANNELS, np.int64)
    codes = rule.compute(sums)
    assert (np.diff(codes, axis=0) >= 0).all()
    solution = solve(rule, np.zeros(CHANNELS, np.int64), -RANGE, RANGE, True)
    for channel in np.flatnonzero(solution.proved):
        wanted = solution.division.compute(sums)[:, channel]
        np.testing.assert_array_equal(wanted, codes[:, channel])
    if bits < 4 and rule.even:  # else the step of code 0 is twice as wide, which no division has
        assert solution.proved.all()


@given(st.integers(0, 2**32 - 1))
def test_undecided_sums_are_exactly_those_that_an_error_can_move(seed):
    rule = epilogue(seed, 3)
    error = np.full(CHANNELS, 0.4)
    found = rule.judged(-RANGE, RANGE, error)
    sums = np.arange(-RANGE[0], RANGE[0] + 1)[:, None] + np.zeros(CHANNELS, np.int64)
    real = sums * rule.sign * rule.unit
    moved = (rule.of_real(real - 0.4) != rule.of_real(real + 0.4)).sum(axis=0)
    np.testing.assert_array_equal(found.order_sensitive, moved)
    assert found.sums.tolist() == [6001] * CHANNELS
    assert rule.judged(-RANGE, RANGE, 0 * error).order_sensitive.tolist() == [0] * CHANNELS


@pytest.mark.parametrize(("value", "odd"), [(1.0, 1), (0.25, 1), (0.75, 3), (6.5, 13)])
def test_odd_factors(value, odd):
    assert odd_factor(value) == odd


def test_sums_of_powers_of_two_have_no_error_until_24_bits():
    unit, odd = np.full(2, 0.5), np.ones(2)
    exact = summing_error(1000, np.array([2**24 - 1, 2**24]), odd, unit)
    assert exact[0] == 0
    assert exact[1] > 0


@given(st.integers(0, 2**32 - 1), st.integers(2, 400))
def test_no_order_of_additions_exceeds_the_error(seed, terms):
    random = np.random.default_rng(seed)
    scale, other = (np.float32(s) for s in random.uniform(0.01, 1, 2))
    x, w = random.integers(-8, 8, (2, terms))
    real = np.float32(scale) * x.astype(np.float32) * (np.float32(other) * w.astype(np.float32))
    total = np.float32(0)
    for value in random.permutation(real):
        total += value
    magnitude = np.array([np.abs(w).sum() * 8])
    unit = np.array([float(scale) * float(other)])
    error = summing_error(terms, magnitude, np.array([float(2**24)]), unit)
    assert abs(float(total) - int((x * w).sum()) * unit[0]) <= error[0]


@pytest.mark.parametrize("zero_point", [-128, 5, 127])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_clamp_among_the_steps_bounds_the_codes_and_the_division(sign, zero_point):
    steps = (
        EpilogueStep("multiply", (np.float32(sign),)),
        EpilogueStep("add", (np.linspace(-9, 9, CHANNELS).astype(np.float32),)),
        EpilogueStep("clip", (np.float32(0), np.float32(60))),
    )
    coder = Coder(scale=0.5, zero_point=zero_point, low=-128, high=127, late=True)
    rule = FloatEpilogue(np.full(CHANNELS, 0.25), direction(steps, CHANNELS), steps, coder)
    assert (rule.low, rule.high) == (zero_point, min(127, zero_point + 120))
    zeros = np.zeros(CHANNELS, np.int64)
    assert solve(rule, zeros, -RANGE, RANGE, ties=True).proved.all()
