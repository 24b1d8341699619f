"""Softmax as ONNX Runtime computes it: of codes by a table, and of float32 numbers."""

from dataclasses import dataclass

import numpy as np

from .mlas import FOR_SUMS, exponential, lane_sum

HEADROOM = 5  # natural logarithms of the largest float32 number that the table keeps free


@dataclass(frozen=True)
class CodeSoftmax:
    """QLinearSoftmax over the last axis of int8 codes.

    Scales are float32 values. Exponentials are float32 numbers from a table, scaled up so far that
    the sum of the largest cannot overflow, and summed in order. Where the operator's int8 result
    would wrap around, for a probability of 1 at scale 1/256 and zero point -128, it is 127 here.
    """

    input_scale: float
    output_scale: float
    output_zero_point: int

    def compute(self, codes: np.ndarray) -> np.ndarray:
        """Map int8 codes ``[..., depth]`` to int8 codes of the same shape."""
        codes = np.asarray(codes, np.int64)
        difference = codes - codes.max(axis=-1, keepdims=True)
        terms = self._table(codes.shape[-1])[difference + 255]
        total = np.add.accumulate(terms, axis=-1, dtype=np.float32)[..., -1:]
        scale = np.floor(np.float32(1) / np.float32(self.output_scale))
        if codes.shape[-1] == 1:  # its term is its own sum, and too large to be multiplied
            terms = total = np.ones(codes.shape, np.float32)
        output = np.rint(terms * scale / total).astype(np.int64) + self.output_zero_point
        return np.clip(output, -128, 127).astype(np.int8)

    def _table(self, depth: int) -> np.ndarray:
        """Exponentials of the differences -255..0, float32 ``[256]``."""
        largest = np.finfo(np.float32).max / np.float32(depth)
        raised = max(0.0, float(np.log(largest)) - HEADROOM) / self.input_scale
        steps = np.arange(256, dtype=np.float64) - 255 + raised
        return np.exp(steps * self.input_scale).astype(np.float32)


def float_softmax(real: np.ndarray) -> np.ndarray:
    """Softmax over the last axis of float32 numbers: ``MlasComputeSoftmax``, bit for bit.

    The order of its sum is that of a CPU with AVX-512F; see `mlas`.
    """
    real = np.asarray(real, np.float32)
    terms = exponential(real - real.max(axis=-1, keepdims=True), FOR_SUMS)
    return terms * (np.float32(1) / lane_sum(terms))
