"""Requantization as a division by a constant, and the proof that it equals a rounding contract.

From an int32 sum to an int8 code every contract is a monotone step function of at most 255 steps,
all equally wide but for rounding. With the sum's bias added, ``biased``, the hardware computes

    code + 128 = clamp(((biased << F) + offset) // divisor, low, high)

where ``offset`` is one of two constants, for ``biased >= 0`` and ``biased < 0``, since TFLite rounds
half away from zero, and ``F`` is 16, or 11 in a *coarse* channel.

A *tie* channel, which is never coarse, rounds halves to even, as float32 does. Where ``tie_parity``
is 0, an odd quotient with a remainder below ``2**TIE_BITS`` becomes one less; where it is 1, an even
one with a remainder that lacks at most as much to the divisor becomes one more: in either case its
lowest bit is inverted. A remainder of exactly 0 would not do: a product that float32 rounds to a half
to even lies up to ``2**-18`` of a code beside it, and more in units of sums.

That such constants exist is a matter of slack. The thresholds of a step function with steps ``d``
wide lie at ``ceil(k * d - c)``. The numbers ``d`` and ``c`` that give the same integers form a
polygon, at least ``1 / 255`` wide in the direction of ``c`` for its best ``d`` and at most 255
thresholds; rounding ``d`` to 16 fractional bits costs at most ``127.5 / 2**16`` of it. `solve` finds
the best divisor by a binary search over a concave function, and `Division.proves` checks every
threshold that the channel can reach against the contract's own definition.
"""

from dataclasses import dataclass, replace

import numpy as np

from .rules import Rule

FRACTION_BITS = 16
COARSE_FRACTION_BITS = 11
DIVISOR_BITS = 29
OFFSET_BITS = 37
OFFSET_DROPPED_BITS = 4
BIAS_BITS = 26
TIE_BITS = 10

_UNREACHABLE = np.int64(1) << 60


@dataclass(frozen=True, eq=False)
class Division:
    """The constants of some output channels; every field is an int64 array ``[channels]``.

    ``bias`` replaces the bias of the network; it differs where a channel has no sign to tell apart.
    ``tie`` is 1 in channels that round halves to even, ``tie_parity`` the lowest bit of code + 128
    of what is even: 0 or 1 for all of them.
    """

    bias: np.ndarray
    divisor: np.ndarray
    offset: np.ndarray
    offset_negative: np.ndarray
    coarse: np.ndarray
    low: int
    high: int
    tie: np.ndarray | int = 0
    tie_parity: int = 0

    def compute(self, sums: np.ndarray) -> np.ndarray:
        """Map raw sums, int64 ``[..., channels]``, to codes -128..127, as the hardware does."""
        biased = sums + self.bias
        fraction = np.where(self.coarse, COARSE_FRACTION_BITS, FRACTION_BITS)
        dividend = (biased << fraction) + np.where(biased < 0, self.offset_negative, self.offset)
        quotient, remainder = dividend // self.divisor, dividend % self.divisor
        if np.any(self.tie):
            rest = self.divisor - 1 - remainder if self.tie_parity else remainder
            quotient = quotient ^ (
                self.tie & (rest >> TIE_BITS == 0) & (quotient ^ self.tie_parity)
            )
        return np.clip(quotient, self.low + 128, self.high + 128) - 128


@dataclass(frozen=True, eq=False)
class Solution:
    """A `Division`, and which of its channels are proved equal to the rule, bool ``[channels]``."""

    division: Division
    proved: np.ndarray


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
    plain = _solve(rule, bias, least, greatest, None)
    if not ties or plain.proved.all():
        return plain
    tied = [_solve(rule, bias, least, greatest, parity) for parity in (0, 1)]
    best = max(tied, key=lambda solution: int((solution.proved & ~plain.proved).sum()))
    return _chosen(best.proved & ~plain.proved, best, plain)


def _chosen(where: np.ndarray, one: Solution, other: Solution) -> Solution:
    """The channels of one solution where it is to be taken, else those of the other."""
    a, b = one.division, other.division
    vectors = ("bias", "divisor", "offset", "offset_negative", "coarse", "tie")
    merged = {name: np.where(where, getattr(a, name), getattr(b, name)) for name in vectors}
    division = replace(b, tie_parity=a.tie_parity, **merged)
    return Solution(division, np.where(where, one.proved, other.proved))


def _solve(
    rule: Rule, bias: np.ndarray, least: np.ndarray, greatest: np.ndarray, parity: int | None
) -> Solution:
    """The constants without ties, or with them all to codes + 128 of a lowest bit."""
    bias, least, greatest = (np.asarray(a, np.int64) for a in (bias, least, greatest))
    low, high = least + bias, greatest + bias
    thresholds = find_thresholds(rule, low, high)

    # A channel whose codes change only on one side of zero need not tell signs apart: its biased
    # sums are moved so that the first step lies at 0, which keeps every constant small, and leaves
    # to the negative ones a single code. Where no code is ever reached, all are negative.
    reached = (thresholds > low) & (thresholds <= high)
    two_sided = (reached & (thresholds <= 0)).any(axis=0) & (reached & (thresholds > 0)).any(axis=0)
    first_step = np.where(reached, thresholds, _UNREACHABLE).min(axis=0, initial=_UNREACHABLE)
    lowest = np.where((thresholds > high).all(axis=0), high + 1, low)
    moved = np.where(two_sided, 0, np.where(reached.any(axis=0), first_step, lowest))
    low, high, thresholds = low - moved, high - moved, thresholds - moved

    best = _solve_at(FRACTION_BITS, rule, thresholds, low, high, parity)
    coarse = _solve_at(COARSE_FRACTION_BITS, rule, thresholds, low, high, None)
    use_coarse = ~best.feasible & coarse.feasible
    division = Division(
        bias=bias - moved,
        divisor=np.where(use_coarse, coarse.divisor, best.divisor),
        offset=np.where(use_coarse, coarse.offset, best.offset),
        offset_negative=np.where(use_coarse, coarse.offset_negative, best.offset_negative),
        coarse=use_coarse.astype(np.int64),
        tie=np.where(use_coarse, 0, 0 if parity is None else 1),
        tie_parity=parity or 0,
        low=rule.low,
        high=rule.high,
    )
    return Solution(division, _proves(division, rule, bias, least, greatest, thresholds + moved))


def find_thresholds(rule: Rule, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The least biased sum in ``low..high`` whose code is at least k, int64 ``[codes, channels]``.

    Row ``i`` is for ``k = rule.low + 1 + i``. Where no sum reaches k, ``high + 1`` stands.
    """
    codes = np.arange(rule.low + 1, rule.high + 1, dtype=np.int64)[:, None]
    below = np.broadcast_to(low, (len(codes), len(low))).copy()
    above = np.broadcast_to(high + 1, below.shape).copy()
    for _ in range(int((high - low + 1).max(initial=1)).bit_length()):
        middle = (below + above) >> 1
        searching = below < above
        reaches = rule.compute(np.minimum(middle, high)) >= codes
        above = np.where(searching & reaches, middle, above)
        below = np.where(searching & ~reaches, middle + 1, below)
    return above


@dataclass(frozen=True, eq=False)
class _Candidate:
    feasible: np.ndarray
    divisor: np.ndarray
    offset: np.ndarray
    offset_negative: np.ndarray


def _solve_at(
    fraction: int,
    rule: Rule,
    thresholds: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    parity: int | None,
) -> _Candidate:
    codes = np.arange(rule.low + 1, rule.high + 1, dtype=np.int64)[:, None] + 128
    # With ties an odd code + 128 comes later, or earlier where those are the even codes.
    late = (codes & 1) << TIE_BITS
    late = {None: 0 * late, 0: late, 1: -late}[parity]
    sides = [
        _Side(codes, thresholds, low, high, fraction, late, negative) for negative in (False, True)
    ]
    grain = 1 << OFFSET_DROPPED_BITS

    def slack(divisor: np.ndarray) -> np.ndarray:
        return np.minimum(*(side.greatest(divisor) - side.least(divisor) for side in sides))

    # Slack is concave in the divisor, so its slope tells on which side the best one lies.
    first = np.ones(thresholds.shape[1], np.int64)
    last = np.full(thresholds.shape[1], (1 << DIVISOR_BITS) - 1, np.int64)
    while (first < last).any():
        middle = (first + last) >> 1
        rising = (first < last) & (slack(middle + 1) > slack(middle))
        first, last = np.where(rising, middle + 1, first), np.where(rising, last, middle)

    feasible = np.ones(thresholds.shape[1], bool)
    offsets = []
    for side in sides:
        least, greatest = side.least(first), side.greatest(first)
        middle = np.clip((least + greatest) >> 1, 0, (1 << OFFSET_BITS) - 1) & -grain
        offset = np.where(middle < least, middle + grain, middle)
        feasible &= (least <= offset) & (offset <= greatest) & (0 <= offset)
        feasible &= offset < 1 << OFFSET_BITS
        offsets.append(offset)
    return _Candidate(feasible, first, *offsets)


class _Side:
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


def _proves(division, rule, bias, least, greatest, thresholds) -> np.ndarray:
    """Whether each channel equals the rule at each threshold, at its neighbour and at both ends.

    Both are monotone on each side of zero, so between these sums nothing can differ.
    """
    low, high = least + bias, greatest + bias
    zero = np.zeros_like(thresholds[:1])
    points = [thresholds, thresholds - 1, low[None], high[None], zero, zero - 1]
    biased = np.clip(np.concatenate(points), low, high)
    same = (division.compute(biased - bias) == rule.compute(biased)).all(axis=0)
    moved = biased - bias + division.bias
    limit = 1 << BIAS_BITS - 1
    fits = (moved.min(axis=0) >= -limit) & (moved.max(axis=0) < limit)
    fits &= (division.bias >= -limit) & (division.bias < limit)
    fits &= (division.divisor < 1 << DIVISOR_BITS) & (division.divisor > 0)
    return same & fits
