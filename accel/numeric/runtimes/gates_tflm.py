"""Sigmoid and tanh of int16 codes, as TFLite Micro's integer kernels compute them for gates.

Both interpolate one table of the sigmoid: ``tanh(x) = 2 sigmoid(2 x) - 1``. Results have 15
fractional bits. Source: ``reference_integer_ops::Logistic`` and ``Tanh`` of int16 values.
"""

import numpy as np

STEPS = 24  # of the table, to a unit


def _table() -> np.ndarray:
    """The sigmoid of ``i / 24`` in 16 fractional bits, int64 ``[256]``.

    Chords of a curve lie up to an eighth of its second derivative below it, so that points are
    raised by half of that; the last one is 1 but for a bit.
    """
    s = 1 / (1 + np.exp(-np.arange(256) / STEPS))
    raised = s - s * (1 - s) * (1 - 2 * s) / (16 * STEPS**2)
    found = np.floor(65536 * raised + 0.5).astype(np.int64)
    found[-1] = 0xFFFF
    return found


_SIGMOID = _table()
_SATURATED = 255  # the first step of the table that is not interpolated any more


def sigmoid(codes: np.ndarray) -> np.ndarray:
    """The sigmoid of numbers of 12 fractional bits, int64 arrays."""
    scaled = codes * 3
    magnitude = np.abs(scaled)
    step = np.minimum(magnitude >> 9, _SATURATED)
    low, high = _SIGMOID[step], _SIGMOID[np.minimum(step + 1, _SATURATED)]
    found = (low << 9) + (magnitude & 0x1FF) * (high - low)
    found = np.where(step == _SATURATED, 0x7FFF << 10, found)
    return np.where(scaled >= 0, found + (1 << 9), (1 << 25) - found + (1 << 9) - 1) >> 10


def tanh(codes: np.ndarray, scale_power: int) -> np.ndarray:
    """The hyperbolic tangent of numbers of scale ``2**scale_power``, int64 arrays."""
    shift = scale_power + 12
    scaled = codes * (3 << shift) if shift >= 0 else (codes * 3 + (1 << -shift - 1)) >> -shift
    magnitude = np.abs(scaled)
    step = np.minimum(magnitude >> 8, _SATURATED)
    low, high = _SIGMOID[step], _SIGMOID[np.minimum(step + 1, _SATURATED)]
    found = (low << 8) + (magnitude & 0xFF) * (high - low)
    found = np.where(step == _SATURATED, 0xFFFF << 8, found)
    return (
        np.where(scaled >= 0, found - (1 << 23) + (1 << 7), -found + (1 << 23) + (1 << 7) - 1) >> 8
    )
