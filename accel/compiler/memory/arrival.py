"""Where and when the next sample's inputs arrive while a program still runs.

A host sends the next inputs as soon as their places are free. What else lies there has to be gone
by then. A line brings a word in some ten to hundred cycles, so an input's last words need their
places long after the first: each of a few pieces is in use from the layer on that works when it
begins to arrive.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ...protocol import FREE_BITS, SHORTEST_BIT
from .layer_parts import Live

BYTE_CYCLES = 10 * SHORTEST_BIT  # of the fastest line, with start and stop bit
_PIECES = (1 << FREE_BITS) - 1  # as many as the core can count


def arriving(
    inputs: Mapping[str, tuple[Live, int]], cycles: Sequence[float], after: float
) -> Iterator[Live]:
    """What the next sample's inputs take of memory, piece by piece.

    ``inputs`` are the present sample's, and the bytes of each of their words that are on the line;
    ``cycles`` are those of each layer, about. The first piece comes when no layer needs the present
    sample any more, but not before this part of the program's cycles has passed. All come before
    the last layer: the host need not wait for a result to send the rest.
    """
    ends, last = np.cumsum(cycles), len(cycles) - 1
    layers_in_use = [int(live.dies) + 1 for live, _ in inputs.values()]
    free = max(layers_in_use, default=last + 1)
    if free > last:
        return
    time = max(float(ends[free - 1]), after * float(ends[-1]))
    words = sum(live.end - live.start for live, _ in inputs.values())
    size = max(1, -(-words // _PIECES))
    for live, lanes in inputs.values():
        for start in range(live.start, live.end, size):
            end = min(start + size, live.end)
            layer = min(int(np.searchsorted(ends, time, side="right")), last)
            yield Live(live.bank, start, end, layer, last + 1)
            time += (end - start) * lanes * BYTE_CYCLES
