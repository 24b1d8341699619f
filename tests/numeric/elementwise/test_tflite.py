"""Elementwise functions against their definitions, where no oracle runs, and their errors."""

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel.numeric.affine import Affine
from accel.numeric.elementwise.arithmetic import ARITHMETIC
from accel.numeric.rounding import mean_multiplier, quantize_multiplier, rescale_tflm

SCALES = st.floats(2.0**-8, 2.0, width=32)
AFFINES = st.builds(Affine, SCALES, st.integers(-128, 127))
CODES = np.arange(-128, 128)


def half_up(x: Fraction) -> int:
    return (2 * x.numerator + x.denominator) // (2 * x.denominator)


def rounded_once(value: int, real: float) -> int:
    """``value * real`` with a multiplier of 31 bits: TFLITE_SINGLE_ROUNDING's one rounding."""
    q, shift = quantize_multiplier(real)
    return half_up(Fraction(value * q) * Fraction(2) ** (shift - 31))


@given(AFFINES, AFFINES, AFFINES, st.sampled_from((1, -1)))
def test_single_sums_round_three_times_in_all(first, second, output, sign):
    function = "add" if sign == 1 else "subtract"
    found = getattr(ARITHMETIC["single"], function)(CODES[:, None], CODES, first, second, output)
    twice = 2 * max(first.scale, second.scale)
    for a, b in ((-128, 127), (3, 5), (127, -128), (0, 0), (-77, 78)):
        scaled = [
            rounded_once((code - q.zero_point) << 20, q.scale / twice)
            for code, q in ((a, first), (b, second))
        ]
        total = rounded_once(scaled[0] + sign * scaled[1], twice / (2**20 * output.scale))
        assert found[a + 128, b + 128] == total + output.zero_point


@given(AFFINES, AFFINES, AFFINES)
def test_single_products_round_once(first, second, output):
    found = ARITHMETIC["single"].multiply(CODES[:, None], CODES, first, second, output)
    real = first.scale * second.scale / output.scale
    for a, b in ((-128, 127), (3, 5), (127, -128), (0, 0), (-77, 78)):
        product = (a - first.zero_point) * (b - second.zero_point)
        assert found[a + 128, b + 128] == rounded_once(product, real) + output.zero_point


@given(SCALES, st.integers(1, 2**20), st.integers(-(2**20), 2**20))
def test_means_are_within_a_unit_of_the_quotient(real, count, total):
    q, shift = mean_multiplier(real, count)
    mean = int(rescale_tflm(np.int64(total), np.int64(q), np.int64(shift)))
    assert abs(mean - total * real / count) <= 1


HALF = Affine(0.5, 0)
ERRORS = {
    "output must have zero point -128, not 0": ("logistic", HALF, Affine(1 / 256, 0)),
    "input scale must be at least 2**-28, not 1.8189894035458565e-12": (
        "tanh",
        Affine(2.0**-39, 0),
        Affine(1 / 128, 0),
    ),
    f"input scale must be at least 2**-28, not {2.0**-80!r}": (
        "logistic",
        Affine(2.0**-80, 0),
        Affine(1 / 256, -128),
    ),
    "output scale must be 2**-7 to 2**8 of the input's, not 0.001953125 for an input of 0.5": (
        "hard_swish",
        HALF,
        Affine(2.0**-9, 0),
    ),
    "values of 128 times 33554432.0 overflow 32 bits": (
        "rescale",
        HALF,
        Affine(2.0**-26, 0),
    ),
}


@pytest.mark.parametrize("message", ERRORS)
def test_quantizations_that_kernels_do_not_take_are_errors(message):
    function, source, output = ERRORS[message]
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        getattr(ARITHMETIC["tflm"], function)(CODES, source, output)
