"""float32 arithmetic as ONNX Runtime's kernels do it: one IEEE operation at a time, half to even.

NumPy's float32 scalars and arrays are IEEE arithmetic already; here is what it has no name for.
"""

import numpy as np

from ..rounding import INT32_MAX, INT32_MIN


def fused_multiply_add(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """``a * b + c`` of float32 arrays, rounded once.

    The product of two float32 numbers is exact in float64; their sum with the third is not.
    Rounding it to odd (Boldo and Melquiond, 2008) keeps what a rounding to float32 has to know of
    the rest.
    """
    a, b, c = (np.asarray(x, np.float32).astype(np.float64) for x in (a, b, c))
    product, c = np.broadcast_arrays(a * b, c)
    total = np.atleast_1d(product + c)
    back = total - product
    rest = (product - (total - back)) + (c - back)
    even = (total.view(np.int64) & 1) == 0
    towards = np.where(rest > 0, np.inf, -np.inf)
    odd = np.where((rest != 0) & even, np.nextafter(total, towards), total)
    return odd.astype(np.float32).reshape(product.shape)


def round_to_int(real: np.ndarray) -> np.ndarray:
    """float32 numbers as int64, halves to even; beyond int32 they saturate.

    Raises ``ValueError`` for NaN, which infinities and zeros make of each other.
    """
    wide = np.asarray(real, np.float32).astype(np.float64)
    if np.isnan(wide).any():
        raise ValueError("Values to quantize must be numbers, not NaN")
    return np.clip(np.rint(wide), INT32_MIN, INT32_MAX).astype(np.int64)


def quantize(
    real: np.ndarray, scale: float | np.ndarray, zero_point: int | np.ndarray
) -> np.ndarray:
    """ONNX's QuantizeLinear before it saturates: ``round_half_even(real / scale) + zero_point``.

    ``real`` is float32, so is the quotient. Raises ``ValueError`` for NaN.
    """
    with np.errstate(over="ignore"):
        quotient = np.asarray(real, np.float32) / np.float32(scale)
    return round_to_int(quotient) + zero_point


def dequantize(codes: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """ONNX's DequantizeLinear: the float32 product of ``scale`` and ``codes - zero_point``.

    It is infinite where it leaves the range of float32.
    """
    centred = np.asarray(codes, np.int64) - zero_point
    with np.errstate(over="ignore"):
        return np.float32(scale) * centred.astype(np.float32)
