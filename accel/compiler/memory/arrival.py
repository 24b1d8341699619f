"""Where and when the next sample's inputs arrive while a program still runs.

A host sends the next inputs as soon as their places are free. What else lies there has to be gone
by then. A line brings a word in some ten to hundred cycles, so an input's last words need their
places long after the first: each of a few pieces is in use from the layer on that works when it
begins to arrive.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...protocol import FREE_BITS, SHORTEST_BIT
from .layer_parts import Live

BYTE_CYCLES = 10 * SHORTEST_BIT  # of the fastest line, with start and stop bit
_PIECES = (1 << FREE_BITS) - 1  # as many as the core can count


@dataclass(frozen=True, eq=False)
class Arriving:
    """An input: where it lies, the bytes of its words that are on the line, and the last layer that
    uses each of its words."""

    bank: int
    address: int
    lanes: int
    last_reads: np.ndarray


def arriving(inputs: Iterable[Arriving], cycles: Sequence[float], after: float) -> Iterator[Live]:
    """What the next sample's inputs take of memory, piece by piece.

    ``cycles`` are those of each layer, about. A piece comes when no layer needs the present
    sample's words there any more, but the first one not before this part of the program's cycles
    has passed. All come before the last layer: the host need not wait for a result to send the
    rest. What the last layer needs does not come, nor anything after it.
    """
    inputs = list(inputs)
    if not cycles:  # the driver does it all
        return
    ends, last = np.cumsum(cycles), len(cycles) - 1
    time = after * float(ends[-1])
    size = max(1, -(-sum(len(one.last_reads) for one in inputs) // _PIECES))
    for one in inputs:
        for first in range(0, len(one.last_reads), size):
            needed = one.last_reads[first : first + size]
            free = int(needed.max()) + 1
            if free > last:
                return
            time = max(time, float(ends[free - 1]) if free else 0.0)
            layer = min(int(np.searchsorted(ends, time, side="right")), last)
            start = one.address + first
            yield Live(one.bank, start, start + len(needed), layer, last + 1)
            time += len(needed) * one.lanes * BYTE_CYCLES
