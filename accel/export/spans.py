"""Which bytes of a sample go over the line, in what order: runs of neighbours, and of one value."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from accel.compiler.lowering.input_im2col import InputMap

Span = tuple[int, int]
"""``(count, step)``: the place in the sample moves by ``step``, and ``count`` bytes from there on
are copied; or, with ``FILL`` in the count, so many bytes are all ``step``."""
FILL = 1 << 15
_LONGEST, _FARTHEST = FILL - 1, (1 << 15) - 1
_EMPTY = (0, 0)


def line_codes(stored: InputMap, rows: int, first: int, words: int) -> np.ndarray:
    """What each byte on the line holds, of words from ``first`` on: a place in the sample or,
    negative, ``-1 - value`` for a byte that is always the same; int64."""
    height, width, channels = stored.index.shape
    lanes, size = stored.layout.lanes(rows), -(-channels // rows) * rows
    codes = np.full((height * width, size), -1, np.int64)  # bytes after the channels are 0
    index = stored.index.reshape(height * width, channels)
    codes[:, :channels] = np.where(index < 0, -1 - (stored.pad & 0xFF), index)
    return codes.reshape(-1, rows)[first : first + words, :lanes].ravel()


def spans(codes: np.ndarray) -> list[Span]:
    """The runs of what `line_codes` gives. The first one is empty, so that a reader begins with the
    end of a run."""
    found, place = [_EMPTY], 0
    going = np.where(codes[:-1] < 0, codes[:-1], codes[:-1] + 1) == codes[1:]
    edges = [0, *(np.flatnonzero(~going) + 1).tolist(), len(codes)]
    for start, end in pairwise(edges):
        first = int(codes[start])
        for count in _parts(end - start, _LONGEST):
            if first < 0:
                value = -1 - first
                found.append((count | FILL, value - 256 if value > 127 else value))
                continue
            *way, last = _parts(first - place, _FARTHEST)
            found += [(0, step) for step in way] + [(count, last)]
            first = place = first + count
    return found


def _parts(total: int, most: int) -> Iterator[int]:
    """Numbers of at most this magnitude that add up to a total; one of 0 for 0."""
    while abs(total) > most:
        part = most if total > 0 else -most
        total -= part
        yield part
    yield total
