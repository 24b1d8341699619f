"""Affine quantization of float32 tensors, as TFLite Micro's QUANTIZE and DEQUANTIZE kernels do it.

``real = scale * (code - zero_point)``.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Affine:
    """The quantization of a tensor as a whole; ``scale`` is a float32 value.

    ``offset`` is what the file's own codes are above ours; only float32 arithmetic on them cares.
    """

    scale: float
    zero_point: int
    offset: int = 0


def round_half_away(x: np.ndarray) -> np.ndarray:
    """Round to the nearest integer, halves away from zero: C's ``round``. Exact for float64."""
    x = np.asarray(x, np.float64)
    whole = np.trunc(x)
    return whole + np.sign(x) * (np.abs(x - whole) >= 0.5)


def quantize(
    real: np.ndarray, scale: float, zero_point: int, low: int = -128, high: int = 127
) -> np.ndarray:
    """Return the int64 codes of float32 values: ``clamp(round(real / scale) + zero_point)``.

    The quotient is a float32, rounded half away from zero (``reference_ops::AffineQuantize``).
    Quotients beyond int32 saturate, where the kernel's cast is undefined; NaN is an error.
    """
    with np.errstate(over="ignore"):
        quotient = np.asarray(real, np.float32) / np.float32(scale)
    if np.isnan(quotient).any():
        raise ValueError("Values to quantize must be numbers, not NaN")
    codes = round_half_away(np.clip(quotient.astype(np.float64), -(2.0**31), 2.0**31)) + zero_point
    return np.clip(codes, low, high).astype(np.int64)


def dequantize(codes: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """Return the float32 values of integer codes (``reference_ops::Dequantize``), or infinities."""
    centred = np.asarray(codes, np.int64) - zero_point
    with np.errstate(over="ignore"):
        return (float(np.float32(scale)) * centred).astype(np.float32)
