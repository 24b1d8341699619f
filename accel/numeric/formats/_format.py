"""What a number format states."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class NumberFormat:
    """Signed activations times signed weights, both two's complement integers.

    Parameters
    ----------
    title
        For people, as ``int8 x int4``.
    activation_bits, weight_bits
        Widths; weights are packed at exactly this width in memory and on chip.
    """

    title: str
    activation_bits: int
    weight_bits: int

    @property
    def weight_range(self) -> tuple[int, int]:
        """Least and greatest weight."""
        return -(1 << self.weight_bits - 1), (1 << self.weight_bits - 1) - 1

    @property
    def product_bits(self) -> int:
        return self.activation_bits + self.weight_bits

    def product(self, activation: Any, weight: Any) -> Any:
        """The product of Python integers, NumPy arrays or Amaranth values alike."""
        return activation * weight

    def pack(self, weights: np.ndarray) -> np.ndarray:
        """Integers [..., n] as unsigned bit fields, lowest first: [...] Python integers."""
        mask = (1 << self.weight_bits) - 1
        shifts = np.arange(weights.shape[-1]) * self.weight_bits
        fields = (weights.astype(np.int64) & mask).astype(object) << shifts.astype(object)
        return fields.sum(axis=-1)

    def unpack(self, packed: int, count: int) -> list[int]:
        """The inverse of `pack` for one packed integer of ``count`` weights."""
        low, high = self.weight_range
        mask = high - low
        fields = ((packed >> self.weight_bits * index) & mask for index in range(count))
        return [field + 2 * low if field > high else field for field in fields]
