"""A function of two codes from several sums of table entries, each of which decides some codes.

ONNX Runtime rounds exact halves to even, and what it adds is rounded to float32 before: next to a
half, whether a sum reaches the upper code is another matter at each code. No sum of two entries
does that for all codes at once. For some codes at a time one does: for all even ones, for instance.

    code = low + number of codes k of the first set that first sum's result reaches
               + number of codes k of the second set that the second sum's result reaches + ...

Between two codes of its own set a sum is free, so that it has room where others decide. `solve`
finds few sets, and each sum as `lookup_tables` does. What it returns has been checked on every
pair.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from . import lookup_tables
from .lookup_tables import ENTRY_BITS, FRACTION_BITS

MOST_SUMS = 24
_INDEX = np.arange(257)  # places of codes, and one beyond
_NEVER = np.int64(1) << 40
_ROUNDS = 64  # in which the entries of a first block come to rest, mostly
_FEW = 8  # in which they come to rest again when codes are added, mostly
_MOST_ROUNDS = 12_000  # of a search altogether, some seconds


@dataclass(frozen=True, eq=False)
class ThresholdSum:
    """A sum of two entries of ``tables``, int64 ``[256]`` each, and what its result counts.

    ``counts``, int64 ``[256]``, has for each result how many codes it adds.
    """

    tables: tuple[np.ndarray, np.ndarray]
    counts: np.ndarray


def solve(values: np.ndarray, real: np.ndarray | None = None) -> tuple[ThresholdSum, ...] | None:
    """Two or more sums whose counts, added to the least value, are a function of two codes.

    ``values`` are codes, int ``[256, 256]``, of all pairs in order of their codes; ``real``, if
    given, are numbers in units of a code, float64, of which they are a non-decreasing function.
    None where more than `MOST_SUMS` would be needed, or too long a search.
    """
    table = np.asarray(values, np.int8).tobytes()
    return _solve(table, None if real is None else np.asarray(real, np.float64).tobytes())


@lru_cache(maxsize=16)  # a network has few sums, and the compiler lowers it several times
def _solve(table: bytes, real: bytes | None) -> tuple[ThresholdSum, ...] | None:
    # The place of a code among those that occur stands for it, so that entries have small steps.
    codes, places = np.unique(np.frombuffer(table, np.int8).astype(np.int64), return_inverse=True)
    places = places.reshape(256, 256)
    wanted = (_INDEX > 0) & (len(codes) > _INDEX)
    search = _Search(places, np.diff(codes))
    parities = [wanted & (parity == _INDEX % 2) for parity in (0, 1)]
    found = search.one_each(parities)
    if found is None:
        numbers = None if real is None else np.frombuffer(real).reshape(256, 256)
        found = search.by_blocks(parities if numbers is None else _alike(codes, places, numbers))
    if found is None:
        return None
    results = (lookup_tables.compute(*one.tables, -128, 127) + 128 for one in found)
    counts = sum(one.counts[result] for one, result in zip(found, results, strict=True))
    right = (codes[0] + counts == codes[places]).all()
    return tuple(found) if right and len(found) > 1 else None


def _alike(codes: np.ndarray, places: np.ndarray, real: np.ndarray) -> list[np.ndarray]:
    """Sets of places, bool ``[257]`` each, whose codes all begin at one distance from themselves.

    ``real`` are the numbers of pairs. By the distance at which the sets begin, in order.
    """
    rest = []
    for place in range(1, len(codes)):
        reached, code = places >= place, codes[place]
        rest.append((real[reached].min() - code, real[~reached].max() - code, place))
    rest.sort()
    sets = []
    while rest:
        most = rest[0][0]
        inside = [least < most for _, least, _ in rest]
        inside[0] = True
        sets.append(np.isin(_INDEX, [r[2] for r, i in zip(rest, inside, strict=True) if i]))
        rest = [r for r, i in zip(rest, inside, strict=True) if not i]
    return sets


@dataclass(frozen=True, eq=False)
class _Entries:
    """Entries of both tables, the second one's negated, from an unknown that stands for zero, and
    the places of the codes that their sum decides, bool ``[257]``."""

    first: np.ndarray
    negated: np.ndarray
    zero: np.int64
    decided: np.ndarray

    def as_sum(self, steps: np.ndarray) -> ThresholdSum:
        """The sum, where ``steps`` are from each code to the next one that occurs."""
        tables = self.first - self.zero, self.zero - self.negated
        counts = np.zeros(256, np.int64)
        counts[1 : len(steps) + 1] = np.where(self.decided[1 : len(steps) + 1], steps, 0)
        return ThresholdSum(tables, np.cumsum(counts))


class _Search:
    """Looks for sums that decide the codes of a function, of which ``places``, ``[256, 256]``, are
    the places among its codes, and ``steps`` the steps from one to the next."""

    def __init__(self, places: np.ndarray, steps: np.ndarray):
        self.places, self.steps, self.rounds = places, steps, _MOST_ROUNDS
        plane = lookup_tables.plane(places - 128, -128, len(steps) - 128)
        self.start = _Entries(*plane, np.int64(0), np.zeros(257, bool))

    def one_each(self, blocks: list[np.ndarray]) -> list[ThresholdSum] | None:
        """A sum that decides each block of codes; None unless there is one for all of them."""
        found = []
        for block in blocks:
            entries = self._with(self.start, block)
            if entries is None:
                return None
            found.append(entries.as_sum(self.steps))
        return found

    def by_blocks(self, blocks: list[np.ndarray]) -> list[ThresholdSum] | None:
        """Sums each of which decides as many of the remaining blocks of codes as it can.

        A block that no sum decides is halved.
        """
        found: list[ThresholdSum] = []
        while blocks:
            if len(found) == MOST_SUMS or not self.rounds:
                return None
            entries, rest = self.start, []
            for block in blocks:
                more = self._with(entries, block)
                entries = more or entries
                rest += [] if more else [block]
            if len(rest) < len(blocks):
                found.append(entries.as_sum(self.steps))
                blocks = rest
                continue
            inside = np.flatnonzero(blocks[0])
            if len(inside) == 1:
                return None
            lower = blocks[0] & (inside[len(inside) // 2] > _INDEX)
            blocks = [lower, blocks[0] & ~lower, *blocks[1:]]
        return found

    def _with(self, entries: _Entries, block: np.ndarray) -> _Entries | None:
        """The same sum deciding a block of codes more; None if no entries are found."""
        decided, limit = entries.decided | block, 1 << ENTRY_BITS - 1
        least, greatest = self._bounds(decided)
        state = entries.first, entries.negated, entries.zero
        for _ in range(min(_FEW if entries.decided.any() else _ROUNDS, self.rounds)):
            self.rounds -= 1
            before = first, negated, zero = state
            first = np.minimum(first, (negated + greatest).min(axis=1))
            first = first.clip(None, zero + limit - 1)
            negated = np.minimum(negated, (first[:, None] - least).min(axis=0))
            negated = negated.clip(None, zero + limit)
            zero = min(zero, (first + limit).min(), (negated + limit - 1).min())
            state = first, negated, zero
            if all((old == new).all() for old, new in zip(before, state, strict=True)):
                return _Entries(*state, decided)
        return None

    def _bounds(self, decided: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The least and the greatest sum of two entries for each pair.

        It must reach the greatest place decided up to the pair's own, and not the next one.
        """
        below = np.maximum.accumulate(np.where(decided, _INDEX, -1))
        above = np.minimum.accumulate(np.where(decided, _INDEX, 257)[::-1])[::-1]
        least = np.where(below < 0, -_NEVER, below << FRACTION_BITS)
        greatest = np.where(above > 256, _NEVER, (above << FRACTION_BITS) - 1)
        return least[self.places], greatest[self.places + 1]
