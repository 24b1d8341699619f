"""Softmax as ONNX Runtime computes it: of codes by a table, and of float32 numbers."""

from dataclasses import dataclass

import numpy as np

from .libm import logf
from .mlas import exponential, lane_sum

HEADROOM = 5  # natural logarithms of the largest float32 number that the table keeps free


@dataclass(frozen=True)
class CodeSoftmax:
    """QLinearSoftmax over the last axis of int8 codes.

    Scales are float32 values. Exponentials are float32 numbers from a table, scaled up so far that
    the sum of the largest cannot overflow, and summed in order. The share of a term, in codes, is
    computed in float64, as the runtime's ``floor`` is that of C. Results saturate. Raises
    ``ValueError`` where the inverse of the output's scale leaves the range of float32.
    """

    input_scale: float
    output_scale: float
    output_zero_point: int

    def __post_init__(self) -> None:
        if not np.isfinite(self.inverse):
            raise ValueError(f"output scale must exceed 2**-128, not {self.output_scale!r}")

    @property
    def inverse(self) -> np.float32:
        """Codes of the output in a probability of 1, whole ones."""
        with np.errstate(over="ignore"):
            return np.floor(np.float32(1) / np.float32(self.output_scale))

    def compute(self, codes: np.ndarray) -> np.ndarray:
        """Map int8 codes ``[..., depth]`` to int8 codes of the same shape."""
        codes = np.asarray(codes, np.int64)
        difference = codes - codes.max(axis=-1, keepdims=True)
        terms = self.table(codes.shape[-1])[difference + 255]
        total = np.add.accumulate(terms, axis=-1, dtype=np.float32)[..., -1:]
        if codes.shape[-1] == 1:  # its term is its own sum, and too large to be multiplied
            terms = total = np.ones(codes.shape, np.float32)
        shares = terms.astype(np.float64) * np.float64(self.inverse) / total
        codes = np.clip(np.rint(shares), 0, 256).astype(np.int64)
        return np.clip(codes + self.output_zero_point, -128, 127).astype(np.int8)

    def table(self, depth: int) -> np.ndarray:
        """Exponentials of the differences -255..0, float32 ``[256]``."""
        largest = np.finfo(np.float32).max / np.float32(depth)
        raised = max(0.0, float(np.log(largest)) - HEADROOM) / self.input_scale
        steps = np.arange(256, dtype=np.float64) - 255 + raised
        return np.exp(steps * self.input_scale).astype(np.float32)


def float_softmax(real: np.ndarray) -> np.ndarray:
    """Softmax over the last axis of float32 numbers: ``MlasComputeSoftmax``, bit for bit.

    The order of its sum is that of a CPU with AVX-512F; see `mlas`. Where the greatest number is
    infinite, all of its row are NaN.
    """
    real = np.asarray(real, np.float32)
    greatest = real.max(axis=-1, keepdims=True)
    known = np.isfinite(greatest)
    difference = np.where(known, real, 0) - np.where(known, greatest, 0)
    terms = exponential(difference)
    return np.where(known, terms * (np.float32(1) / lane_sum(terms)), np.float32(np.nan))


def float_log_softmax(real: np.ndarray) -> np.ndarray:
    """Logarithms of softmax, as `float_softmax`: the logarithm of the sum is the C library's."""
    real = np.asarray(real, np.float32)
    greatest = real.max(axis=-1, keepdims=True)
    known = np.isfinite(greatest)
    difference = np.where(known, real, 0) - np.where(known, greatest, 0)
    total = lane_sum(exponential(difference))
    return np.where(known, difference - logf(total), np.float32(np.nan))
