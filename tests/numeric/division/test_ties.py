"""Divisions that round halves to even, against the onnx contract at every sum."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.numeric.division.nearest import ALLOWED_CODES, ALLOWED_SHARE, nearest_division
from accel.numeric.division.solver import solve
from accel.numeric.rounding import float_multiplier
from accel.numeric.rules.rules import Rescale

LIMIT = 30_000


def rules(scales: list[float], zero_point: int) -> Rescale:
    pairs = [float_multiplier(scale, 1.0, 1.0) for scale in scales]
    multiplier, shift = np.array(pairs, np.int64).T
    return Rescale("onnx", multiplier, shift, zero_point, -128, 127)


def solved(rule: Rescale, ties: bool):
    bounds = np.full(rule.channels, LIMIT, np.int64)
    return solve(rule, np.zeros_like(bounds), -bounds, bounds, ties)


@pytest.mark.parametrize("zero_point", [-128, -3, 0, 4, 127])
@pytest.mark.parametrize("scale", [2.0**-6, 2.0**-7, 3 * 2.0**-9, 5 * 2.0**-10])
def test_scales_with_exact_halves_need_ties(scale, zero_point):
    rule = rules([scale], zero_point)
    sums = np.arange(-LIMIT, LIMIT + 1)[:, np.newaxis]
    solution = solved(rule, ties=True)
    assert solution.proved.all()
    np.testing.assert_array_equal(solution.division.compute(sums), rule.compute(sums))
    if zero_point in (-3, 0, 4):  # at the ends the halves may lie beyond the codes
        assert not solved(rule, ties=False).proved.any()
        assert solution.division.tie.all()


@settings(max_examples=40)
@given(
    st.lists(st.floats(2.0**-12, 2.0**-4, width=32), min_size=1, max_size=8),
    st.integers(-128, 127),
)
def test_what_is_proved_is_equal_at_every_sum(scales, zero_point):
    rule = rules(scales, zero_point)
    solution = solved(rule, ties=True)
    sums = np.arange(-LIMIT, LIMIT + 1)[:, np.newaxis]
    differing = (solution.division.compute(sums) != rule.compute(sums)).any(axis=0)
    assert not (differing & solution.proved).any()
    without = solved(rule, ties=False)
    assert (without.proved <= solution.proved).all()
    untied = np.where(without.proved, solution.division.tie, 0)
    assert not untied.any()


def test_without_ties_nothing_changes():
    rule = Rescale("tflm", np.array([2**30, 1518500250]), np.array([-6, -7]), 3, -128, 127)
    bounds = np.full(2, LIMIT, np.int64)
    arguments = (rule, np.zeros(2, np.int64), -bounds, bounds)
    one, other = (solve(*arguments, ties).division for ties in (False, True))
    for name in ("bias", "divisor", "offset", "offset_negative", "form"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


# Channels of third-party networks: multiplier, shift, zero point, bias and range of the sums.
FOUND = [
    (1589430144, -7, -128, 50349, -56811, 56409),
    (1851953536, -9, 43, -71050, -227319, 227856),
]


@pytest.mark.parametrize(("multiplier", "shift", "zero_point", "bias", "least", "greatest"), FOUND)
def test_what_no_single_line_fits_is_split_at_one_of_its_steps(
    multiplier, shift, zero_point, bias, least, greatest
):
    rule = Rescale("onnx", np.array([multiplier]), np.array([shift]), zero_point, -128, 127)
    solution = solve(rule, [bias], [least], [greatest], ties=True)
    assert solution.proved.all()
    division = solution.division
    assert division.tie.all() and division.bias != bias
    sums = np.arange(least, greatest + 1)[:, np.newaxis]
    np.testing.assert_array_equal(division.compute(sums), rule.compute(sums + bias))


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.integers(-40, 40))
def test_scales_of_float32_are_proved_or_close_over_their_whole_range(seed, zero_point):
    """Half to even after a rounding to 24 bits, with every code in reach: about one of a thousand
    scales meets halves so often that there is no exact division."""
    random = np.random.default_rng(seed)
    scales = random.uniform(2.0**-10, 2.0**-7, 8).astype(np.float32).astype(float)
    rule = rules(scales, zero_point)
    reach = np.array([int(200 / scale) for scale in scales])
    question = rule, np.zeros_like(reach), -reach, reach
    solution = solve(*question, ties=True)
    if not solution.proved.all():
        assert solution.proved.sum() >= len(scales) - 1
        nearest = nearest_division(*question, solution)
        assert nearest.worst.max() <= ALLOWED_CODES
        assert (nearest.differing <= ALLOWED_SHARE * (2 * reach + 1)).all()
