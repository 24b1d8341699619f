import math
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from accel.numeric.rounding import CONTRACTS, quantize_multiplier, rescale_single, rescale_tflm

INT32 = st.integers(-(2**31), 2**31 - 1)
MULTIPLIERS = st.integers(2**30, 2**31 - 1)


def truncated(numerator: int, denominator: int) -> int:
    """C's integer division."""
    magnitude = abs(numerator) // denominator
    return magnitude if numerator >= 0 else -magnitude


def gemmlowp(acc: int, q: int, right: int) -> int:
    """The two gemmlowp functions as their source has them, on Python integers."""
    product = acc * q
    nudge = 2**30 if product >= 0 else 1 - 2**30
    high = truncated(product + nudge, 2**31)
    mask = (1 << right) - 1
    threshold = (mask >> 1) + (1 if high < 0 else 0)
    return (high >> right) + (1 if (high & mask) > threshold else 0)


@given(INT32, MULTIPLIERS, st.integers(0, 31))
@example(-(2**31), 2**31 - 1, 0)
@example(-1, 2**30, 1)
def test_tflm_is_gemmlowp(acc, q, right):
    assert int(rescale_tflm(acc, q, -right)) == gemmlowp(acc, q, right)


@given(INT32, MULTIPLIERS, st.integers(1, 31))
def test_tflm_has_its_closed_form(acc, q, right):
    borrow = 2**31 if acc * q + 2**30 < 0 else 0
    expected = (acc * q + 2**30 + 2 ** (30 + right) - borrow) >> (31 + right)
    assert int(rescale_tflm(acc, q, -right)) == expected


@given(st.integers(-(2**20), 2**20), MULTIPLIERS, st.integers(1, 10))
def test_tflm_shifts_left_before_it_multiplies(acc, q, left):
    assert int(rescale_tflm(acc, q, left)) == gemmlowp(acc << left, q, 0)


@given(INT32, MULTIPLIERS, st.integers(-31, 30))
def test_single_rounds_half_up_once(acc, q, shift):
    exact = acc * q
    expected = (exact + (1 << (30 - shift))) >> (31 - shift)
    assert int(rescale_single(acc, q, shift)) == expected


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_rescaling_never_decreases(contract):
    random = np.random.default_rng(0)
    acc = np.sort(random.integers(-(2**33), 2**33, 2000))[:, np.newaxis]
    multiplier, shift = random.integers(2**30, 2**31, 60), np.arange(-31, 29)
    assert (np.diff(contract.rescale(acc, multiplier, shift), axis=0) >= 0).all()


@given(st.floats(2.0**-31, 2.0**30))
def test_multiplier_is_nearest_of_31_bits(real):
    q, shift = quantize_multiplier(real)
    assert 2**30 <= q < 2**31
    assert abs(math.ldexp(q, shift - 31) - real) <= math.ldexp(0.5, shift - 31)


@pytest.mark.parametrize(
    ("real", "expected"),
    [
        (0.0, (0, 0)),
        (1.0, (2**30, 1)),
        (0.5, (2**30, 0)),
        (1 - 2**-40, (2**30, 1)),  # rounds up to the next power of two
        (2.0**-32, (2**30, -31)),
        (2.0**-33, (0, 0)),  # flushed to zero
    ],
)
def test_multiplier_edges(real, expected):
    assert quantize_multiplier(real) == expected


@pytest.mark.parametrize("real", [-1.0, math.inf, math.nan])
def test_multiplier_must_be_finite_and_not_negative(real):
    message = f"Multiplier must be a finite non-negative number, not {real!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        quantize_multiplier(real)
