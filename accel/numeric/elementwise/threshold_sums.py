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

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from . import lookup_tables
from .lookup_tables import ENTRY_BITS, FRACTION_BITS

MOST_SUMS = 8
_INDEX = np.arange(257)  # codes + 128, and one beyond
_NEVER = np.int64(1) << 40
_ROUNDS = 514  # as many as the tables have unknowns: a system that has a solution is at rest then
_FEW = 24  # rounds in which a system at rest comes to rest again when bounds are added, mostly

_State = tuple[np.ndarray, np.ndarray, np.int64]


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
    than `MOST_SUMS` would be needed.
    """
    codes = np.asarray(values, np.int64) + 128
    rest = (_INDEX > codes.min()) & (_INDEX <= codes.max())
    negated = lookup_tables.plane(values, int(values.min()), int(values.max()))
    start = (*negated, np.int64(0))
    found, total = [], np.full(codes.shape, codes.min())
    while rest.any():
        taken = np.zeros(257, bool)
        state: _State | None = None
        for block in _blocks(rest):
            state, taken = _filled(codes, state or start, taken, block)
        if state is None or not taken.any() or len(found) == MOST_SUMS:
            return None
        first, second, zero = state
        tables = first - zero, zero - second
        found.append(ThresholdSum(tables, np.cumsum(taken[:256])))
        total += found[-1].counts[lookup_tables.compute(*tables, -128, 127) + 128]
        rest &= ~taken
    return tuple(found) if (total == codes).all() else None


def _blocks(rest: np.ndarray) -> Iterator[np.ndarray]:
    """The even codes of a set, then the odd ones."""
    for parity in (0, 1):
        block = rest & (_INDEX % 2 == parity)
        if block.any():
            yield block


def _filled(
    codes: np.ndarray, state: _State, taken: np.ndarray, block: np.ndarray
) -> tuple[_State, np.ndarray]:
    """A sum that decides as many codes of a block as it can, besides those that it has taken."""
    rounds = _FEW if taken.any() else _ROUNDS
    settled = _settled(state, *_bounds(codes, taken | block), rounds)
    if settled is not None:
        return settled, taken | block
    inside = np.flatnonzero(block)
    if len(inside) > 1:
        middle = inside[len(inside) // 2]
        for half in (block & (_INDEX < middle), block & (_INDEX >= middle)):
            state, taken = _filled(codes, state, taken, half)
    return state, taken


def _bounds(codes: np.ndarray, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest sum of two entries for each pair, where it decides ``levels``.

    The sum must reach the greatest of these codes up to the pair's own, and not the next one.
    """
    below = np.maximum.accumulate(np.where(levels, _INDEX, -1))
    above = np.minimum.accumulate(np.where(levels, _INDEX, 257)[::-1])[::-1]
    least = np.where(below < 0, -_NEVER, below << FRACTION_BITS)
    greatest = np.where(above > 256, _NEVER, (above << FRACTION_BITS) - 1)
    return least[codes], greatest[codes + 1]


def _settled(
    state: _State, least: np.ndarray, greatest: np.ndarray, rounds: int
) -> _State | None:
    """Entries that meet all bounds, from others that exceed none of them; None if not found."""
    limit = 1 << ENTRY_BITS - 1
    for _ in range(rounds):
        before = state
        first, second, zero = before
        first = np.minimum(first, (second + greatest).min(axis=1)).clip(None, zero + limit - 1)
        second = np.minimum(second, (first[:, None] - least).min(axis=0)).clip(None, zero + limit)
        zero = min(zero, (first + limit).min(), (second + limit - 1).min())
        state = first, second, zero
        if all((old == new).all() for old, new in zip(before, state, strict=True)):
            return state
    return None
