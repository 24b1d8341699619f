"""What of a bank is in use at which times, and the gaps between."""

from bisect import bisect
from collections.abc import Sequence

from .layer_parts import Live

Span = tuple[int, int, float, float]  # start, end, born, dies; in the order of addresses


def span_of(live: Live) -> Span:
    """The same words without their bank."""
    return live.start, live.end, live.born, live.dies


def find_gap(taken: Sequence[Span], needed: int, dies: float, words: int) -> tuple[int, int]:
    """The smallest gap of ``needed`` words that is free until ``dies``, or else the largest one.

    ``taken`` is what is in use of a bank of ``words`` words, by addresses; ``needed`` is positive.
    """
    # Most of the time of a large compilation is spent in this loop.
    at = largest = largest_size = enough = 0
    enough_size = words + 1
    for start, end, since, _ in taken:
        if since > dies or end <= at:
            continue
        size = start - at
        if size > largest_size:
            largest, largest_size = at, size
        if needed <= size < enough_size:
            enough, enough_size = at, size
        at = end
    size = words - at
    if needed <= size < enough_size:
        return at, words
    if enough_size <= words:
        return enough, enough + enough_size
    return (at, words) if size > largest_size else (largest, largest + largest_size)


def free_from(taken: Sequence[Span], start: int, dies: float, words: int) -> int:
    """Words that are free from ``start`` on, until ``dies``; the others are those of `find_gap`."""
    for begin, end, since, _ in taken:
        if end > start and since <= dies:
            return max(begin - start, 0)
    return words - start


def occupy(taken: list[Span], span: Span) -> None:
    """Take the words of ``span``, which nothing else uses meanwhile.

    What lies side by side for the same time becomes one, so that there is less to look through.
    """
    start, end, born, dies = span
    at = bisect(taken, span)
    if at < len(taken):
        after = taken[at]
        if after[0] == end and after[2] == born and after[3] == dies:
            end = after[1]
            del taken[at]
    if at:
        before = taken[at - 1]
        if before[1] == start and before[2] == born and before[3] == dies:
            start = before[0]
            at -= 1
            del taken[at]
    taken.insert(at, (start, end, born, dies))
