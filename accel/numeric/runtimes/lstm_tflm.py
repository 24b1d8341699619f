"""LSTMs of int8 codes with a cell state of int16, as TFLite Micro computes them.

A gate is the sum, saturated to int16, of two products with 12 fractional bits: of the weights with
the step's input, and of others with the hidden state. Source: ``lstm_eval.h`` and ``lstm_eval.cc``.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..rounding import quantize_multiplier
from .gates_tflm import sigmoid, tanh

GATE_SCALE = 2.0**-12  # of what goes into a gate
OUT_SCALE = 2.0**-15  # of what comes out of one
INT16_MIN, INT16_MAX = -(2**15), 2**15 - 1

Multiplier = tuple[int, int]
Rescale = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, kw_only=True, eq=False)
class Gate:
    """Weights ``[units, features]`` and ``[units, units]``, a bias ``[units]``, all int64, and how
    sums with either weights are scaled."""

    weights: np.ndarray
    recurrent: np.ndarray
    bias: np.ndarray
    from_input: Multiplier
    from_hidden: Multiplier


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """What is done with the gates of input, forgetting, the cell and output.

    ``clip`` is the greatest magnitude of the cell state, or None. ``hidden_zero`` is the hidden
    state's zero point.
    """

    gates: Sequence[Gate]
    cell_scale: float
    hidden_scale: float
    hidden_zero: int
    clip: int | None


def scale_power(scale: float) -> int:
    """The power of two that stands for the scale of a cell state: ``CheckedLog2``, in float32."""
    found = np.float32(math.log(scale)) * (np.float32(1) / np.float32(math.log(2)))
    return math.floor(abs(found) + 0.5) * (1 if found > 0 else -1)


def clip_code(clip: float, scale: float) -> int | None:
    """The code of the greatest magnitude of a cell state; None for a clip that is not above 0."""
    return int(min(clip / scale, INT16_MAX)) if clip > 0 else None


def sequence(
    inputs: np.ndarray, hidden: np.ndarray, state: np.ndarray, cell: Cell, rescale: Rescale
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The codes of the hidden state after each step, and both states after the last one.

    ``inputs`` are int64 ``[N, steps, features]`` without their zero point, the states' codes int64
    ``[N, units]``.
    """
    keep = quantize_multiplier(OUT_SCALE)
    take = quantize_multiplier(OUT_SCALE * OUT_SCALE / cell.cell_scale)
    leave = quantize_multiplier(OUT_SCALE * OUT_SCALE / cell.hidden_scale)
    power, found = scale_power(cell.cell_scale), []

    def scaled(values: np.ndarray, multiplier: Multiplier) -> np.ndarray:
        codes = rescale(values, np.int64(multiplier[0]), np.int64(multiplier[1]))
        return np.clip(codes, INT16_MIN, INT16_MAX)

    def gate(one: Gate, x: np.ndarray, before: np.ndarray) -> np.ndarray:
        own = scaled(x @ one.weights.T + one.bias, one.from_input)
        return np.clip(
            own + scaled(before @ one.recurrent.T, one.from_hidden), INT16_MIN, INT16_MAX
        )

    for step in range(inputs.shape[1]):
        before = hidden - cell.hidden_zero
        enter, forget, new, out = (gate(one, inputs[:, step], before) for one in cell.gates)
        kept = scaled(sigmoid(forget) * state, keep)
        taken = scaled(sigmoid(enter) * tanh(new, -12), take)
        state = np.clip(kept + taken, INT16_MIN, INT16_MAX)
        if cell.clip is not None:
            state = np.clip(state, -cell.clip, cell.clip)
        codes = rescale(tanh(state, power) * sigmoid(out), *map(np.int64, leave))
        hidden = np.clip(codes + cell.hidden_zero, -128, 127)
        found.append(hidden)
    return np.stack(found, axis=1), hidden, state
