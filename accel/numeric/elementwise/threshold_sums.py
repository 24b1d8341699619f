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

MOST_SUMS = 12
_INDEX = np.arange(257)  # codes + 128, and one beyond
_NEVER = np.int64(1) << 40
_ROUNDS = 64  # in which the entries of a first block come to rest, mostly
_FEW = 8  # in which they come to rest again when codes are added, mostly
_MOST_ROUNDS = 12_000  # of a search altogether, some seconds


@dataclass(frozen=True, eq=False)
class ThresholdSum:
    """A sum of two entries of ``tables``, int64 ``[256]`` each, and what its result counts.

    ``counts``, int64 ``[256]``, has for each result the number of codes that it reaches, of those
    that this sum decides.
    """

    tables: tuple[np.ndarray, np.ndarray]
    counts: np.ndarray


def solve(values: np.ndarray) -> tuple[ThresholdSum, ...] | None:
    """Sums whose counts, added to the least value, are a function of two codes.

    ``values`` are codes, int ``[256, 256]``, of all pairs in order of their codes. None where more
    than `MOST_SUMS` would be needed, or too long a search.
    """
    return _solve(np.asarray(values, np.int8).tobytes())


@lru_cache(maxsize=16)  # a network has few sums, and the compiler lowers it several times
def _solve(table: bytes) -> tuple[ThresholdSum, ...] | None:
    codes = np.frombuffer(table, np.int8).reshape(256, 256).astype(np.int64) + 128
    wanted = (_INDEX > codes.min()) & (_INDEX <= codes.max())
    search = _Search(codes)
    found = search.by_parity(wanted) or search.greedy(wanted)
    if found is None:
        return None
    results = (lookup_tables.compute(*one.tables, -128, 127) + 128 for one in found)
    counts = sum(one.counts[result] for one, result in zip(found, results, strict=True))
    return tuple(found) if (codes.min() + counts == codes).all() else None


@dataclass(frozen=True, eq=False)
class _Entries:
    """Entries of both tables, the second one's negated, from an unknown that stands for zero, and
    the codes that their sum decides, bool ``[257]``."""

    first: np.ndarray
    negated: np.ndarray
    zero: np.int64
    decided: np.ndarray

    def as_sum(self) -> ThresholdSum:
        tables = self.first - self.zero, self.zero - self.negated
        return ThresholdSum(tables, np.cumsum(self.decided[:256]))


class _Search:
    """Looks for sums that decide the codes of a function, whose codes + 128 are ``[256, 256]``."""

    def __init__(self, codes: np.ndarray):
        self.codes, self.rounds = codes, _MOST_ROUNDS
        plane = lookup_tables.plane(codes - 128, int(codes.min()) - 128, int(codes.max()) - 128)
        self.start = _Entries(*plane, np.int64(0), np.zeros(257, bool))

    def by_parity(self, wanted: np.ndarray) -> list[ThresholdSum] | None:
        """One sum that decides the even codes, and one for the odd ones."""
        found = []
        for parity in (0, 1):
            entries = self._with(self.start, wanted & (_INDEX % 2 == parity))
            if entries is None:
                return None
            found.append(entries.as_sum())
        return found

    def greedy(self, wanted: np.ndarray) -> list[ThresholdSum] | None:
        """Sums each of which decides as many codes as it can of those that others have left."""
        found: list[ThresholdSum] = []
        rest = wanted.copy()
        while rest.any():
            entries = self.start
            for parity in (0, 1):
                entries = self._filled(entries, rest & (_INDEX % 2 == parity))
            if not entries.decided.any() or len(found) == MOST_SUMS:
                return None
            found.append(entries.as_sum())
            rest &= ~entries.decided
        return found

    def _filled(self, entries: _Entries, block: np.ndarray) -> _Entries:
        """The same sum deciding as many codes of a block more as it can."""
        inside = np.flatnonzero(block)
        if not len(inside):
            return entries
        more = self._with(entries, block)
        if more is not None:
            return more
        if len(inside) > 1:
            middle = inside[len(inside) // 2]
            for half in (block & (_INDEX < middle), block & (_INDEX >= middle)):
                entries = self._filled(entries, half)
        return entries

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

        It must reach the greatest code decided up to the pair's own, and not the next one.
        """
        below = np.maximum.accumulate(np.where(decided, _INDEX, -1))
        above = np.minimum.accumulate(np.where(decided, _INDEX, 257)[::-1])[::-1]
        least = np.where(below < 0, -_NEVER, below << FRACTION_BITS)
        greatest = np.where(above > 256, _NEVER, (above << FRACTION_BITS) - 1)
        return least[self.codes], greatest[self.codes + 1]
