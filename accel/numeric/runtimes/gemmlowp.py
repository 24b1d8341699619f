"""gemmlowp's fixed-point functions on int32 values, bit for bit.

A name such as ``q5`` gives the integer bits of a value: a 32-bit number with a sign bit, 5 integer
bits and 26 fractional ones. Arrays are int64 and hold int32 values. Source: ``fixedpoint.h``.
"""

import numpy as np

from ..rounding import INT32_MAX, INT32_MIN, rounding_divide_by_pot, rounding_doubling_high_mul

ONE = INT32_MAX  # the largest q0 stands for 1

# exp(-2**k) in q0 for k = -2 .. 4: one factor for each bit of the exponent above a quarter.
EXP_FACTORS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
EXP_MINUS_EIGHTH = 1895147668  # q0
ONE_THIRD = 715827883  # q0
RECIPROCAL_48_17, RECIPROCAL_MINUS_32_17 = 1515870810, -1010580540  # q2, Newton's first guess


def exp_of_negative(x: np.ndarray, integer_bits: int) -> np.ndarray:
    """``exp(x)`` in q0 of values <= 0 of 2 to 5 integer bits: ``exp_on_negative_values``."""
    quarter_bit = 31 - integer_bits - 2
    quarter = 1 << quarter_bit
    remainder_mod_quarter = (x & (quarter - 1)) - quarter
    result = _exp_of_quarter_interval(remainder_mod_quarter << integer_bits)
    quarters = remainder_mod_quarter - x
    for bit, factor in enumerate(EXP_FACTORS[: integer_bits + 2]):
        taken = (quarters >> (quarter_bit + bit)) & 1
        result = np.where(taken, rounding_doubling_high_mul(result, np.int64(factor)), result)
    return np.where(x == 0, ONE, result)


def _exp_of_quarter_interval(q0: np.ndarray) -> np.ndarray:
    """``exp(x)`` in q0 for x in [-1/4, 0): a Taylor polynomial around -1/8."""
    x = q0 + (1 << 28)
    x2 = rounding_doubling_high_mul(x, x)
    x3 = rounding_doubling_high_mul(x2, x)
    x4 = rounding_doubling_high_mul(x2, x2)
    third = rounding_doubling_high_mul(rounding_divide_by_pot(x4, 2) + x3, np.int64(ONE_THIRD))
    polynomial = x + rounding_divide_by_pot(third + x2, 1)
    return EXP_MINUS_EIGHTH + rounding_doubling_high_mul(np.int64(EXP_MINUS_EIGHTH), polynomial)


def reciprocal_of_half(half: np.ndarray) -> np.ndarray:
    """``1 / half`` in q2, of halves in q0 from 1/2 to 1: Newton-Raphson division, three steps."""
    x = RECIPROCAL_48_17 + rounding_doubling_high_mul(half, np.int64(RECIPROCAL_MINUS_32_17))
    for _ in range(3):
        residue = (1 << 29) - rounding_doubling_high_mul(half, x)
        x = x + saturate(rounding_doubling_high_mul(x, residue) << 2)
    return x


def half_of_one_plus(q0: np.ndarray) -> np.ndarray:
    """``(1 + x) / 2`` of values >= 0, rounded half up: ``RoundingHalfSum``."""
    return (q0 + ONE + 1) >> 1


def logistic(q4: np.ndarray) -> np.ndarray:
    """``1 / (1 + exp(-x))`` in q0 of values in q4: ``logistic``."""
    exponential = exp_of_negative(-np.abs(q4), 4)
    positive = saturate(reciprocal_of_half(half_of_one_plus(exponential)) << 1)
    return np.where(q4 == 0, 1 << 30, np.where(q4 > 0, positive, ONE - positive))


def tanh(q4: np.ndarray) -> np.ndarray:
    """``tanh(x)`` in q0 of values in q4: ``tanh``, by way of ``exp(-2 |x|)``."""
    exponential = exp_of_negative(-np.abs(q4), 5)  # the same number with one more integer bit
    magnitude = saturate((reciprocal_of_half(half_of_one_plus(exponential)) - (1 << 29)) << 2)
    return np.where(q4 == 0, 0, np.where(q4 > 0, magnitude, -magnitude))


def saturate(x: np.ndarray) -> np.ndarray:
    return np.clip(x, INT32_MIN, INT32_MAX)
