"""int8 softmax in gemmlowp's fixed point, bit for bit as TFLite Micro's reference kernel.

Source: ``reference_ops::Softmax`` and gemmlowp's ``fixedpoint.h``.
"""

import math
from dataclasses import dataclass

import numpy as np

from ..rounding import quantize_multiplier, rounding_divide_by_pot, rounding_doubling_high_mul
from .gemmlowp import exp_of_negative, half_of_one_plus, reciprocal_of_half, saturate

DIFFERENCE_BITS = 5  # integer bits of a scaled difference
SUM_BITS = 12  # integer bits of the sum of exponentials


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
    def multiplier(self) -> tuple[int, int]:
        """What makes a difference in codes an argument of 5 integer bits: ``(q, shift)``."""
        return quantize_multiplier(self._real_multiplier)

    @property
    def diff_min(self) -> int:
        """The smallest difference from the maximum, in codes, that has any weight."""
        _, shift = self.multiplier
        largest = (2**DIFFERENCE_BITS - 1) * 2 ** (31 - DIFFERENCE_BITS)
        return -math.floor(largest / 2**shift)

    def compute(self, codes: np.ndarray) -> np.ndarray:
        """Map int8 codes ``[..., depth]`` to int8 codes of the same shape."""
        codes = np.asarray(codes, np.int64)
        difference = codes - codes.max(axis=-1, keepdims=True)
        multiplier, shift = self.multiplier
        counted = difference >= self.diff_min
        scaled = np.where(counted, difference, 0) << shift
        argument = rounding_doubling_high_mul(scaled, np.int64(multiplier))
        exponential = exp_of_negative(argument, DIFFERENCE_BITS)
        terms = np.where(counted, rounding_divide_by_pot(exponential, SUM_BITS), 0)
        reciprocal, bits_over_unit = reciprocal_q12(terms.sum(axis=-1, keepdims=True))
        product = rounding_doubling_high_mul(reciprocal, exponential)
        output = rounding_divide_by_pot(product, bits_over_unit + 31 - 8) - 128
        return np.where(counted, np.clip(output, -128, 127), -128).astype(np.int8)


def reciprocal_q12(total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(scale, bits)`` with ``1 / total = scale * 2**-bits``; total in q12, scale in q0.

    gemmlowp's ``GetReciprocal``.
    """
    headroom = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)  # leading zeros
    fraction = (total << headroom) - (1 << 31)  # q0: the normalized total lies in [1, 2)
    return saturate(reciprocal_of_half(half_of_one_plus(fraction)) << 1), SUM_BITS - headroom
