"""Leaves out blocks of input channels whose weights are all zero, as pruned networks have them.

Groups of output channels that need the same blocks become a layer of their own. It walks the
smallest box of outer taps, inner taps and blocks that contains them. Groups stay together where
further layers would take longer than the blocks that they leave out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ...config import AcceleratorConfig
from ...isa import Isa
from ..ir.costs import PART_CYCLES
from .boxes import Box, Nest, nests_of
from .dataflows import LoopNest, problem_of

_MOST_RUNS = 64  # of groups with the same blocks; of more, neighbouring runs are taken together


@dataclass(frozen=True)
class _GroupRange:
    """Groups from ``first`` up to ``end`` and the box that they walk.

    ``used`` is bool ``[blocks]``: which of the tile's blocks have weights. ``cycles`` estimates
    what the part takes as a layer of its own.
    """

    first: int
    end: int
    used: np.ndarray
    box: Box
    cycles: int


def without_zero_blocks(nest: LoopNest, config: AcceleratorConfig) -> list[LoopNest]:
    """Loop nests with the same sums as a dense one, without blocks whose weights are all zero."""
    groups, steps, _ = nest.weights.shape
    blocks = nest.weights.reshape(groups, steps // config.rows, -1)
    used: np.ndarray = np.any(blocks, axis=-1)
    if used.all():
        return [nest]
    found = _Split(nest, config).into(used)
    return [nest] if problem_of(found, config) else found


class _Split:
    """One loop nest while it is split into parts."""

    def __init__(self, whole: LoopNest, config: AcceleratorConfig):
        self.whole, self.config, self.isa = whole, config, Isa(config)
        self.nests = list(nests_of(whole.descriptor))
        self._boxes: dict[bytes, Box] = {}  # the smallest ones, by the blocks that are used

    def into(self, used: np.ndarray) -> list[LoopNest]:
        """The parts, where the groups use these blocks: bool ``[groups, blocks]``."""
        return [self._cut(part) for part in self._merged([*self._runs(used)])]

    def _runs(self, used: np.ndarray) -> Iterator[_GroupRange]:
        """Runs of groups that use the same blocks; several runs together if there are many."""
        groups = len(used)
        changes = 1 + np.flatnonzero((used[1:] != used[:-1]).any(axis=1))
        bounds = [0, *changes.tolist(), groups]
        stride = -(-len(bounds) // _MOST_RUNS)
        bounds = [*bounds[:-1:stride], groups]
        for first, end in pairwise(bounds):
            together: np.ndarray = np.any(used[first:end], axis=0)
            yield self._range(first, end, together)

    def _merged(self, parts: list[_GroupRange]) -> list[_GroupRange]:
        """The parts that take least time together, each of one or more neighbours."""
        cycles = [0]  # that all parts before one take at least
        last = list[_GroupRange]()  # the joined parts that end with one, in those cycles
        for end in range(1, len(parts) + 1):
            used, ways = parts[end - 1].used, list[tuple[int, _GroupRange]]()
            for first in reversed(range(end)):
                used = used | parts[first].used
                joined = self._range(parts[first].first, parts[end - 1].end, used)
                ways.append((cycles[first] + joined.cycles, joined))
            least, joined = min(ways, key=lambda way: way[0])
            cycles.append(least)
            last.append(joined)
        starts = {part.first: index for index, part in enumerate(parts)}
        found, end = list[_GroupRange](), len(parts)
        while end:
            found.append(last[end - 1])
            end = starts[found[-1].first]
        return found[::-1]

    def _range(self, first: int, end: int, used: np.ndarray) -> _GroupRange:
        config, isa, descriptor = self.config, self.isa, self.whole.descriptor
        box = self._smallest(used)
        steps = box.blocks * config.rows
        groups = descriptor.groups if descriptor.shared else end - first
        rows = -(-steps // config.steps_per_weight_row)
        words = descriptor.parameter_words(isa) + rows * config.words_per_weight_row
        tile = max(steps, descriptor.tile_cycles(config))
        work = groups * descriptor.tiles(config.rows) * tile
        stream = words * (1 if descriptor.shared else groups)
        cycles = PART_CYCLES + descriptor.table_words(isa) + words + max(work, stream)
        return _GroupRange(first, end, used, box, cycles)

    def _smallest(self, used: np.ndarray) -> Box:
        """The smallest box with all blocks that are used; many ranges use the same ones."""
        key = used.tobytes()
        if key not in self._boxes:
            boxes = (_around(used, nest) for nest in self.nests)
            self._boxes[key] = min(boxes, key=lambda box: box.blocks)
        return self._boxes[key]

    def _cut(self, part: _GroupRange) -> LoopNest:
        whole, config = self.whole, self.config
        groups, _, columns = whole.weights.shape
        shape = (groups, *part.box.nest.trip_counts, config.rows, columns)
        outer, inner, blocks = part.box.spans
        weights = whole.weights.reshape(shape)[part.first : part.end, outer, inner, blocks]
        descriptor, channels = part.box.descriptor(whole.descriptor), whole.channels
        if not descriptor.shared:
            descriptor = descriptor.of_groups(part.first, part.end, config)
            channels = channels[part.first : part.end]
        weights = weights.reshape(part.end - part.first, -1, columns)
        return LoopNest(whole.mode, descriptor, weights, channels)


def _around(used: np.ndarray, nest: Nest) -> Box:
    """The smallest box with all blocks that are used; with one block if none is."""
    indices = np.nonzero(used.reshape(nest.trip_counts))
    if not len(indices[0]):
        return Box(nest, (slice(0, 1), slice(0, 1), slice(0, 1)))
    outer, inner, blocks = (slice(int(n.min()), int(n.max()) + 1) for n in indices)
    return Box(nest, (outer, inner, blocks))
