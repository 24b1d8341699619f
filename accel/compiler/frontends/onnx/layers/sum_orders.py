"""Sums that the runtime rounds after each addition, and the core does not: how many it matters for.

Layers between quantizers that ONNX Runtime leaves in float32 at its highest level, because of how
they are written or because it has no kernel on codes, are computed by us from exact integer sums.
Near an exact half the order of the runtime's additions decides. Which sums these are is found here;
`graph.accumulation_order` tells it.
"""

import numpy as np

from .....numeric.rules.float_epilogue import (
    UNIT_ROUNDOFF,
    Coder,
    EpilogueStep,
    FloatEpilogue,
    odd_factor,
    summing_error,
)

AFTER = 6  # roundings of what follows a sum, on either side


def counted(
    reach: tuple[np.ndarray, np.ndarray],
    unit: np.ndarray,
    error: np.ndarray,
    steps: tuple[EpilogueStep, ...],
    coder: Coder,
) -> tuple[int, int]:
    """The sums whose code could differ, and all of ``reach``: least and greatest, ``[channels]``.

    ``unit`` is the real number that a sum of 1 stands for. ``error`` is how far the runtime's sum
    can be from the exact one, float64; our own rule and theirs round what follows, too, unless the
    scales are powers of two.
    """
    least, greatest = reach
    factor = unit / np.float32(coder.scale)
    most = np.maximum(np.abs(least), np.abs(greatest)).astype(np.float64) * unit
    rounded = np.array([odd_factor(value) != 1 for value in factor.astype(np.float32)])
    error = error + np.where(rounded, AFTER * UNIT_ROUNDOFF * most, 0.0)
    rule = FloatEpilogue(unit, np.ones(len(unit), np.int64), steps, coder)
    found = rule.judged(least, greatest, error)
    assert found.order_sensitive is not None and found.sums is not None
    return int(found.order_sensitive.sum()), int(found.sums.sum())


def of_mean(
    ends: tuple[int, int],
    terms: int,
    divisor: int,
    scale: float,
    channels: int,
    steps: tuple[EpilogueStep, ...],
    coder: Coder,
) -> tuple[int, int]:
    """The same of means, ``1 / divisor`` of the sum of ``terms`` codes within ``ends``."""
    least, greatest = np.array([ends[0]]) * terms, np.array([ends[1]]) * terms
    magnitude = np.maximum(np.abs(least), np.abs(greatest))
    unit = np.array([np.float64(np.float32(scale))])
    error = summing_error(terms, magnitude, np.array([float(odd_factor(scale))]), unit)
    sums, of = counted((least, greatest), unit / divisor, error / divisor, steps, coder)
    return sums * channels, of * channels
