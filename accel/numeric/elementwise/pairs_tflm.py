"""Functions of one or two int8 codes that TFLite Micro computes in fixed point of its own.

``scale(values, multiplier, shift)`` is the contract's rounding, see `rounding`. Codes are int64
arrays that broadcast; what is returned is before the bounds of the output.
"""

import math
from collections.abc import Callable

import numpy as np

from ..affine import Affine
from ..rounding import (
    INT32_MAX,
    quantize_multiplier,
    rescale_tflm,
    rounding_divide_by_pot,
    rounding_doubling_high_mul,
)
from ..runtimes.gemmlowp import half_of_one_plus, reciprocal_of_half, saturate

Scale = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

ROOT_SHIFT = 20  # bits that keep 1 / sqrt(code) an integer
HALF_ROOT_OF_2 = 1518500250  # q0
SQUARE_SHIFT = 7  # bits to the left that operands of a squared difference are shifted


def reciprocal_root(x: np.ndarray, source: Affine, output: Affine, scale: Scale) -> np.ndarray:
    """``1 / sqrt(x)``: ``RsqrtEvalQuantized``.

    Of 0 it is the greatest code. Below 0 the kernel ends the inference; here it is as of 0.
    """
    real = 1.0 / float(np.float32(math.sqrt(np.float32(source.scale))) * np.float32(output.scale))
    multiplier, shift = quantize_multiplier(real)
    found = []
    for code in np.asarray(x - source.zero_point).reshape(-1).tolist():
        if code <= 0:
            found.append(INT32_MAX)
            continue
        own, own_shift = inverse_root_multiplier(code)
        one = np.array([1], np.int64)
        root = scale(one, np.int64(own), np.int64(own_shift + ROOT_SHIFT))
        found.append(int(scale(root, np.int64(multiplier), np.int64(shift - ROOT_SHIFT))[0]))
    return np.array(found, np.int64).reshape(np.shape(x)) + output.zero_point


def inverse_root_multiplier(code: int) -> tuple[int, int]:
    """``1 / sqrt(code)`` as a multiplier and a shift: ``GetInvSqrtQuantizedMultiplierExp``."""
    if code <= 1:
        return INT32_MAX, 0
    shift = 11
    while code >= 1 << 29:
        code //= 4
        shift += 1
    pairs = (32 - code.bit_length() - 1) // 2 - 1
    shift -= pairs
    code <<= 2 * pairs
    number = np.int64(code >> 1)  # q3, as all that follows
    half, three_halves = rounding_divide_by_pot(number, 1), np.int64((1 << 28) + (1 << 27))
    x = np.int64(1 << 28)
    for _ in range(5):
        cube = rounding_doubling_high_mul(rounding_doubling_high_mul(x, x), x)
        cube = saturate(cube << 6)
        step = rounding_doubling_high_mul(three_halves, x) - rounding_doubling_high_mul(half, cube)
        x = saturate(step << 3)
    found = int(rounding_doubling_high_mul(x, np.int64(HALF_ROOT_OF_2)))
    return (found << -shift, 0) if shift < 0 else (found, -shift)


def squared_difference(
    a: np.ndarray, b: np.ndarray, first: Affine, second: Affine, output: Affine, scale: Scale
) -> np.ndarray:
    """``(a - b)**2``: ``SquaredDifference``, with both operands on one scale."""
    twice = 2.0 * max(first.scale, second.scale)
    difference = _smaller((a - first.zero_point) << SQUARE_SHIFT, first.scale / twice) - _smaller(
        (b - second.zero_point) << SQUARE_SHIFT, second.scale / twice
    )
    multiplier, shift = quantize_multiplier(
        twice * twice / ((1 << 2 * SQUARE_SHIFT) * output.scale)
    )
    squares = difference * difference
    if shift > 0 and int(squares.max(initial=0)) << shift > INT32_MAX:
        raise ValueError(f"output scale {output.scale!r} is too small for these squares")
    return scale(squares, np.int64(multiplier), np.int64(shift)) + output.zero_point


def quotient(
    a: np.ndarray, b: np.ndarray, first: Affine, second: Affine, output: Affine
) -> np.ndarray:
    """``a / b``: ``Div``, the same in every contract.

    Of small dividends by large divisors the kernel shifts by 32 bits and more, which C++ leaves
    open: that is done as x86-64 does it, by 32 less. A divisor of 0, of which the kernel says
    nothing, gives 0.
    """
    real = np.float32(first.scale) / (np.float32(second.scale) * np.float32(output.scale))
    multiplier, shift = quantize_multiplier(float(real))
    a, b = np.broadcast_arrays(a - first.zero_point, b - second.zero_point)
    negative = b < 0
    a, b = np.where(negative, -a, a), np.where(negative, -b, b)
    divisor = np.maximum(b, 1)
    zeros = 32 - np.frexp(divisor.astype(np.float64))[1].astype(np.int64)
    fraction = (divisor << zeros) - (1 << 31)
    inverse = saturate(reciprocal_of_half(half_of_one_plus(fraction)) << 1)
    headroom = _sign_bits(a)
    right = headroom + (31 - zeros) - shift
    if right.min(initial=0) < 0:
        raise ValueError(f"the divisor's scale {second.scale!r} is too small")
    whole = rounding_doubling_high_mul(a << headroom, inverse)
    scaled = rounding_doubling_high_mul(whole, np.int64(multiplier))
    beyond = (scaled >> np.clip(right - 32, 0, 31)) + (scaled >= 0)
    found = np.where(right < 32, rounding_divide_by_pot(scaled, np.minimum(right, 31)), beyond)
    codes = np.where(b == 0, 0, found) + output.zero_point
    return codes.astype(np.int32).astype(np.int64)


def _sign_bits(x: np.ndarray) -> np.ndarray:
    """Bits that are like the sign, without it: ``CountLeadingSignBits`` of int32."""
    magnitude = np.where(x >= 0, x, -x - 1).astype(np.float64)
    return 31 - np.frexp(magnitude)[1].astype(np.int64)


def _smaller(values: np.ndarray, real: float) -> np.ndarray:
    multiplier, shift = quantize_multiplier(real)
    return rescale_tflm(values, np.int64(multiplier), np.int64(shift))
