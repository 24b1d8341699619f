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
from .constants import UNREACHABLE, Channels, Constants, constants_of, fit_records, sums_fit
from .division import BIAS_BITS, Division

_STEPS_APART = 16
_BESIDE = np.arange(-3, 4)  # sums beside 0 at which signs may part, too
_VECTORS = ("bias", "divisor", "offset", "offset_negative", "form", "tie")


@dataclass(frozen=True, eq=False)
class Solution:
    """A `Division`, and which of its channels are proved equal to the rule, bool ``[channels]``."""

    division: Division
    proved: np.ndarray

    def take(self, channels: np.ndarray) -> "Solution":
        """Some channels alone."""
        taken = {name: getattr(self.division, name)[channels] for name in _VECTORS}
        return Solution(replace(self.division, **taken), self.proved[channels])

    def put(self, where: np.ndarray, other: "Solution") -> "Solution":
        """This one, but another one's channels at the channels ``where``, numbers."""
        merged = {name: getattr(self.division, name).copy() for name in _VECTORS}
        for name, values in merged.items():
            values[where] = getattr(other.division, name)
        proved = self.proved.copy()
        proved[where] = other.proved
        parity = other.division if np.any(other.division.tie) else self.division
        division = replace(self.division, tie_parity=parity.tie_parity, **merged)
        return Solution(division, proved)


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
    for splits in (_zeros, _best_splits):  # elsewhere only where need be: it takes a search
        if splits is not _zeros and not found.proved.all():
            found, _ = _improved(asked, found, [None], splits)
        if parities and not found.proved.all():
            found, parity = _improved(asked, found, parities, splits)
            parities = parities if parity is None else (parity,)
    return found


def _improved(
    asked: Channels, found: Solution, parities: Sequence[int | None], splits: Callable
) -> tuple[Solution, int | None]:
    """What was found, with more channels proved by the best of some parities, and that parity.

    The parity is ``None`` if no channel was added.
    """
    rest = np.flatnonzero(~found.proved)
    open_ = asked.take(rest)
    tried = [_split_at(open_, splits(open_, parity), parity) for parity in parities]
    best = int(np.argmax([solution.proved.sum() for solution in tried]))
    more = tried[best].proved
    return found.put(rest[more], tried[best].take(more)), parities[best] if more.any() else None


def _split_at(asked: Channels, zeros: np.ndarray, parity: int | None) -> Solution:
    """The constants of all channels, without ties or with ties to codes of one parity."""
    return _proved(asked, constants_of(asked, np.arange(len(zeros)), zeros, parity))


def _zeros(asked: Channels, parity: int | None = None) -> np.ndarray:
    """The biased sums that negative ones end before, int64 ``[channels]``: most often 0.

    A channel whose codes change only on one side of zero need not tell signs apart: its first step
    is taken, which keeps every constant small, and leaves to the negative ones a single code. Where
    no code is ever reached, all are negative. Between the steps on both sides of zero any sum would
    do, and so the nearest one is taken that leaves a bias a layer has room for.
    """
    thresholds, reached = asked.thresholds, asked.reached
    below, above = reached & (thresholds <= 0), reached & (thresholds > 0)
    two_sided = below.any(axis=0) & above.any(axis=0)
    first_step = np.where(reached, thresholds, UNREACHABLE).min(axis=0, initial=UNREACHABLE)
    over = (thresholds > asked.high).all(axis=0)
    lowest = np.where(over, asked.high + 1, asked.low)
    zeros = np.where(two_sided, 0, np.where(reached.any(axis=0), first_step, lowest))
    limit = 1 << BIAS_BITS - 1
    moved = asked.bias - np.clip(asked.bias - zeros, -limit, limit - 1)
    last = np.where(below, thresholds, -UNREACHABLE).max(axis=0, initial=-UNREACHABLE)
    next_ = np.where(above, thresholds, UNREACHABLE).min(axis=0, initial=UNREACHABLE)
    return np.where(two_sided, np.clip(moved, last, next_), moved)


def _best_splits(asked: Channels, parity: int | None) -> np.ndarray:
    """For each channel a biased sum, most often a threshold, at which a split leaves much slack."""
    best = []
    for channel, zero in enumerate(_zeros(asked)):
        steps = np.unique(asked.thresholds[asked.reached[:, channel], channel])
        for distance in (_STEPS_APART, 1):  # most often some will do
            zeros = np.concatenate([zero + _BESIDE, steps[distance // 2 :: distance]])
            found = constants_of(asked, np.full(len(zeros), channel), zeros, parity)
            if found.feasible.any():
                break
        best.append(int(zeros[np.argmax(np.where(found.feasible, found.slack, -1))]))
    return np.array(best, np.int64)


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
    fits = sums_fit(asked.low - zeros, asked.high - zeros)
    fits &= fit_records(division.divisor, division.offset, division.offset_negative)
    return Solution(division, same & fits)


def division_of(asked: Channels, constants: Constants) -> Division:
    """The division of all channels of a problem."""
    zeros = constants.zeros
    return Division(
        bias=asked.bias - zeros,
        divisor=constants.divisor,
        offset=constants.offset,
        offset_negative=constants.offset_negative,
        form=constants.form,
        tie=np.full(len(zeros), 0 if constants.parity is None else 1),
        tie_parity=constants.parity or 0,
        low=asked.codes[0],
        high=asked.codes[1],
    )
