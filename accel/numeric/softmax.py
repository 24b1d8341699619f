"""int8 softmax in gemmlowp's fixed point, bit for bit as TFLite Micro's reference kernel.

A name such as ``q5`` gives the integer bits of a value: a 32-bit number with a sign bit, 5 integer
bits and 26 fractional ones. Source: ``reference_ops::Softmax`` and gemmlowp's ``fixedpoint.h``.
"""

import math
from dataclasses import dataclass

import numpy as np

from .rounding import (
    INT32_MAX,
    INT32_MIN,
    quantize_multiplier,
    rounding_divide_by_pot,
    rounding_doubling_high_mul,
)

DIFFERENCE_BITS = 5  # integer bits of a scaled difference
SUM_BITS = 12  # integer bits of the sum of exponentials

# exp(-2**k) in q0 for k = -2 .. 4: one factor for each bit of the difference above a quarter.
EXP_FACTORS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
EXP_MINUS_EIGHTH = 1895147668  # q0
ONE_THIRD = 715827883  # q0
RECIPROCAL_48_17, RECIPROCAL_MINUS_32_17 = 1515870810, -1010580540  # q2, Newton's first guess


@dataclass(frozen=True)
class Softmax:
    """Softmax over the last axis of int8 codes; output scale 1/256 and zero point -128.

    ``input_scale`` and ``beta`` are float32 values. Raises ``ValueError`` where the kernel aborts:
    ``beta * input_scale`` must exceed ``2**-26``.
    """

    input_scale: float
    beta: float = 1.0

    def __post_init__(self) -> None:
        if not self._real_multiplier > 1:
            raise ValueError(f"Softmax beta * scale must exceed 2**-26, not {self._product!r}")

    @property
    def _product(self) -> float:
        return float(np.float32(self.beta)) * float(np.float32(self.input_scale))

    @property
    def _real_multiplier(self) -> float:
        return min(self._product * 2 ** (31 - DIFFERENCE_BITS), 2.0**31 - 1)

    @property
    def diff_min(self) -> int:
        """The smallest difference from the maximum, in codes, that has any weight."""
        _, shift = quantize_multiplier(self._real_multiplier)
        largest = (2**DIFFERENCE_BITS - 1) * 2 ** (31 - DIFFERENCE_BITS)
        return -math.floor(largest / 2**shift)

    def compute(self, codes: np.ndarray) -> np.ndarray:
        """Map int8 codes ``[..., depth]`` to int8 codes of the same shape."""
        codes = np.asarray(codes, np.int64)
        difference = codes - codes.max(axis=-1, keepdims=True)
        multiplier, shift = quantize_multiplier(self._real_multiplier)
        counted = difference >= self.diff_min
        scaled = np.where(counted, difference, 0) << shift
        exponential = exp_of_negative(rounding_doubling_high_mul(scaled, np.int64(multiplier)))
        terms = np.where(counted, rounding_divide_by_pot(exponential, SUM_BITS), 0)
        reciprocal, bits_over_unit = reciprocal_q12(terms.sum(axis=-1, keepdims=True))
        product = rounding_doubling_high_mul(reciprocal, exponential)
        output = rounding_divide_by_pot(product, bits_over_unit + 31 - 8) - 128
        return np.where(counted, np.clip(output, -128, 127), -128).astype(np.int8)


def exp_of_negative(q5: np.ndarray) -> np.ndarray:
    """``exp(x)`` in q0 of values <= 0 in q5: gemmlowp's ``exp_on_negative_values``."""
    quarter = 1 << 24
    remainder_mod_quarter = (q5 & (quarter - 1)) - quarter
    result = _exp_of_quarter_interval(remainder_mod_quarter << DIFFERENCE_BITS)
    quarters = remainder_mod_quarter - q5
    for bit, factor in enumerate(EXP_FACTORS):
        taken = (quarters >> (24 + bit)) & 1
        result = np.where(taken, rounding_doubling_high_mul(result, np.int64(factor)), result)
    return np.where(q5 == 0, INT32_MAX, result)


def _exp_of_quarter_interval(q0: np.ndarray) -> np.ndarray:
    """``exp(x)`` in q0 for x in [-1/4, 0): a Taylor polynomial around -1/8."""
    x = q0 + (1 << 28)
    x2 = rounding_doubling_high_mul(x, x)
    x3 = rounding_doubling_high_mul(x2, x)
    x4 = rounding_doubling_high_mul(x2, x2)
    third = rounding_doubling_high_mul(rounding_divide_by_pot(x4, 2) + x3, np.int64(ONE_THIRD))
    polynomial = x + rounding_divide_by_pot(third + x2, 1)
    return EXP_MINUS_EIGHTH + rounding_doubling_high_mul(np.int64(EXP_MINUS_EIGHTH), polynomial)


def reciprocal_q12(total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(scale, bits)`` with ``1 / total = scale * 2**-bits``; total in q12, scale in q0.

    gemmlowp's ``GetReciprocal``: Newton-Raphson division, three steps.
    """
    headroom = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)  # leading zeros
    fraction = (total << headroom) - (1 << 31)  # q0: the normalized total lies in [1, 2)
    half = (fraction + INT32_MAX + 1) >> 1  # rounding half sum of the fraction and one
    x = RECIPROCAL_48_17 + rounding_doubling_high_mul(half, np.int64(RECIPROCAL_MINUS_32_17))
    for _ in range(3):
        residue = (1 << 29) - rounding_doubling_high_mul(half, x)
        x = x + _saturate(rounding_doubling_high_mul(x, residue) << 2)
    return _saturate(x << 1), SUM_BITS - headroom


def _saturate(x: np.ndarray) -> np.ndarray:
    return np.clip(x, INT32_MIN, INT32_MAX)
