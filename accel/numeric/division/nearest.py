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
from . import solver
from .division import COARSE_FRACTION_BITS, DIVISOR_BITS, OFFSET_BITS, OFFSET_DROPPED_BITS, Division
from .solver import Channels, Solution

ALLOWED_CODES = 1  # that an answer may be off by
ALLOWED_SHARE = 0.001  # of the sums that can occur
WIDEST = 1 << DIVISOR_BITS - COARSE_FRACTION_BITS  # sums that a code of a division can have

_STEPS_APART = 16
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
        where = np.arange(len(differing)) == channel
        solution = solution.taken_from(Solution(best.division, np.ones(1, bool)), where)
        differing[channel], worst[channel] = best.differing[0], best.worst[0]
    return NearestDivision(solution.division, differing, worst)


def _rank(one: NearestDivision) -> tuple[bool, int]:
    """The order of candidates for one channel: at most one code off first, then the fewest sums."""
    return bool(one.worst[0] > 1), int(one.differing[0])


def _nearest_division(asked: Channels, channel: int, parity: int | None) -> NearestDivision | None:
    """The candidate for one channel that violates the fewest bounds, of several splits."""
    steps = np.unique(asked.thresholds[asked.reached[:, channel], channel])
    zeros = np.concatenate([[0], steps[::_STEPS_APART]])
    limit = 1 << solver.BIAS_BITS - 1
    within = (asked.low[channel] - zeros >= -limit) & (asked.high[channel] - zeros < limit)
    zeros = zeros[within]
    if not len(zeros):
        return None
    tried = []
    for fraction in (solver.FRACTION_BITS, solver.COARSE_FRACTION_BITS):
        sides, widest = solver.sides_of(
            fraction, asked, np.full(len(zeros), channel), zeros, parity
        )
        right = [
            sum(_best_offset(side, index, divisor)[1] for side in sides)
            for index, divisor in enumerate(widest)
        ]
        index = int(np.argmax(right))
        divisors = np.clip(widest[index] + _BESIDE, 1, (1 << solver.DIVISOR_BITS) - 1)
        offsets = [[_best_offset(side, index, d) for side in sides] for d in divisors]
        best = int(np.argmax([sum(count for _, count in pair) for pair in offsets]))
        constants = solver.Constants(
            zeros=zeros[index : index + 1],
            divisor=divisors[best : best + 1],
            offset=np.array([offsets[best][0][0]]),
            offset_negative=np.array([offsets[best][1][0]]),
            coarse=np.array([int(fraction != solver.FRACTION_BITS)]),
            slack=np.zeros(1, np.int64),
            feasible=np.ones(1, bool),
            parity=parity,
        )
        division = solver.division_of(asked.take(channel), constants)
        tried.append(NearestDivision(division, *_differing(asked.take(channel), division)))
    return min(tried, key=_rank)


def _best_offset(side: solver.Side, index: int, divisor: int) -> tuple[int, int]:
    """The offset that meets the most bounds of one candidate, and how many those are."""
    grain = 1 << OFFSET_DROPPED_BITS
    least, greatest = side.bounds(index, divisor)
    offsets = np.clip(-(-least // grain) * grain, 0, (1 << OFFSET_BITS) - grain)
    met = ((least <= offsets[:, None]) & (offsets[:, None] <= greatest)).sum(axis=1)
    best = int(np.argmax(met))
    return int(offsets[best]), int(met[best])


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
