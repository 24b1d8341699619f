"""Where a program is parted: the core runs some layers, the driver computes, the core goes on.

Each run of the core is of the layers of a *segment*. A segment begins with the first layer that
reads what the driver writes before it. At a border nothing runs, and memory stays as it is: what
leaves the core is read first, then what enters it is written.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Protocol


class Reading(Protocol):
    """What of a layer says what it reads."""

    @property
    def source(self) -> str: ...

    @property
    def residual(self) -> str | None: ...

    @property
    def addend(self) -> str | None: ...


def segment_starts(layers: Sequence[Reading], later: Mapping[str, int]) -> tuple[int, ...]:
    """The number of the layer that each segment begins with, or of the layer after it where it has
    none.

    ``later`` has the inputs that are written before another segment than the first, and that
    segment's number.
    """
    found = [0]
    for number, layer in enumerate(layers):
        read = (layer.source, layer.residual, layer.addend)
        segment = max(later.get(name, 0) for name in read if name)
        found += [number] * (segment + 1 - len(found))
    return tuple(found + [len(layers)] * (1 + max(later.values(), default=0) - len(found)))


def segment_of(starts: Sequence[int], layer: int) -> int:
    """The segment that a layer runs in."""
    return bisect_right(starts, layer) - 1


def last_of(starts: Sequence[int], layer: int, layers: int) -> int:
    """The last layer of the segment that a layer runs in; ``layers``, their number, in the last."""
    after = bisect_right(starts, layer)
    return starts[after] - 1 if after < len(starts) else layers
