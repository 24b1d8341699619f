"""SVDF layers: dense layers of low rank whose answers over time are filtered, as TFLite Micro
computes them on codes. Source: ``svdf_common.cc``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Multiplier = tuple[int, int]
Rescale = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, kw_only=True, eq=False)
class Svdf:
    """Weights of the features ``[filters, features]`` and of the time ``[filters, memory]``, a bias
    ``[units]``, all int64; how an answer becomes a code of the state, of ``bits``, and how the sum
    over time becomes one of the output."""

    features: np.ndarray
    time: np.ndarray
    bias: np.ndarray
    bits: int
    to_state: Multiplier
    state_zero: int
    to_output: Multiplier
    output_zero: int


def multipliers(
    source: float, features: float, state: float, time: float, output: float
) -> tuple[float, float]:
    """The scales of an answer in the state, and of a sum over time in the output: quotients of
    float32 numbers."""
    s, f, a, t, o = map(np.float32, (source, features, state, time, output))
    return float(s * f / a), float(a * t / o)


def invocation(
    inputs: np.ndarray, state: np.ndarray, one: Svdf, rescale: Rescale
) -> tuple[np.ndarray, np.ndarray]:
    """The output's codes ``[N, units]``, and the state that is left, of inputs int64 ``[N,
    features]`` without their zero point and of a state's codes int64 ``[N, filters, memory]``.

    As the kernel's, sums over time have 32 bits and wrap around, and so does a code that the
    state's zero point, added last, takes out of its range.
    """
    newest = rescale(inputs @ one.features.T, *map(np.int64, one.to_state))
    most = 2 ** (one.bits - 1)
    newest = np.clip(newest, -most, most - 1) + one.state_zero
    newest = (newest + most) % (2 * most) - most
    state = np.concatenate([state[..., 1:], newest[..., np.newaxis]], axis=-1)
    sums = ((state - one.state_zero) * one.time).sum(axis=-1)
    sums = sums.reshape(len(sums), len(one.bias), -1).sum(axis=-1) + one.bias
    sums = sums.astype(np.int32).astype(np.int64)
    codes = rescale(sums, *map(np.int64, one.to_output)) + one.output_zero
    return np.clip(codes, -128, 127), state
