"""Rounding contracts: how an int32 sum becomes a scaled integer, exactly as a named oracle does it.

A real multiplier is held as ``(q, shift)`` with ``real = q * 2**(shift - 31)`` and ``q`` of 31 bits
(TFLite's ``QuantizeMultiplier``). A contract says how ``sum * real`` is rounded to an integer.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Return ``(q, shift)`` with ``real ~ q * 2**(shift - 31)`` and ``2**30 <= q < 2**31``, or q = 0.

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
    """Scale int32 sums as TFLite Micro's ``MultiplyByQuantizedMultiplier``: gemmlowp, twice rounded.

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


@dataclass(frozen=True)
class Contract:
    """A way of rounding, with the program outside this project that defines it."""

    name: str
    oracle: str
    rescale: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


CONTRACTS: Mapping[str, Contract] = MappingProxyType(
    {
        contract.name: contract
        for contract in (
            Contract("tflm", "tflite_micro's interpreter", rescale_tflm),
            Contract("single", "TFLite built with TFLITE_SINGLE_ROUNDING", rescale_single),
        )
    }
)
