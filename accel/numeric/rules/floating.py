"""Output rules of the ``onnx`` contract that are not a plain rescaling."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..affine import Affine
from ..elementwise.onnx import Float32Arithmetic, OnnxArithmetic, scaled_product
from ..rounding import float_mean
from ..runtimes.float32 import round_to_int


@dataclass(frozen=True, eq=False)
class FloatMean:
    """``clamp(round_half_even(float(sum) * scale + zero point), low, high)`` of a plain sum of
    codes.

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
class RealMean(FloatMean):
    """The same between DequantizeLinear and QuantizeLinear: the mean of float32 numbers is rounded
    before the zero point is added. Source: ONNX Runtime's AveragePool."""

    def compute(self, acc: np.ndarray) -> np.ndarray:
        centred = np.asarray(acc, np.int64) - self.pixels * self.source.zero_point
        real = centred.astype(np.float32) * np.float32(self.source.scale)
        codes = OnnxArithmetic().quantize(real / np.float32(self.count), self.output)
        return np.clip(codes, self.low, self.high)


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


@dataclass(frozen=True, eq=False)
class RealProduct:
    """As `FloatProduct`, of operands that are multiplied as float32 numbers.

    Both are rounded before they are multiplied, so that pairs of one product may have two codes
    where it is next to a half. The rule gives the code of most of them; ``differing`` of all 65,536
    pairs have another one.
    """

    first: Affine
    second: Affine
    output: Affine
    low: int
    high: int
    channels: int = 1

    @property
    def differing(self) -> int:
        products, codes = self._pairs
        return int((self.compute(products) != codes).sum())

    def compute(self, acc: np.ndarray) -> np.ndarray:
        # Layers cannot know that only some sums are products: the others go on as the line does.
        least, table = self._table
        index = np.asarray(acc, np.int64) - least
        code = table[np.clip(index, 0, len(table) - 1)]
        code = np.where(index < 0, np.minimum(self._line(acc), code), code)
        return np.where(index >= len(table), np.maximum(self._line(acc), code), code)

    def _line(self, products: np.ndarray) -> np.ndarray:
        """Codes of products that no pair of codes may have, but for the last bits."""
        ratio = float(self.first.scale) * self.second.scale / self.output.scale
        codes = np.rint(np.asarray(products, np.float64) * ratio) + self.output.zero_point
        return np.clip(codes, self.low, self.high).astype(np.int64)

    @cached_property
    def _pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """The centred product of each pair of codes, and its code, int64 ``[65536]``."""
        codes = np.arange(-128, 128, dtype=np.int64)
        a, b = (grid.ravel() for grid in np.meshgrid(codes, codes))
        found = Float32Arithmetic().multiply(a, b, self.first, self.second, self.output)
        products = (a - self.first.zero_point) * (b - self.second.zero_point)
        return products, np.clip(found, self.low, self.high)

    @cached_property
    def _table(self) -> tuple[int, np.ndarray]:
        """The least product, and the codes of it and of all above, also of those that no pair
        has."""
        products, codes = self._pairs
        least, most = int(products.min()), int(products.max())
        found, index = np.unique(products, return_inverse=True)
        middle = np.floor(np.bincount(index, codes) / np.bincount(index) + 0.5)
        table = self._line(np.arange(least, most + 1))
        table[found - least] = middle
        return least, np.maximum.accumulate(table)

    def take(self, channels: np.ndarray | slice | list[int]) -> "RealProduct":
        return replace(self, channels=len(np.arange(self.channels)[channels]))

    def channel(self, index: int) -> "RealProduct":
        return self.take([index])
