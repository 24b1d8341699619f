"""Float epilogues: float32 operations from a sum of products to a code, in the order of the file.

Networks trained with few bits have a batch normalization, a scale or a bias between a layer's sums
and their quantization. Each is one or two IEEE operations on every value. They are computed as such
here: nothing is folded, and nothing is rounded differently.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

import numpy as np

from .thresholds import find_thresholds

UNIT_ROUNDOFF = 2.0**-24  # of float32
MOST_BESIDE = 2**14  # sums to look at beside a threshold; where more could differ, all are said to
MOST_SUM = 2**32  # beyond all sums
EXACT = 2**24  # integers up to here are float32 numbers


@dataclass(frozen=True)
class Meaning:
    """What a kind of step computes, and whether its result rises or falls with its input."""

    apply: Callable[..., np.ndarray]
    sign: Callable[..., np.ndarray] = lambda *values: np.float32(1)


STEPS: Mapping[str, Meaning] = MappingProxyType(
    {
        "add": Meaning(lambda x, c: x + c),
        "subtract": Meaning(lambda x, c: x - c),
        "subtract_from": Meaning(lambda x, c: c - x, lambda c: -np.ones_like(c)),
        "multiply": Meaning(lambda x, c: x * c, np.sign),
        "divide": Meaning(lambda x, c: x / c, np.sign),
        "normalize": Meaning(lambda x, factor, rest: x * factor + rest, lambda f, r: np.sign(f)),
        "clip": Meaning(lambda x, low, high: np.minimum(np.maximum(x, low), high)),
    }
)


@dataclass(frozen=True, eq=False)
class EpilogueStep:
    """One operation; ``values`` are float32 constants, ``[]`` or ``[channels]``."""

    kind: str
    values: tuple[np.ndarray, ...] = ()

    def apply(self, x: np.ndarray) -> np.ndarray:
        """The result for float32 ``[..., channels]``."""
        return STEPS[self.kind].apply(x, *self.values)

    @property
    def sign(self) -> np.ndarray:
        """1 where the result rises with the input, -1 where it falls, 0 where it does neither."""
        return STEPS[self.kind].sign(*self.values).astype(np.int64)

    @property
    def per_channel(self) -> bool:
        return any(value.ndim for value in self.values)

    def take(self, channels: np.ndarray | slice | list[int]) -> "EpilogueStep":
        return EpilogueStep(self.kind, tuple(v[channels] if v.ndim else v for v in self.values))


def normalize(
    scale: np.ndarray, bias: np.ndarray, mean: np.ndarray, variance: np.ndarray, epsilon: float
) -> EpilogueStep:
    """The step of a batch normalization by float32 ``[channels]``, folded as in ONNX Runtime's CPU
    kernel."""
    factor = np.float32(1) / np.sqrt(variance + np.float32(epsilon)) * scale
    return EpilogueStep("normalize", (factor, bias - mean * factor))


def run(steps: tuple[EpilogueStep, ...], x: np.ndarray) -> np.ndarray:
    """Apply all steps in order to float32 ``[..., channels]``."""
    for step in steps:
        x = step.apply(x)
    return x


def direction(steps: tuple[EpilogueStep, ...], channels: int) -> np.ndarray:
    """The direction in which results follow sums, int64 ``[channels]``: 1 or -1."""
    sign = np.ones(channels, np.int64)
    for step in steps:
        sign = sign * np.where(step.sign < 0, -1, 1)
    return sign


def _away(x: np.ndarray, rounded: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    return np.sign(x) * rounded(np.abs(x))


_HALF = np.float32(0.5)
# The modes that QONNX's Quant knows, as qonnx computes them.
ROUNDINGS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = MappingProxyType(
    {
        "ROUND": np.rint,
        "HALF_EVEN": np.rint,
        "CEIL": np.ceil,
        "FLOOR": np.floor,
        "UP": lambda x: _away(x, np.ceil),
        "DOWN": np.trunc,
        "HALF_UP": lambda x: _away(x, lambda size: np.floor(size + _HALF)),
        "HALF_DOWN": lambda x: _away(x, lambda size: np.ceil(size - _HALF)),
    }
)


@dataclass(frozen=True, kw_only=True)
class Coder:
    """From real numbers to codes ``low..high``; what a code means is ``scale * (code -
    zero_point)``.

    Parameters
    ----------
    scale, zero_point, low, high
        As the file has them.
    rounding
        A row of ``ROUNDINGS``, or ``SIGN``: 1 for what is at least 0, else -1.
    late
        The zero point is added after the rounding, as QuantizeLinear has it; Quant adds it before.
    divides
        Numbers are divided by the scale first; of BipolarQuant they are not.
    """

    scale: float
    zero_point: int
    low: int
    high: int
    rounding: str = "ROUND"
    late: bool = False
    divides: bool = True

    @property
    def offset(self) -> int:
        """How much higher the file's codes are than ours: 128 where they do not fit int8."""
        return 128 if self.high > 127 else 0

    def codes(self, real: np.ndarray) -> np.ndarray:
        """The file's own codes of float32 numbers, int64."""
        y = real / np.float32(self.scale) if self.divides else real
        if not self.late:
            y = y + np.float32(self.zero_point)
        if self.rounding == "SIGN":
            return np.where(y >= 0, 1, -1)
        y = np.clip(y, np.float32(-EXACT), np.float32(EXACT))
        if self.late:
            rounded = ROUNDINGS[self.rounding](y).astype(np.int64) + self.zero_point
            return np.clip(rounded, self.low, self.high)
        return ROUNDINGS[self.rounding](np.clip(y, self.low, self.high)).astype(np.int64)


PLAIN = Coder(scale=1.0, zero_point=0, low=-128, high=127)  # of integers: saturates them


@dataclass(frozen=True, eq=False)
class FloatEpilogue:
    """The output rule of a layer: a sum, the real number that it is, steps, and a code.

    ``unit`` are float64 ``[channels]``: the real number that a sum of 1 stands for. ``sign`` is -1
    in channels where the core computes the negative sum, because the steps fall there; the rule
    rises with every sum. Where additions of float32 are exact, the runtime's number of a sum is the
    product rounded once to float32. Elsewhere it depends on their order; order_sensitive, int64
    ``[channels]``, counts the sums of ``sums`` reachable ones whose code could depend on it.
    """

    unit: np.ndarray
    sign: np.ndarray
    steps: tuple[EpilogueStep, ...]
    coder: Coder
    order_sensitive: np.ndarray | None = None
    sums: np.ndarray | None = None

    @property
    def channels(self) -> int:
        return len(self.unit)

    @cached_property
    def low(self) -> int:
        return int(self._ends[0].min())

    @cached_property
    def high(self) -> int:
        return int(self._ends[1].max())

    @cached_property
    def _ends(self) -> np.ndarray:
        """The least and the greatest code of each channel, int64 ``[2, channels]``: steps may
        clamp."""
        sums = np.array([[-MOST_SUM], [MOST_SUM]]) * self.sign * self.unit
        with np.errstate(over="ignore", invalid="ignore"):
            real = run(self.steps, sums.astype(np.float32))
        ends = np.array([[self.coder.low], [self.coder.high]]) - self.coder.offset
        known = np.isfinite(real)
        return np.where(known, self.coder.codes(np.where(known, real, 0)) - self.coder.offset, ends)

    @property
    def even(self) -> bool:
        """Whether all steps have one width; rounding towards or away from 0 gives code 0
        another."""
        return self.coder.rounding not in ("UP", "DOWN")

    @property
    def left_shift(self) -> np.ndarray:
        """No sum is shifted to the left, int64 ``[channels]``."""
        return np.zeros(self.channels, np.int64)

    def compute(self, acc: np.ndarray) -> np.ndarray:
        """Our codes of the core's sums, int64 ``[..., channels]``."""
        return self.of_real(np.asarray(acc, np.int64) * self.sign * self.unit)

    def of_real(self, real: np.ndarray) -> np.ndarray:
        """Our codes of real numbers, float64 ``[..., channels]``, rounded to float32 before all."""
        with np.errstate(over="ignore"):
            result = run(self.steps, np.asarray(real).astype(np.float32))
            return self.coder.codes(result) - self.coder.offset

    def take(self, channels: np.ndarray | slice | list[int]) -> "FloatEpilogue":
        steps = tuple(step.take(channels) for step in self.steps)
        counts = (None if v is None else v[channels] for v in (self.order_sensitive, self.sums))
        return replace(
            self,
            unit=self.unit[channels],
            sign=self.sign[channels],
            steps=steps,
            order_sensitive=next(counts),
            sums=next(counts),
        )

    def channel(self, index: int) -> "FloatEpilogue":
        return self.take([index])

    def judged(self, least: np.ndarray, greatest: np.ndarray, error: np.ndarray) -> "FloatEpilogue":
        """The rule, with the number of sums whose code depends on the order of the runtime's
        additions.

        ``least`` and ``greatest`` are the core's sums that can occur, int64 ``[channels]``;
        ``error`` is how far the runtime's float32 number can be from a sum's exact value, float64
        ``[channels]``.
        """
        counts = np.zeros(self.channels, np.int64)
        judged = np.flatnonzero(error)
        if judged.size:
            ends = least[judged], greatest[judged]
            thresholds = find_thresholds(self.take(judged), *ends).T
            for index, begin in zip(map(int, judged), thresholds, strict=True):
                reach = int(least[index]), int(greatest[index])
                one = self.channel(index)
                counts[index] = _order_sensitive(one, begin, *reach, float(error[index]))
        return replace(self, order_sensitive=counts, sums=greatest - least + 1)


def _order_sensitive(
    rule: FloatEpilogue, thresholds: np.ndarray, least: int, greatest: int, error: float
) -> int:
    """How many sums of one channel lie so near a threshold that a difference of ``error`` crosses
    it; thresholds are in order."""
    reach = int(np.ceil(error / float(rule.unit[0]))) + 1
    if reach > MOST_BESIDE:
        return int(greatest - least + 1)
    near = _distinct(thresholds)[:, None] + np.arange(-reach - 1, reach + 1)
    near = _distinct(np.sort(near[(near >= least) & (near <= greatest)]))[:, None]
    real = near * rule.sign * rule.unit
    # What rounds to the same float32 as the sum's own number may still be another one.
    return int((rule.of_real(real - error) != rule.of_real(real + error)).sum())


def _distinct(ordered: np.ndarray) -> np.ndarray:
    return ordered[np.diff(ordered, prepend=ordered[:1] - 1) > 0]


def summing_error(terms: int, magnitude: np.ndarray, odd: np.ndarray, unit: np.ndarray):
    """How far sums of ``terms`` float32 products can be from exact ones, float64 ``[channels]``.

    ``magnitude`` are the greatest sums of the products' magnitudes, in units; ``odd`` are the odd
    factors of the scales' mantissas, multiplied, int64. Nothing is rounded where every partial sum
    is a multiple of the unit's last bit and has at most 24 bits.
    """
    exact = magnitude.astype(np.float64) * odd < EXACT
    return np.where(exact, 0.0, 1.01 * (terms + 3) * UNIT_ROUNDOFF * magnitude * unit)


def odd_factor(value: float) -> int:
    """The odd integer of which a float32 number is a multiple by a power of two."""
    mantissa = int(np.frexp(np.float32(value))[0].astype(np.float64) * EXACT)
    return mantissa // (mantissa & -mantissa)
