"""Output rules of the onnx contract that are no plain rescaling."""

from dataclasses import dataclass, replace

import numpy as np

from .affine import Affine
from .elementwise_onnx import scaled_product
from .float32 import round_to_int
from .rounding import float_mean


@dataclass(frozen=True, eq=False)
class FloatMean:
    """``clamp(round_half_even(float(sum) * scale + zero point), low, high)`` of a plain sum of codes.

    The sum is of ``pixels`` codes, and the mean of ``count``, which padding may make more. Source:
    ONNX Runtime's QLinearAveragePool, which adds the zero point of the file's own codes in float32.
    It sums up float32 numbers there, in order, so that at an exact half its answer may be the other
    neighbour.
    """

    source: Affine
    output: Affine
    pixels: int
    count: int
    low: int
    high: int
    channels: int = 1

    def compute(self, acc: np.ndarray) -> np.ndarray:
        centred = np.asarray(acc, np.int64) - self.pixels * self.source.zero_point
        multiplier, shift = float_mean(self.source.scale, self.output.scale, self.count)
        scale = np.float32(np.ldexp(float(multiplier), shift - 31))
        zero_point = np.float32(self.output.zero_point + self.output.offset)
        codes = round_to_int(centred.astype(np.float32) * scale + zero_point) - self.output.offset
        return np.clip(codes, self.low, self.high)

    def take(self, channels: np.ndarray | slice | list[int]) -> "FloatMean":
        return replace(self, channels=len(np.arange(self.channels)[channels]))

    def channel(self, index: int) -> "FloatMean":
        return self.take([index])


@dataclass(frozen=True, eq=False)
class FloatProduct:
    """``clamp(code of a product)``, where the sum is the exact product of two centred codes.

    It is non-decreasing in the sum, because each rounding to float32 is.
    """

    first: Affine
    second: Affine
    output: Affine
    low: int
    high: int
    channels: int = 1

    def compute(self, acc: np.ndarray) -> np.ndarray:
        product = np.asarray(acc, np.int64)
        real = scaled_product(product, self.first, self.second, self.output)
        return np.clip(round_to_int(real) - self.output.offset, self.low, self.high)

    def take(self, channels: np.ndarray | slice | list[int]) -> "FloatProduct":
        return replace(self, channels=len(np.arange(self.channels)[channels]))

    def channel(self, index: int) -> "FloatProduct":
        return self.take([index])
