"""The constants of `division` that meet the bounds of a step function's thresholds.

Each threshold that a channel reaches bounds the offset, linearly in the divisor. So the slack that
is left to the offsets is a concave function of the divisor, and the divisors that leave any are an
interval. Offsets have a grain, for which the best divisor may be the wrong one: then the others of
the interval are tried.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..rules.rules import Rule
from ..rules.thresholds import find_thresholds
from .division import (
    DIVISOR_BITS,
    FORMS,
    FRACTION_BITS,
    OFFSET_BITS,
    OFFSET_DROPPED_BITS,
    OFFSET_SHARED_BITS,
    TIE_BITS,
    TOTAL_BITS,
)

UNREACHABLE = np.int64(1) << 60
MOST_DIVISOR = (1 << DIVISOR_BITS) - 1
GRAIN = 1 << OFFSET_DROPPED_BITS
SHARING = 1 << OFFSET_BITS - OFFSET_SHARED_BITS  # offsets from a multiple of it share their bits
_COARSER = 2  # forms beside the finest that may do where that has no constants
_DIVISORS = 512  # of an interval that are tried
_FRACTION = np.asarray(FRACTION_BITS)


class Channels:
    """A problem to solve: a rule, the biased sums of its channels, and the thresholds of their
    codes."""

    def __init__(self, rule: Rule, bias: np.ndarray, least: np.ndarray, greatest: np.ndarray):
        self.rule, self.codes = rule, (rule.low, rule.high)
        self.bias, least, greatest = (np.asarray(a, np.int64) for a in (bias, least, greatest))
        self.low, self.high = least + self.bias, greatest + self.bias
        self.thresholds = find_thresholds(rule, self.low, self.high)
        self.reached = (self.thresholds > self.low) & (self.thresholds <= self.high)

    def take(self, channels: np.ndarray) -> "Channels":
        """Some channels alone, with the codes of all: the hardware clamps all alike."""
        taken = object.__new__(Channels)
        taken.rule, taken.codes = self.rule.take(channels), self.codes
        taken.bias, taken.low, taken.high = (a[channels] for a in (self.bias, self.low, self.high))
        taken.thresholds = self.thresholds[:, channels]
        taken.reached = self.reached[:, channels]
        return taken


@dataclass(frozen=True, eq=False)
class Constants:
    """Constants of some channels, split at ``zeros``; the offsets' slack is in sums."""

    zeros: np.ndarray
    divisor: np.ndarray
    offset: np.ndarray
    offset_negative: np.ndarray
    form: np.ndarray
    slack: np.ndarray
    feasible: np.ndarray
    parity: int | None

    def put(self, where: np.ndarray, other: "Constants") -> "Constants":
        """These, but another one's in the channels ``where``, numbers, in which they are feasible
        and these are not."""
        better = ~self.feasible[where] & other.feasible
        merged = {}
        for name in ("divisor", "offset", "offset_negative", "form", "slack", "feasible"):
            merged[name] = getattr(self, name).copy()
            merged[name][where[better]] = getattr(other, name)[better]
        return replace(self, **merged)


def sums_fit(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Whether biased sums have room in the hardware."""
    limit = 1 << TOTAL_BITS - 1
    return (low >= -limit) & (high < limit)


def fit_records(divisor: np.ndarray, offset: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Whether a divisor and both offsets have room in the channel parameters."""
    fit = (divisor > 0) & (divisor <= MOST_DIVISOR)
    for one in (offset, other):
        fit &= (one >= 0) & (one < 1 << OFFSET_BITS) & (one % GRAIN == 0)
    return fit & (offset // SHARING == other // SHARING)


def constants_of(
    asked: Channels, channels: np.ndarray, zeros: np.ndarray, parity: int | None
) -> Constants:
    """Constants of some channels, each split at a biased sum: of the finest form that has some."""
    form = finest_forms(asked)[channels]
    found = _constants_at(form, asked, channels, zeros, parity)
    rest, divisor = np.flatnonzero(~found.feasible & (form > 0)), found.divisor
    for coarser in range(1, FORMS):
        if coarser > _COARSER:  # it has been too fine only where the divisor has no more room
            rest = rest[divisor[rest] >= MOST_DIVISOR - 1]
        if not len(rest):
            break
        form[rest] -= 1
        tried = _constants_at(form[rest], asked, channels[rest], zeros[rest], parity)
        found, divisor = found.put(rest, tried), divisor.copy()
        divisor[rest] = tried.divisor
        rest = rest[~tried.feasible & (form[rest] > 0)]
    return found


def finest_forms(asked: Channels) -> np.ndarray:
    """The finest form of each channel in which a divisor has room for the sums of a code."""
    width = _least_width(asked) << _FRACTION[:, None]
    return np.maximum((width <= MOST_DIVISOR).sum(axis=0) - 1, 0)


def _least_width(asked: Channels) -> np.ndarray:
    """How many sums a code of each channel has at least, int64 ``[channels]``."""
    thresholds, reached = asked.thresholds, asked.reached
    codes, channels = len(thresholds), np.arange(len(asked.low))
    if not codes:
        return np.ones_like(channels)
    lowest = reached.argmax(axis=0)
    highest = codes - 1 - reached[::-1].argmax(axis=0)
    between = thresholds[highest, channels] - thresholds[lowest, channels] - 1
    within = between // np.maximum(highest - lowest, 1)
    # Where there are further codes beyond both ends, all sums have no more than these.
    open_ = reached.any(axis=0) & (lowest > 0) & (highest < codes - 1)
    whole = np.where(open_, (asked.high - asked.low) // (highest - lowest + 2), 0)
    return np.maximum(np.maximum(np.where(reached.any(axis=0), within, 0), whole), 1)


def _constants_at(
    form: np.ndarray,
    asked: Channels,
    channels: np.ndarray,
    zeros: np.ndarray,
    parity: int | None,
) -> Constants:
    sides, divisor = sides_of(form, asked, channels, zeros, parity)
    fit = sums_fit(asked.low[channels] - zeros, asked.high[channels] - zeros)
    slack = _slack(sides, divisor)
    positive, negative, good = _offsets(sides, divisor)
    for index in np.flatnonzero(fit & ~good & (slack >= 0)).tolist():
        one = [side.channel(index) for side in sides]
        divisors = _divisors(one, divisor[index : index + 1])
        offset, other, fine = _offsets(one, divisors)
        chosen = int(fine.argmax())
        if fine[chosen]:
            divisor[index], good[index] = divisors[chosen], True
            positive[index], negative[index] = offset[chosen], other[chosen]
    slack = slack / (1 << _FRACTION[form])
    return Constants(zeros, divisor, positive, negative, form.copy(), slack, fit & good, parity)


def _offsets(sides: list["Side"], divisor: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Offsets of both signs, equal or nearly so, and whether they are within the bounds."""
    least = [side.least(divisor) for side in sides]
    greatest = [side.greatest(divisor) for side in sides]
    most = (1 << OFFSET_BITS) - 1
    low, low_negative = (-(-bound // GRAIN) * GRAIN for bound in least)
    high, high_negative = (np.minimum(bound, most) // GRAIN * GRAIN for bound in greatest)
    first, last = np.maximum(low, low_negative), np.minimum(high, high_negative)
    same = (first + last >> 1) // GRAIN * GRAIN
    above = low > high_negative
    offset = np.where(first <= last, same, np.where(above, low, high))
    other = np.where(first <= last, same, np.where(above, high_negative, low_negative))
    good = (low <= high) & (low_negative <= high_negative)
    return offset, other, good & fit_records(divisor, offset, other)


def _divisors(one: list["Side"], best: np.ndarray) -> np.ndarray:
    """Divisors of one channel that leave its offsets some slack, as the best one does."""
    ends = []
    for sign in (-1, 1):
        near, far = 0, 1
        while 0 < best[0] + sign * far <= MOST_DIVISOR and _slack(one, best + sign * far)[0] >= 0:
            near, far = far, 2 * far
        while far - near > 1:
            middle = (near + far) // 2
            at = best + sign * middle
            if 0 < at[0] <= MOST_DIVISOR and _slack(one, at)[0] >= 0:
                near = middle
            else:
                far = middle
        ends.append(int(best[0]) + sign * near)
    first, last = ends
    if last - first < _DIVISORS:
        return np.arange(first, last + 1)
    return np.linspace(first, last, _DIVISORS).astype(np.int64)


def sides_of(
    form: np.ndarray, asked: Channels, channels: np.ndarray, zeros: np.ndarray, parity: int | None
) -> tuple[list["Side"], np.ndarray]:
    """The bounds on the offsets of both signs, and the divisors that leave them the most slack."""
    fraction = _FRACTION[form]
    thresholds = asked.thresholds[:, channels] - zeros
    low, high = asked.low[channels] - zeros, asked.high[channels] - zeros
    least, most = asked.codes
    codes = np.arange(least + 1, most + 1, dtype=np.int64)[:, None] + 128
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
    sides: list["Side"], fraction: np.ndarray, thresholds: np.ndarray, reached: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Divisors that the best one of each channel lies between: near the mean sums of a code.

    Where that guess does not hold, all divisors.
    """
    channels = np.arange(reached.shape[1])
    if not len(reached):  # a single code
        return np.ones_like(channels), np.full_like(channels, MOST_DIVISOR)
    lowest = reached.argmax(axis=0)
    highest = len(reached) - 1 - reached[::-1].argmax(axis=0)
    codes = np.maximum(highest - lowest, 1)
    sums = thresholds[highest, channels] - thresholds[lowest, channels]
    # Each threshold is a whole number of sums, which puts the mean off by one at most.
    guess, width = (sums << fraction) // codes, (2 << fraction) // codes + 1
    first, last = (np.clip(g, 1, MOST_DIVISOR) for g in (guess - width, guess + width))
    holds = (first == 1) | _rises(sides, first - 1)
    holds &= (last == MOST_DIVISOR) | ~_rises(sides, last)
    return np.where(holds, first, 1), np.where(holds, last, MOST_DIVISOR)


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
        self.at = np.where((at <= last) & (first <= last), at << fraction, UNREACHABLE)
        self.before = np.where(
            (before >= first) & (first <= last), before << fraction, -UNREACHABLE
        )

    def channel(self, index: int) -> "Side":
        """One channel alone, of as many divisors as are asked about."""
        one = object.__new__(Side)
        one.codes, one.late = self.codes, self.late
        one.at, one.before = (a[:, index : index + 1] for a in (self.at, self.before))
        return one

    def least(self, divisor: np.ndarray) -> np.ndarray:
        bounds = self.codes * divisor + self.late - self.at
        return np.maximum(bounds.max(axis=0, initial=-UNREACHABLE), 0)

    def greatest(self, divisor: np.ndarray) -> np.ndarray:
        bounds = self.codes * divisor + self.late - self.before - 1
        return np.minimum(bounds.min(axis=0, initial=UNREACHABLE), 256 * divisor)

    def bounds(self, channel: int, divisor: int) -> tuple[np.ndarray, np.ndarray]:
        """Each code's least and greatest offset, int64 ``[codes]``."""
        at_zero = (self.codes * divisor + self.late)[:, 0]
        return at_zero - self.at[:, channel], at_zero - self.before[:, channel] - 1
