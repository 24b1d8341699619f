"""Rounding contracts: how an int32 sum is scaled to an integer, exactly as a named oracle does it.

A real multiplier is held as ``(q, shift)`` with ``real = q * 2**(shift - 31)`` and ``q`` of 31 bits
(TFLite's ``QuantizeMultiplier``). A contract says how ``sum * real`` is rounded.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Return ``(q, shift)`` with ``real ~ q * 2**(shift - 31)`` and ``2**30 <= q < 2**31``, or q =
    0.

    As TFLite's ``QuantizeMultiplier``: the mantissa is rounded half away from zero; multipliers
    below ``2**-32`` flush to ``(0, 0)``. Raises ``ValueError`` for a negative or infinite one.
    """
    if not (math.isfinite(real) and real >= 0):
        raise ValueError(f"Multiplier must be a finite non-negative number, not {real!r}")
    mantissa, shift = math.frexp(real)
    q = math.floor(mantissa * 2**31 + 0.5)
    if q == 2**31:
        q, shift = q // 2, shift + 1
    return (0, 0) if q == 0 or shift < -31 else (q, shift)


def signed_multiplier(real: float) -> tuple[int, int]:
    """As `quantize_multiplier`, also of negative numbers: ``-2**31 <= q <= -2**30`` then.

    A slope may be negative; TFLite's function rounds it away from zero too. Raises ``ValueError``.
    """
    if not (math.isfinite(real) and real < 0):
        return quantize_multiplier(real)
    mantissa, shift = math.frexp(real)
    q = math.ceil(mantissa * 2**31 - 0.5)
    return (0, 0) if shift < -31 else (q, shift)


def mean_multiplier(real: float, count: int) -> tuple[int, int]:
    """Return ``(q, shift)`` of ``real / count``, for the mean of ``count`` codes.

    As TFLite's ``QuantizedMeanOrSum``, which divides the integer ``q`` of ``real`` and truncates.
    """
    q, shift = quantize_multiplier(real)
    bits = min(count.bit_length() - 1, 32, 31 + shift)
    return (q << bits) // count, shift - bits


def rounding_doubling_high_mul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``a * b / 2**31`` rounded half up: gemmlowp's ``SaturatingRoundingDoublingHighMul``.

    int64 arrays of int32 values, not both ``-2**31`` (the only case that gemmlowp saturates).
    """
    return (a * b + 2**30) >> 31


def rounding_divide_by_pot(x: np.ndarray, exponent: np.ndarray | int) -> np.ndarray:
    """``x / 2**exponent`` rounded half away from zero: gemmlowp's ``RoundingDivideByPOT``."""
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + ((x & mask) > threshold)


def rescale_tflm(acc: np.ndarray, multiplier: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Scale int32 sums as TFLite Micro's ``MultiplyByQuantizedMultiplier``: gemmlowp, twice
    rounded.

    ``acc``, ``multiplier`` and ``shift`` are int64 arrays that broadcast. Sums outside int32, and
    sums that a positive shift takes out of int32, saturate. (The kernel overflows there, which is
    undefined in C++; operators' ``check`` refuses graphs that can reach it.)
    """
    shift = np.asarray(shift, np.int64)
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    acc = np.clip(np.asarray(acc, np.int64), INT32_MIN, INT32_MAX)
    shifted = np.clip(acc << left, INT32_MIN, INT32_MAX)
    high = rounding_doubling_high_mul(shifted, np.asarray(multiplier, np.int64))
    return rounding_divide_by_pot(high, right)


def rescale_single(acc: np.ndarray, multiplier: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Scale int32 sums by one 64-bit shift, rounding half up: TFLite's ``TFLITE_SINGLE_ROUNDING``.

    Arrays as in ``rescale_tflm``; a shift above 30 saturates the multiplier, as TFLite does.
    """
    shift = np.asarray(shift, np.int64)
    multiplier = np.where(shift > 30, np.int64(INT32_MAX), np.asarray(multiplier, np.int64))
    total = 31 - np.minimum(shift, 30)
    acc = np.clip(np.asarray(acc, np.int64), INT32_MIN, INT32_MAX)
    return (acc * multiplier + (np.int64(1) << (total - 1))) >> total


def rescale_onnx(acc: np.ndarray, multiplier: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Scale int32 sums in float32: ``round_half_even(float32(acc) * scale)``.

    Arrays as in ``rescale_tflm``; the multiplier must be a float32 number. Sum and product are
    rounded to 24 bits, half to even, as ONNX Runtime's ``MlasRequantizeOutput`` does. Results
    beyond int32 saturate.
    """
    scale = np.ldexp(np.asarray(multiplier, np.float64), np.asarray(shift, np.int64) - 31)
    acc = np.clip(np.asarray(acc, np.int64), INT32_MIN, INT32_MAX)
    with np.errstate(over="ignore"):
        product = acc.astype(np.float32) * scale.astype(np.float32)
    return np.rint(np.clip(product.astype(np.float64), INT32_MIN, INT32_MAX)).astype(np.int64)


def _double_mean(source: float, output: float, count: int) -> tuple[int, int]:
    return mean_multiplier(source / output, count)


def _double_multiplier(first: float, second: float, output: float) -> tuple[int, int]:
    """TFLite's: ``double(first) * double(second) / double(output)``, rounded to 31 bits."""
    return quantize_multiplier(first * second / output)


def float_multiplier(first: float, second: float, output: float) -> tuple[int, int]:
    """ONNX Runtime's: ``float(float(first * second) / output)``, exactly.

    Raises ``ValueError`` where it is infinite.
    """
    with np.errstate(over="ignore", under="ignore"):
        real = np.float32(first) * np.float32(second) / np.float32(output)
    return _mantissa(real)


def float_mean(source: float, output: float, count: int) -> tuple[int, int]:
    """ONNX Runtime's ``MlasQLinearGlobalAveragePool``: ``float(source / float(output * count))``.

    Raises ``ValueError`` where it is infinite.
    """
    with np.errstate(over="ignore", under="ignore"):
        real = np.float32(source) / (np.float32(output) * np.float32(count))
    return _mantissa(real)


def _mantissa(real: np.float32) -> tuple[int, int]:
    if not np.isfinite(real):
        raise ValueError(f"Multiplier must be a finite number, not {real}")
    mantissa, shift = math.frexp(float(real))
    return int(mantissa * 2**31), shift


@dataclass(frozen=True, kw_only=True)
class Contract:
    """A way of rounding, with the program outside this project that defines it.

    ``multiplier(first, second, output)`` makes ``(q, shift)`` of float32 scales: of the two factors
    of a product, or of one and 1.0, and of the result; ``mean(source, output, count)`` makes it for
    the mean of so many codes. ``floating`` contracts compute in float32: no shift takes sums out of
    32 bits, weights may have zero points, and averages other scales than their inputs.
    """

    name: str
    oracle: str
    rescale: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    multiplier: Callable[[float, float, float], tuple[int, int]]
    mean: Callable[[float, float, int], tuple[int, int]]
    floating: bool = False


CONTRACTS: Mapping[str, Contract] = MappingProxyType(
    {
        contract.name: contract
        for contract in (
            Contract(
                name="tflm",
                oracle="tflite_micro's interpreter",
                rescale=rescale_tflm,
                multiplier=_double_multiplier,
                mean=_double_mean,
            ),
            Contract(
                name="single",
                oracle="TFLite built with TFLITE_SINGLE_ROUNDING",
                rescale=rescale_single,
                multiplier=_double_multiplier,
                mean=_double_mean,
            ),
            Contract(
                name="onnx",
                oracle="ONNX Runtime's operators on integers",
                rescale=rescale_onnx,
                multiplier=float_multiplier,
                mean=float_mean,
                floating=True,
            ),
            Contract(
                name="qonnx",
                oracle="qonnx's execution of QONNX and QCDQ",
                rescale=rescale_onnx,
                multiplier=float_multiplier,
                mean=float_mean,
                floating=True,
            ),
        )
    }
)
