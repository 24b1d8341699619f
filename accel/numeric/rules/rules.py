"""Output rules: how the int32 sum of an output channel becomes its output code.

A rule is a monotone step function of the sum. The compiler looks at nothing but ``compute``: it
finds every threshold by search and proves the hardware's constants against them.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ..rounding import CONTRACTS


class StepFunction(Protocol):
    """A non-decreasing function from sums to codes, of one or several channels."""

    @property
    def low(self) -> int:
        """The least output code."""

    @property
    def high(self) -> int:
        """The greatest output code."""

    def compute(self, acc: np.ndarray) -> np.ndarray:
        """Map sums, int64 ``[..., channels]``, to output codes of the same shape, int64.

        Non-decreasing in each sum.
        """


class Rule(StepFunction, Protocol):
    """What every output rule offers."""

    @property
    def channels(self) -> int:
        """Output channels that the rule describes."""

    def take(self, channels: np.ndarray | slice | list[int]) -> "Rule":
        """Return the rule of a selection of channels, in the order given."""

    def channel(self, index: int) -> "Rule":
        """Return the rule of one channel."""


@dataclass(frozen=True, eq=False)
class Rescale:
    """``clamp(rescale(acc) + zero_point, low, high)`` with a multiplier for each channel.

    ``contract`` names a row of ``CONTRACTS``; ``multiplier`` and ``shift`` are int64
    ``[channels]``.
    """

    contract: str
    multiplier: np.ndarray
    shift: np.ndarray
    zero_point: int
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.contract not in CONTRACTS:
            known = ", ".join(CONTRACTS)
            raise ValueError(f"Rounding contract must be one of {known}, not {self.contract!r}")
        if self.multiplier.ndim != 1 or self.multiplier.shape != self.shift.shape:
            shapes = f"{self.multiplier.shape} and {self.shift.shape}"
            raise ValueError(f"Multipliers and shifts must be vectors of one length, not {shapes}")

    @property
    def channels(self) -> int:
        return len(self.multiplier)

    @property
    def left_shift(self) -> np.ndarray:
        """Bits by which sums are shifted to the left before anything else, int64 ``[channels]``."""
        floating = CONTRACTS[self.contract].floating
        return np.zeros_like(self.shift) if floating else np.maximum(self.shift, 0)

    def compute(self, acc: np.ndarray) -> np.ndarray:
        scaled = CONTRACTS[self.contract].rescale(acc, self.multiplier, self.shift)
        return np.clip(scaled + self.zero_point, self.low, self.high)

    def take(self, channels: np.ndarray | slice | list[int]) -> "Rescale":
        return replace(self, multiplier=self.multiplier[channels], shift=self.shift[channels])

    def channel(self, index: int) -> "Rescale":
        return self.take([index])


@dataclass(frozen=True, eq=False)
class Mean:
    """``clamp(acc / count, low, high)``, rounded half away from zero: TFLite's AVERAGE_POOL_2D.

    ``acc`` is the plain sum of ``count`` input codes. ``offset`` is how much higher the file's own
    codes are, from whose zero halves are rounded away: 128 where the file has uint8, so that all
    halves are rounded up.
    """

    count: int
    low: int
    high: int
    channels: int = 1
    offset: int = 0

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"Mean count must be a positive integer, not {self.count!r}")

    def compute(self, acc: np.ndarray) -> np.ndarray:
        acc = np.asarray(acc, np.int64) + self.offset * self.count
        magnitude = (np.abs(acc) + self.count // 2) // self.count
        mean = np.where(acc < 0, -magnitude, magnitude) - self.offset
        return np.clip(mean, self.low, self.high)

    def take(self, channels: np.ndarray | slice | list[int]) -> "Mean":
        return replace(self, channels=len(np.arange(self.channels)[channels]))

    def channel(self, index: int) -> "Mean":
        return self.take([index])


@dataclass(frozen=True, eq=False)
class Table:
    """Any non-decreasing function of a sum from ``first`` to ``first + 255``.

    ``codes`` are int64 ``[channels, 256]``, ``first`` is one number or one for each channel; sums
    beyond either end have the code at that end. A ``whole`` table leaves nothing to the clamp: for
    what the core does with codes before it.
    """

    codes: np.ndarray
    first: int | np.ndarray
    whole: bool = False

    def __post_init__(self) -> None:
        if self.codes.ndim != 2 or self.codes.shape[1] != 256:
            raise ValueError(f"Table must be [channels, 256], not {self.codes.shape}")
        if (np.diff(self.codes, axis=1) < 0).any():
            raise ValueError("Table must not decrease")

    @property
    def channels(self) -> int:
        return len(self.codes)

    @property
    def low(self) -> int:
        return -128 if self.whole else int(self.codes.min())

    @property
    def high(self) -> int:
        return 127 if self.whole else int(self.codes.max())

    def compute(self, acc: np.ndarray) -> np.ndarray:
        index = np.clip(np.asarray(acc, np.int64) - self.first, 0, 255)
        return self.codes[np.arange(self.channels), index]

    def take(self, channels: np.ndarray | slice | list[int]) -> "Table":
        first = self.first
        if isinstance(first, np.ndarray) and first.ndim:
            first = first[channels]
        return replace(self, codes=self.codes[channels], first=first)

    def channel(self, index: int) -> "Table":
        return self.take([index])


@dataclass(frozen=True, eq=False)
class Recoded:
    """Codes of another rule, stored in few bits: ``(code - origin) // step``.

    Channels that are ``idle``, bool ``[channels]``, have the least code whatever their sum.
    """

    inner: Rule
    origin: int
    step: int
    idle: np.ndarray

    @property
    def low(self) -> int:
        return (self.inner.low - self.origin) // self.step

    @property
    def high(self) -> int:
        return (self.inner.high - self.origin) // self.step

    @property
    def channels(self) -> int:
        return self.inner.channels

    def compute(self, acc: np.ndarray) -> np.ndarray:
        codes = (self.inner.compute(acc) - self.origin) // self.step
        return np.where(self.idle, self.low, codes)

    def take(self, channels: np.ndarray | slice | list[int]) -> "Recoded":
        return replace(self, inner=self.inner.take(channels), idle=self.idle[channels])

    def channel(self, index: int) -> "Recoded":
        return self.take([index])


@dataclass(frozen=True, eq=False)
class Sums:
    """No rule at all: the biased sum itself is stored, in 32 bits."""

    channels: int

    low, high = -128, 127  # of codes, of which there are none

    @property
    def left_shift(self) -> np.ndarray:
        """As that of `Rescale`: 0."""
        return np.zeros(self.channels, np.int64)

    def compute(self, acc: np.ndarray) -> np.ndarray:
        return np.asarray(acc, np.int64)

    def take(self, channels: np.ndarray | slice | list[int]) -> "Sums":
        return Sums(len(np.arange(self.channels)[channels]))

    def channel(self, index: int) -> "Sums":
        return self.take([index])
