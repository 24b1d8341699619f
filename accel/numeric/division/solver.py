"""Finds the constants of `division`, and proves that they equal a rounding contract.

From an int32 sum to an int8 code every contract is a monotone step function of at most 255 steps,
all equally wide but for rounding. That constants exist is a matter of slack. The thresholds of a
step function with steps ``d`` wide lie at ``ceil(k * d - c)``. The numbers ``d`` and ``c`` that
give the same integers form a polygon, at least ``1 / 255`` wide in the direction of ``c`` for its
best ``d`` and at most 255 thresholds; rounding ``d`` to F fractional bits costs at most ``127.5 /
2**F`` of it. `solve` finds the best divisor by a binary search over a concave function, and checks
every threshold that the channel can reach against the contract's own definition.

Where negative sums end is free, since the bias is: a contract that rounds both sides of zero alike
may change its offset anywhere. Steps that no single line fits, float32's products rounded to 24
bits for instance, fit two of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..rules.rules import Rule
from ..rules.thresholds import find_thresholds
from .division import (
    BIAS_BITS,
    COARSE_FRACTION_BITS,
    DIVISOR_BITS,
    FRACTION_BITS,
    OFFSET_BITS,
    OFFSET_DROPPED_BITS,
    TIE_BITS,
    Division,
)

_UNREACHABLE = np.int64(1) << 60
_STEPS_APART = 16
_VECTORS = ("bias", "divisor", "offset", "offset_negative", "coarse", "tie")


@dataclass(frozen=True, eq=False)
class Solution:
    """A `Division`, and which of its channels are proved equal to the rule, bool ``[channels]``."""

    division: Division
    proved: np.ndarray

    def taken_from(self, other: "Solution", where: np.ndarray) -> "Solution":
        """This one, but another one's channels where bool ``[channels]`` says so."""
        a, b = other.division, self.division
        merged = {n: np.where(where, getattr(a, n), getattr(b, n)) for n in _VECTORS}
        parity = a.tie_parity if np.any(np.where(where, a.tie, 0)) else b.tie_parity
        division = replace(b, tie_parity=parity, **merged)
        return Solution(division, np.where(where, other.proved, self.proved))


def solve(
    rule: Rule,
    bias: np.ndarray,
    least: np.ndarray,
    greatest: np.ndarray,
    ties: bool = False,
) -> Solution:
    """Find the constants that make the hardware equal ``rule`` for every sum that can occur.

    Parameters
    ----------
    rule
        The contract's definition, applied to sum plus bias.
    bias, least, greatest
        The network's bias, and the raw sum's range, int64 ``[channels]``.
    ties
        Whether the hardware has tie channels, for those that cannot be proved without.
    """
    asked = Channels(rule, bias, least, greatest)
    found = _split_at(asked, _zeros(asked), None)
    parities: tuple[int, ...] = (0, 1) if ties else ()
    for splits in (None, _best_splits):  # elsewhere only where need be: it takes a search
        if splits and not found.proved.all():
            found, _ = _improved(asked, found, [None], splits)
        if parities and not found.proved.all():
            found, parity = _improved(asked, found, parities, splits)
            parities = parities if parity is None else (parity,)
    return found


class Channels:
    """A problem to solve: a rule, the biased sums of its channels, and the thresholds of their
    codes."""

    def __init__(self, rule: Rule, bias: np.ndarray, least: np.ndarray, greatest: np.ndarray):
        self.rule = rule
        self.bias, least, greatest = (np.asarray(a, np.int64) for a in (bias, least, greatest))
        self.low, self.high = least + self.bias, greatest + self.bias
        self.thresholds = find_thresholds(rule, self.low, self.high)
        self.reached = (self.thresholds > self.low) & (self.thresholds <= self.high)

    def take(self, channel: int) -> "Channels":
        """One channel alone."""
        one = slice(channel, channel + 1)
        raw = (a[one] for a in (self.low - self.bias, self.high - self.bias))
        return Channels(self.rule.take([channel]), self.bias[one], *raw)


def _improved(
    asked: Channels, found: Solution, parities: Sequence[int | None], splits: Callable | None
) -> tuple[Solution, int | None]:
    """What was found, with more channels proved by the best of some parities, and that parity.

    The parity is ``None`` if no channel was added.
    """
    tried = []
    for parity in parities:
        zeros = _zeros(asked)
        if splits:
            rest = np.flatnonzero(~found.proved)
            zeros[rest] = splits(asked, rest, parity)
        tried.append(_split_at(asked, zeros, parity))
    more = [solution.proved & ~found.proved for solution in tried]
    best = int(np.argmax([m.sum() for m in more]))
    return found.taken_from(tried[best], more[best]), parities[best] if more[best].any() else None


def _split_at(asked: Channels, zeros: np.ndarray, parity: int | None) -> Solution:
    """The constants of all channels, without ties or with ties to codes of one parity."""
    return _proved(asked, _constants(asked, np.arange(len(zeros)), zeros, parity))


def _zeros(asked: Channels) -> np.ndarray:
    """The biased sums that negative ones end before, int64 ``[channels]``: most often 0.

    A channel whose codes change only on one side of zero need not tell signs apart: its first step
    is taken, which keeps every constant small, and leaves to the negative ones a single code. Where
    no code is ever reached, all are negative.
    """
    thresholds, reached = asked.thresholds, asked.reached
    two_sided = (reached & (thresholds <= 0)).any(axis=0) & (reached & (thresholds > 0)).any(axis=0)
    first_step = np.where(reached, thresholds, _UNREACHABLE).min(axis=0, initial=_UNREACHABLE)
    above = (thresholds > asked.high).all(axis=0)
    lowest = np.where(above, asked.high + 1, asked.low)
    return np.where(two_sided, 0, np.where(reached.any(axis=0), first_step, lowest))


def _best_splits(asked: Channels, channels: np.ndarray, parity: int | None) -> list[int]:
    """For each channel a threshold at which a split leaves much slack."""
    best = []
    for channel in channels:
        steps = np.unique(asked.thresholds[asked.reached[:, channel], channel])
        steps = steps if len(steps) else np.zeros(1, np.int64)
        for distance in (_STEPS_APART, 1):  # most often some will do
            zeros = steps[distance // 2 :: distance]
            zeros = zeros if len(zeros) else steps
            found = _constants(asked, np.full(len(zeros), channel), zeros, parity)
            if found.feasible.any():
                break
        best.append(int(zeros[np.argmax(np.where(found.feasible, found.slack, -_UNREACHABLE))]))
    return best


@dataclass(frozen=True, eq=False)
class Constants:
    """Constants of some channels, split at ``zeros``; the offsets' slack is in ``2**-F`` sums."""

    zeros: np.ndarray
    divisor: np.ndarray
    offset: np.ndarray
    offset_negative: np.ndarray
    coarse: np.ndarray
    slack: np.ndarray
    feasible: np.ndarray
    parity: int | None

    def taken_from(self, other: "Constants", where: np.ndarray) -> "Constants":
        names = ("divisor", "offset", "offset_negative", "coarse", "slack", "feasible")
        merged = {n: np.where(where, getattr(other, n), getattr(self, n)) for n in names}
        return replace(self, **merged)


def _constants(
    asked: Channels, channels: np.ndarray, zeros: np.ndarray, parity: int | None
) -> Constants:
    """The best constants of some channels, each split at a biased sum."""
    fine = _constants_at(FRACTION_BITS, asked, channels, zeros, parity)
    if fine.feasible.all():
        return fine
    coarse = _constants_at(COARSE_FRACTION_BITS, asked, channels, zeros, parity)
    return fine.taken_from(coarse, coarse.feasible & ~fine.feasible)


def _constants_at(
    fraction: int, asked: Channels, channels: np.ndarray, zeros: np.ndarray, parity: int | None
) -> Constants:
    sides, divisor = sides_of(fraction, asked, channels, zeros, parity)
    slack = _slack(sides, divisor)
    limit = 1 << BIAS_BITS - 1
    feasible = (asked.low[channels] - zeros >= -limit) & (asked.high[channels] - zeros < limit)
    offsets, grain = [], 1 << OFFSET_DROPPED_BITS
    for side in sides:
        least, greatest = side.least(divisor), side.greatest(divisor)
        middle = np.clip((least + greatest) >> 1, 0, (1 << OFFSET_BITS) - 1) & -grain
        offset = np.where(middle < least, middle + grain, middle)
        feasible &= (least <= offset) & (offset <= greatest) & (offset >= 0)
        feasible &= offset < 1 << OFFSET_BITS
        offsets.append(offset)
    coarse = np.full(len(channels), fraction != FRACTION_BITS, np.int64)
    positive, negative = offsets
    return Constants(zeros, divisor, positive, negative, coarse, slack, feasible, parity)


def sides_of(
    fraction: int, asked: Channels, channels: np.ndarray, zeros: np.ndarray, parity: int | None
) -> tuple[list["Side"], np.ndarray]:
    """The bounds on the offsets of both signs, and the divisors that leave them the most slack."""
    thresholds = asked.thresholds[:, channels] - zeros
    low, high = asked.low[channels] - zeros, asked.high[channels] - zeros
    codes = np.arange(asked.rule.low + 1, asked.rule.high + 1, dtype=np.int64)[:, None] + 128
    # With ties an odd code + 128 comes later, or earlier where those are the even codes.
    late = (codes & 1) << TIE_BITS
    late = {None: 0 * late, 0: late, 1: -late}[parity]
    sides = [
        Side(codes, thresholds, low, high, fraction, late, negative) for negative in (False, True)
    ]
    # Slack is concave in the divisor, so its slope tells on which side the best one lies.
    first, last = _bracket(sides, fraction, thresholds, asked.reached[:, channels])
    while (first < last).any():
        middle = (first + last) >> 1
        rising = (first < last) & _rises(sides, middle)
        first, last = np.where(rising, middle + 1, first), np.where(rising, last, middle)
    return sides, first


def _bracket(
    sides: list["Side"], fraction: int, thresholds: np.ndarray, reached: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Divisors that the best one of each channel lies between: near the mean sums of a code.

    Where that guess does not hold, all divisors.
    """
    channels, most = np.arange(reached.shape[1]), (1 << DIVISOR_BITS) - 1
    if not len(reached):  # a single code
        return np.ones_like(channels), np.full_like(channels, most)
    lowest = reached.argmax(axis=0)
    highest = len(reached) - 1 - reached[::-1].argmax(axis=0)
    codes = np.maximum(highest - lowest, 1)
    sums = thresholds[highest, channels] - thresholds[lowest, channels]
    # Each threshold is a whole number of sums, which puts the mean off by one at most.
    guess, width = (sums << fraction) // codes, (2 << fraction) // codes + 1
    first, last = np.clip(guess - width, 1, most), np.clip(guess + width, 1, most)
    holds = ((first == 1) | _rises(sides, first - 1)) & ((last == most) | ~_rises(sides, last))
    return np.where(holds, first, 1), np.where(holds, last, most)


def _rises(sides: list["Side"], divisor: np.ndarray) -> np.ndarray:
    return _slack(sides, divisor + 1) > _slack(sides, divisor)


def _slack(sides: list["Side"], divisor: np.ndarray) -> np.ndarray:
    return np.minimum(*(side.greatest(divisor) - side.least(divisor) for side in sides))


class Side:
    """The bounds that the thresholds put on the offset of non-negative, or negative, sums.

    ``code <= quotient`` at a sum t is ``code * divisor + late - (t << F) <= offset``; ``quotient <
    code`` at t is ``offset < code * divisor + late - (t << F)``. They are asked for where the code
    first appears and just before, and, for the code in force around zero, at this side's end.
    """

    def __init__(self, codes, thresholds, low, high, fraction, late, negative):
        first, last = (low, np.minimum(high, -1)) if negative else (np.maximum(low, 0), high)
        self.codes, self.late = codes, late
        at = np.maximum(thresholds, first)
        before = np.minimum(thresholds - 1, last)
        self.at = np.where((at <= last) & (first <= last), at << fraction, _UNREACHABLE)
        self.before = np.where(
            (before >= first) & (first <= last), before << fraction, -_UNREACHABLE
        )

    def least(self, divisor: np.ndarray) -> np.ndarray:
        bounds = self.codes * divisor + self.late - self.at
        return np.maximum(bounds.max(axis=0, initial=-_UNREACHABLE), 0)

    def greatest(self, divisor: np.ndarray) -> np.ndarray:
        bounds = self.codes * divisor + self.late - self.before - 1
        return np.minimum(bounds.min(axis=0, initial=_UNREACHABLE), 256 * divisor)

    def bounds(self, channel: int, divisor: int) -> tuple[np.ndarray, np.ndarray]:
        """Each code's least and greatest offset, int64 ``[codes]``."""
        at_zero = (self.codes * divisor + self.late)[:, 0]
        return at_zero - self.at[:, channel], at_zero - self.before[:, channel] - 1


def _proved(asked: Channels, constants: Constants) -> Solution:
    """The division of all channels, with what is proved of it.

    A channel is proved if it equals the rule at each threshold, at its neighbour, at both ends and
    on both sides of where its sums are split. Both are monotone on each side of that, and the rule
    everywhere, so between these sums nothing can differ.
    """
    rule, zeros = asked.rule, constants.zeros
    division = division_of(asked, constants)
    points = [asked.thresholds, asked.thresholds - 1, *(a[None] for a in (asked.low, asked.high))]
    points += [zeros[None], zeros[None] - 1]
    biased = np.clip(np.concatenate(points), asked.low, asked.high)
    same = (division.compute(biased - asked.bias) == rule.compute(biased)).all(axis=0)
    limit = 1 << BIAS_BITS - 1
    fits = (asked.low - zeros >= -limit) & (asked.high - zeros < limit)
    fits &= (division.bias >= -limit) & (division.bias < limit)
    fits &= (division.divisor < 1 << DIVISOR_BITS) & (division.divisor > 0)
    return Solution(division, same & fits)


def division_of(asked: Channels, constants: Constants) -> Division:
    """The division of all channels of a problem."""
    zeros = constants.zeros
    return Division(
        bias=asked.bias - zeros,
        divisor=constants.divisor,
        offset=constants.offset,
        offset_negative=constants.offset_negative,
        coarse=constants.coarse,
        tie=np.full(len(zeros), 0 if constants.parity is None else 1),
        tie_parity=constants.parity or 0,
        low=asked.rule.low,
        high=asked.rule.high,
    )
