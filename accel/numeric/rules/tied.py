"""A rule whose exact halves are rounded up or down without order, from two that are in order.

Float32 arithmetic before a rounding leaves it to the last bit whether an exact half becomes the
upper code or the lower one, so that no division gives all steps of such a rule. Two divisions do:
one that rounds all halves up, and one that rounds them all down. Each code begins where one of them
has it begin.
"""

from dataclasses import dataclass, replace

import numpy as np

from .floating import FloatMean, FloatProduct
from .rules import Rescale, Rule
from .thresholds import find_thresholds

_SUM_ERROR = 2.0**-20  # float32's, of a sum and a scale, relative to the sum
_CODE_ERROR = 2.0**-16  # float32's, of a code, in codes
_CLOSEST = 0.25  # sums that a half may be taken to be away from where it is computed


@dataclass(frozen=True, eq=False)
class Steps:
    """Codes from ``low`` on, each of which begins at a sum of ``begins``, int64 ``[codes]``."""

    begins: np.ndarray
    low: int
    channels: int = 1

    @property
    def high(self) -> int:
        return self.low + len(self.begins)

    def compute(self, acc: np.ndarray) -> np.ndarray:
        return self.low + np.searchsorted(self.begins, np.asarray(acc, np.int64), "right")

    def take(self, channels: np.ndarray | slice | list[int]) -> "Steps":
        return replace(self, channels=len(np.arange(self.channels)[channels]))

    def channel(self, index: int) -> "Steps":
        return self.take([index])


@dataclass(frozen=True, eq=False)
class TwoRoundings:
    """A rule as the sum of what two others count, and its least code.

    ``up`` and ``down`` round halves up and down. ``counts``, int64 ``[2, 256]``, has for the codes
    of each how many codes they reach, of those that begin where this one has them begin.
    """

    up: Steps
    down: Steps
    counts: np.ndarray

    def compute(self, acc: np.ndarray) -> np.ndarray:
        """The rule's codes of sums of one channel."""
        codes = (rule.compute(acc) + 128 for rule in (self.up, self.down))
        first, second = (counts[c] for counts, c in zip(self.counts, codes, strict=True))
        return self.up.low + first + second


def two_roundings(rule: Rule, least: int, greatest: int) -> TwoRoundings | None:
    """The two rules for sums ``least..greatest`` of a rule that all channels share.

    None where the rule is not a rounded multiple of the sum but for its halves.
    """
    line = _line(rule)
    if line is None:
        return None
    zero, gap = line
    codes = np.arange(rule.low + 1, rule.high + 1)
    real = zero + (codes - 0.5) * gap
    error = _SUM_ERROR * (max(abs(least), abs(greatest)) + abs(zero)) + _CODE_ERROR * gap
    if not error < min(_CLOSEST, gap / 4):
        return None
    half = np.abs(real - np.rint(real)) <= error
    up = np.where(half, np.rint(real), np.ceil(real)).astype(np.int64)
    down = up + half
    found = find_thresholds(rule.take([0]), np.array([least]), np.array([greatest]))[:, 0]
    of_down = found != np.clip(up, least, greatest + 1)
    counts = np.zeros((2, 256), np.int64)
    for row, chosen in zip(counts, (~of_down, of_down), strict=True):
        row[codes[chosen] + 128] = 1
    first, second = (Steps(begins, rule.low, rule.channels) for begins in (up, down))
    made = TwoRoundings(first, second, np.cumsum(counts, axis=1))
    # Nothing changes between these sums.
    sums = np.clip(np.concatenate([found, up, down]), least, greatest)
    sums = np.unique(np.clip([sums, sums - 1], least, greatest))
    same = (made.compute(sums) == rule.take([0]).compute(sums[:, None])[:, 0]).all()
    return made if same else None


def _line(rule: Rule) -> tuple[float, float] | None:
    """The sum whose code is 0 before rounding, and how many sums make a code."""
    if isinstance(rule, FloatMean):
        gap = rule.count * rule.output.scale / rule.source.scale
        return rule.pixels * rule.source.zero_point - rule.output.zero_point * gap, gap
    if isinstance(rule, FloatProduct):
        gap = rule.output.scale / (rule.first.scale * rule.second.scale)
        return -rule.output.zero_point * gap, gap
    if isinstance(rule, Rescale):
        same = (rule.multiplier == rule.multiplier[0]) & (rule.shift == rule.shift[0])
        if same.all() and rule.multiplier[0] > 0:
            gap = float(np.ldexp(1 / float(rule.multiplier[0]), int(31 - rule.shift[0])))
            return -rule.zero_point * gap, gap
    return None
