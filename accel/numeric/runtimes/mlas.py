"""float32 functions of MLAS, ONNX Runtime's library of kernels, bit for bit.

Their results are those of fused multiply-adds in vectors. What a CPU's vectors are as wide as
decides the order of sums, and with it last bits: 16 numbers with AVX-512F, which is what is taken
here, and 8 with AVX2 alone.

Source: onnxruntime/core/mlas/lib, compute.cpp, erf.cpp and x86_64/TransKernelAvx512F.S,
TransKernelFma3.S, ErfKernelFma3.S.
"""

import numpy as np

from .float32 import fused_multiply_add

AVX512, AVX2 = 16, 8  # numbers of a vector
_LEAST = {AVX512: -103.9720840454, AVX2: -88.3762626647949}  # lesser numbers of a sum count as it
_LEAST_EXPONENT = {AVX512: -150, AVX2: -126}  # of powers of two that are not 0

_ROUNDING = np.float32(1.5 * 2**23)  # added to a number it leaves no fraction
_LOG2_E = np.float32(1.44269504088896341)
_LN2_HIGH, _LN2_LOW = np.float32(-6.93145752e-1), np.float32(-1.42860677e-6)
_POLYNOMIAL = np.array(
    [
        float.fromhex(digits)
        for digits in (
            "0x1.694000p-10",
            "0x1.125edcp-7",
            "0x1.555b5ap-5",
            "0x1.555450p-3",
            "0x1.fffff6p-2",
            "0x1.0p0",
            "0x1.0p0",
        )
    ],
    np.float32,
)

# Of the error function: near 0 in squares, beyond it the logarithm of 1 - erf, and that function's
# own exponential.
_ERF_GREATEST, _ERF_SPLIT = np.float32(3.925), np.float32(0.921875)
_ERF_NEAR = np.array(
    [-5.99104969e-4, 4.99339588e-3, -2.67667342e-2, 0.112818025, -0.376124859, 0.128379151],
    np.float32,
)
_ERF_FAR = np.array(
    [
        *(1.72948930e-5, -3.83208680e-4, 3.88393435e-3, -2.42545605e-2),
        *(0.106777847, 0.634846687, 0.128717512),
    ],
    np.float32,
)
_ERF_POLYNOMIAL = np.array(
    [1.38319808e-3, 8.37550033e-3, 4.16689515e-2, 0.166664466, 0.499999851, 1, 1], np.float32
)


def exponential(x: np.ndarray, lanes: int = AVX512) -> np.ndarray:
    """``exp(x)`` of float32 numbers that are not above 0, as terms of a sum are computed.

    AVX-512F scales by any power of two; AVX2 makes one from the bits of its exponent, and those
    below the least normal number are 0.
    """
    x = np.maximum(np.asarray(x, np.float32), np.float32(_LEAST[lanes]))
    exponent, power = _powers(x, _POLYNOMIAL)
    return np.where(exponent < _LEAST_EXPONENT[lanes], np.float32(0), power)


def erf(x: np.ndarray) -> np.ndarray:
    """The error function of float32 numbers: ``MlasComputeErf``."""
    magnitude = np.minimum(np.abs(np.asarray(x, np.float32)), _ERF_GREATEST)
    square = magnitude * magnitude
    near = fused_multiply_add(_horner(square, _ERF_NEAR), magnitude, magnitude)
    logarithm = -fused_multiply_add(_horner(magnitude, _ERF_FAR), magnitude, magnitude)
    far = np.float32(1) - _powers(logarithm, _ERF_POLYNOMIAL)[1]
    return np.copysign(np.where(magnitude <= _ERF_SPLIT, near, far), x)


def _powers(x: np.ndarray, polynomial: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Exponents of two that are next to ``exp(x)``, and that itself."""
    exponent = fused_multiply_add(x, _LOG2_E, _ROUNDING) - _ROUNDING
    x = fused_multiply_add(exponent, _LN2_HIGH, x)
    x = fused_multiply_add(exponent, _LN2_LOW, x)
    return exponent, np.ldexp(_horner(x, polynomial), exponent.astype(np.int64))


def _horner(x: np.ndarray, polynomial: np.ndarray) -> np.ndarray:
    """A polynomial, its highest coefficient first, by fused multiply-adds."""
    total = np.full_like(x, polynomial[0])
    for coefficient in polynomial[1:]:
        total = fused_multiply_add(total, x, np.asarray(coefficient))
    return total


def lane_sum(terms: np.ndarray, lanes: int = AVX512) -> np.ndarray:
    """Sums over the last axis, float32 ``[..., 1]``: each lane's, then those of halves and
    pairs."""
    depth = terms.shape[-1]
    padding = [(0, 0)] * (terms.ndim - 1) + [(0, -depth % lanes)]
    vectors = np.pad(terms, padding).reshape(*terms.shape[:-1], -1, lanes)
    sums = np.add.accumulate(vectors, axis=-2, dtype=np.float32)[..., -1, :]
    if lanes == AVX512:
        sums = sums[..., 8:] + sums[..., :8]
    for _ in range(2):
        sums = sums[..., ::2] + sums[..., 1::2]
    return sums[..., :1] + sums[..., 1:]
