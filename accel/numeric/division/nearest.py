"""Nearest divisions, for channels that no constants make equal to their contract.

Products of float32 are rounded to 24 bits and then half to even. Where a code is some thousand sums
wide, that makes steps so uneven that no division fits them all. The nearest one differs at a few
sums of millions, each by one code, and reports at how many.

Where a code is wider than the hardware's widest step, nothing is near: `ALLOWED_SHARE` and
`ALLOWED_CODES` are the limits of what may be used instead.
"""

from dataclasses import dataclass

import numpy as np

from ..rules.rules import Rescale, Rule
from ..rules.thresholds import find_thresholds
from .constants import (
    GRAIN,
    MOST_DIVISOR,
    SHARING,
    Channels,
    Constants,
    Side,
    finest_forms,
    sides_of,
    sums_fit,
)
from .division import DIVISOR_BITS, LEAST_FRACTION_BITS, OFFSET_BITS, Division
from .solver import Solution, division_of

ALLOWED_CODES = 1  # that an answer may be off by
ALLOWED_SHARE = 0.001  # of the sums that can occur
WIDEST = 1 << DIVISOR_BITS - LEAST_FRACTION_BITS  # sums that a code of a division can have

_STEPS_APART = 16
_FORMS_TRIED = 2
_BESIDE = np.array([0, *(sign << k for k in range(8) for sign in (1, -1))])


@dataclass(frozen=True, eq=False)
class NearestDivision:
    """A `Division`, and where it differs from the contract, int64 ``[channels]`` each.

    ``differing`` counts the sums that can occur and get another code, ``worst`` is by how many
    codes they differ at most.
    """

    division: Division
    differing: np.ndarray
    worst: np.ndarray


def nearest_division(
    rule: Rule, bias: np.ndarray, least: np.ndarray, greatest: np.ndarray, solution: Solution
) -> NearestDivision | None:
    """Complete what `solver.solve` found; the first four arguments are those that it was given.

    Returns ``None`` where a channel's sums do not fit the hardware at all.
    """
    asked = Channels(rule, bias, least, greatest)
    differing, worst = np.zeros((2, len(asked.low)), np.int64)
    for channel in map(int, np.flatnonzero(~solution.proved)):
        tied = np.any(np.where(solution.proved, solution.division.tie, 0))
        parities = (None, solution.division.tie_parity) if tied else (None, 0, 1)
        found = [
            c for parity in parities if (c := _nearest_division(asked, channel, parity)) is not None
        ]
        if not found:
            return None
        best = min(found, key=_rank)
        solution = solution.put(np.array([channel]), Solution(best.division, np.ones(1, bool)))
        differing[channel], worst[channel] = best.differing[0], best.worst[0]
    return NearestDivision(solution.division, differing, worst)


def _rank(one: NearestDivision) -> tuple[bool, int]:
    """The order of candidates for one channel: at most one code off first, then the fewest sums."""
    return bool(one.worst[0] > 1), int(one.differing[0])


def _nearest_division(asked: Channels, channel: int, parity: int | None) -> NearestDivision | None:
    """The candidate for one channel that violates the fewest bounds, of several splits."""
    asked = asked.take(np.array([channel]))
    steps = np.unique(asked.thresholds[asked.reached[:, 0], 0])
    zeros = np.concatenate([[0], steps[::_STEPS_APART]])
    zeros = zeros[sums_fit(asked.low - zeros, asked.high - zeros)]
    if not len(zeros):
        return None
    finest = int(finest_forms(asked)[0])
    tried = [
        _of_form(asked, form, zeros, parity)
        for form in range(finest, max(-1, finest - _FORMS_TRIED), -1)
    ]
    return min(tried, key=_rank)


def _of_form(asked: Channels, form: int, zeros: np.ndarray, parity: int | None) -> NearestDivision:
    """The candidate of one form for a channel alone."""
    forms, same = np.full(len(zeros), form), np.zeros(len(zeros), np.int64)
    sides, widest = sides_of(forms, asked, same, zeros, parity)
    right = [_best_offsets(sides, index, divisor)[0] for index, divisor in enumerate(widest)]
    index = int(np.argmax(right))
    divisors = np.clip(widest[index] + _BESIDE, 1, MOST_DIVISOR)
    offsets = [_best_offsets(sides, index, divisor) for divisor in divisors]
    best = int(np.argmax([met for met, _ in offsets]))
    positive, negative = offsets[best][1]
    constants = Constants(
        zeros=zeros[index : index + 1],
        divisor=divisors[best : best + 1],
        offset=np.array([positive]),
        offset_negative=np.array([negative]),
        form=forms[:1],
        slack=np.zeros(1),
        feasible=np.ones(1, bool),
        parity=parity,
    )
    division = division_of(asked, constants)
    return NearestDivision(division, *_differing(asked, division))


def _best_offsets(sides: list[Side], index: int, divisor: int) -> tuple[int, tuple[int, int]]:
    """How many bounds of one candidate the best offsets meet, and these, which share their highest
    bits: one side's are the best of all, the other's of those that are left."""
    found = []
    for first, second in (sides, sides[::-1]):
        met, offset = _best_offset(first, index, divisor, range(1 << OFFSET_BITS))
        begin = offset // SHARING * SHARING
        rest, other = _best_offset(second, index, divisor, range(begin, begin + SHARING))
        found.append((met + rest, (offset, other) if first is sides[0] else (other, offset)))
    return max(found)


def _best_offset(side: Side, index: int, divisor: int, within: range) -> tuple[int, int]:
    """How many bounds of one candidate the best offset within some range meets, and it."""
    least, greatest = side.bounds(index, divisor)
    offsets = np.clip(-(-least // GRAIN) * GRAIN, within.start, within.stop - GRAIN)
    met = ((least <= offsets[:, None]) & (offsets[:, None] <= greatest)).sum(axis=1)
    best = int(np.argmax(met))
    return int(met[best]), int(offsets[best])


class _Hardware:
    """A division as a function of biased sums."""

    def __init__(self, asked: Channels, division: Division):
        self.bias, self.division = asked.bias, division
        self.low, self.high = division.low, division.high

    def compute(self, acc: np.ndarray) -> np.ndarray:
        return self.division.compute(acc - self.bias)


def _differing(asked: Channels, division: Division) -> tuple[np.ndarray, np.ndarray]:
    """How many sums of one channel a division and the rule code differently, and by how much at
    most.

    Exact, int64 ``[1]`` each. On each side of the split both are monotone. They differ between the
    sum at which one of them reaches a code and the sum at which the other does, and change nowhere
    else.
    """
    zero, hardware = asked.bias - division.bias, _Hardware(asked, division)
    count = worst = 0
    for low, high in (
        (asked.low, np.minimum(asked.high, zero - 1)),
        (np.maximum(asked.low, zero), asked.high),
    ):
        if high < low:
            continue
        ends = [find_thresholds(rule, low, high)[:, 0] for rule in (asked.rule, hardware)]
        sums = np.minimum(np.concatenate([low, *ends]), high)[:, None]
        apart = np.abs(asked.rule.compute(sums) - hardware.compute(sums))
        worst = max(worst, int(apart.max()))
        first, last = np.minimum(*ends), np.maximum(*ends)
        covered = np.maximum.accumulate(np.concatenate([low, last[:-1]]))
        count += int(np.maximum(last - np.maximum(first, covered), 0).sum())
    return np.array([count]), np.array([worst])


def too_wide(rule: Rescale) -> np.ndarray:
    """Channels with more sums to a code than any division can have, bool ``[channels]``."""
    return np.ldexp(rule.multiplier.astype(float), rule.shift - 31) * WIDEST < 1
