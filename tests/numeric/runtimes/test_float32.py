"""float32 arithmetic against the same in exact fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from accel.numeric.rounding import INT32_MAX, INT32_MIN, float_multiplier, rescale_onnx
from accel.numeric.runtimes.float32 import dequantize, fused_multiply_add, quantize

FLOATS = st.floats(-(2.0**60), 2.0**60, width=32)
SCALES = st.floats(2.0**-60, 2.0**60, width=32)


def half_even(exact: Fraction, bits: int) -> Fraction:
    """The nearest number with so many significant bits."""
    if exact == 0:
        return exact
    exponent = math.floor(math.log2(abs(exact))) - bits
    while abs(exact) >= Fraction(2) ** (exponent + bits):
        exponent += 1
    while abs(exact) < Fraction(2) ** (exponent + bits - 1):
        exponent -= 1
    return round(exact / Fraction(2) ** exponent) * Fraction(2) ** exponent


@given(FLOATS, FLOATS, FLOATS)
@example(1 + 2.0**-23, 1 + 2.0**-23, 2.0**-80)
@example(1 + 2.0**-23, 1 - 2.0**-23, -(2.0**50))
def test_fused_multiply_add_rounds_once(a, b, c):
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    if 0 < abs(exact) < Fraction(2) ** -126:
        return  # a subnormal number has fewer bits
    assert Fraction(float(fused_multiply_add(a, b, c))) == half_even(exact, 24)


def test_fused_multiply_add_differs_from_two_roundings():
    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(3, 1000)).astype(np.float32)
    assert (fused_multiply_add(a, b, c) != a * b + c).any()


@given(st.integers(INT32_MIN, INT32_MAX), SCALES)
@example(2**24 + 1, 1.0)
@example(3, 0.5)
@example(5, 0.5)
@example(-3, 0.5)
def test_onnx_rounds_sum_product_and_result_half_to_even(acc, scale):
    product = half_even(half_even(Fraction(acc), 24) * Fraction(scale), 24)
    expected = min(max(round(product), INT32_MIN), INT32_MAX)
    multiplier, shift = float_multiplier(scale, 1.0, 1.0)
    assert int(rescale_onnx(acc, multiplier, shift)) == expected


@given(SCALES, SCALES, SCALES)
def test_multiplier_is_two_float32_operations(first, second, output):
    with np.errstate(over="ignore", under="ignore"):
        real = np.float32(first) * np.float32(second) / np.float32(output)
    if np.isinf(real):
        with pytest.raises(ValueError, match=r"^Multiplier must be a finite number, not inf$"):
            float_multiplier(first, second, output)
        return
    multiplier, shift = float_multiplier(first, second, output)
    assert multiplier * 2.0 ** (shift - 31) == real


def test_quantize_rounds_half_to_even_before_the_zero_point():
    halves = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], np.float32)
    assert quantize(halves, 1.0, 3).tolist() == [1, 1, 3, 3, 5, 5]
    assert quantize(np.array([np.inf], np.float32), 1.0, 0).tolist() == [INT32_MAX]
    with pytest.raises(ValueError, match=r"^Values to quantize must be numbers, not NaN$"):
        quantize(np.array([np.nan], np.float32), 1.0, 0)


@given(st.integers(-128, 127), st.integers(-128, 127), SCALES)
def test_a_code_comes_back(code, zero_point, scale):
    real = dequantize(np.array([code]), scale, zero_point)
    assert real.dtype == np.float32
    assert quantize(real, scale, zero_point).tolist() == [code]
