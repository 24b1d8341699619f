"""Leaves out blocks of input channels whose weights are all zero, as pruned networks have them.

A block is one word of a tap: as many input channels as the array has rows, and as many steps.
Groups of output channels that need the same blocks become a layer of their own. It walks the
smallest box of outer taps, inner taps and blocks that contains them. Groups stay together where a
further layer would take longer than the blocks that it leaves out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod

import numpy as np

from ...config import AcceleratorConfig
from ...isa import Isa
from ..ir.costs import PART_CYCLES
from ..ir.descriptor import Descriptor
from .dataflows import LoopNest, problem_of

_MOST_RUNS = 64  # of groups with the same blocks; of more, neighbouring runs are taken together


@dataclass(frozen=True)
class _Nest:
    """Three loops that walk all blocks of a tile in their order.

    Parameters
    ----------
    trip_counts
        Of the outer, the inner and the innermost loop.
    apart
        Words from an iteration of the outer and of the inner loop to the next.
    free
        The loops are not the kernel's, and no block is outside the input: coordinates do not
        matter.
    """

    trip_counts: tuple[int, int, int]
    apart: tuple[int, int]
    free: bool


@dataclass(frozen=True)
class _Box:
    """Some iterations in a row of each loop of a nest."""

    nest: _Nest
    spans: tuple[slice, slice, slice]

    @property
    def trip_counts(self) -> tuple[int, int, int]:
        outer, inner, blocks = (span.stop - span.start for span in self.spans)
        return outer, inner, blocks

    @property
    def blocks(self) -> int:
        return prod(self.trip_counts)

    def descriptor(self, whole: Descriptor) -> Descriptor:
        """The descriptor of the layer that walks the box, from that of the one that walks all."""
        (outer_words, inner_words), (outer, inner, blocks) = self.nest.apart, self.trip_counts
        outer_span, inner_span, block_span = self.spans
        first = outer_span.start * outer_words + inner_span.start * inner_words + block_span.start
        found = replace(
            whole,
            input_base=whole.input_base + first,
            outer_taps=outer,
            inner_taps=inner,
            blocks=blocks,
            tap_inner_step=inner_words - (blocks - 1),
            tap_outer_step=outer_words - (inner - 1) * inner_words - (blocks - 1),
        )
        if self.nest.free:  # coordinates count up from that of the first tap, within a larger input
            return replace(
                found,
                outer_origin=whole.outer_origin + outer - whole.outer_taps,
                inner_origin=whole.inner_origin + inner - whole.inner_taps,
                outer_size=whole.outer_size + outer - 1,
                inner_size=whole.inner_size + inner - 1,
            )
        return replace(
            found,
            outer_origin=whole.outer_origin + outer_span.stop - whole.outer_taps,
            inner_origin=whole.inner_origin + inner_span.stop - whole.inner_taps,
        )


@dataclass(frozen=True)
class _GroupRange:
    """Groups from ``first`` up to ``end`` and the box that they walk.

    ``used`` is bool ``[blocks]``: which of the tile's blocks have weights. ``cycles`` estimates
    what the part takes as a layer of its own.
    """

    first: int
    end: int
    used: np.ndarray
    box: _Box
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
        self.nests = list(_nests(whole.descriptor))

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
        """Join neighbours, those first that save most, as long as that takes no longer."""

        def together(a: _GroupRange, b: _GroupRange) -> _GroupRange:
            return self._range(a.first, b.end, a.used | b.used)

        pairs = [together(a, b) for a, b in pairwise(parts)]
        while pairs:
            gains = [
                a.cycles + b.cycles - pair.cycles
                for (a, b), pair in zip(pairwise(parts), pairs, strict=True)
            ]
            best = int(np.argmax(gains))
            if gains[best] < 0:
                break
            parts[best : best + 2] = [pairs[best]]
            del pairs[best]
            for index in (best - 1, best):
                if 0 <= index < len(pairs):
                    pairs[index] = together(parts[index], parts[index + 1])
        return parts

    def _range(self, first: int, end: int, used: np.ndarray) -> _GroupRange:
        config, isa, descriptor = self.config, self.isa, self.whole.descriptor
        box = min((_around(used, nest) for nest in self.nests), key=lambda box: box.blocks)
        steps = box.blocks * config.rows
        groups = descriptor.groups if descriptor.shared else end - first
        rows = -(-steps // config.steps_per_weight_row)
        words = descriptor.parameter_words(isa) + rows * config.words_per_weight_row
        tile = max(steps, descriptor.tile_cycles(config))
        work = groups * descriptor.tiles(config.rows) * tile
        stream = words * (1 if descriptor.shared else groups)
        cycles = PART_CYCLES + descriptor.table_words(isa) + words + max(work, stream)
        return _GroupRange(first, end, used, box, cycles)

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


def _nests(descriptor: Descriptor) -> Iterator[_Nest]:
    """The layer's own loops; then others for the same words, where these lie in a row."""
    outer, inner, blocks = descriptor.outer_taps, descriptor.inner_taps, descriptor.blocks
    inner_words = descriptor.tap_inner_step + blocks - 1
    outer_words = descriptor.tap_outer_step + (inner - 1) * inner_words + blocks - 1
    yield _Nest((outer, inner, blocks), (outer_words, inner_words), False)
    in_a_row = outer == 1 and (inner == 1 or inner_words == blocks)
    if not in_a_row or _leaves_input(descriptor):
        return
    total = inner * blocks
    for innermost in _divisors(total):
        for middle in _divisors(total // innermost):
            trip_counts = total // innermost // middle, middle, innermost
            yield _Nest(trip_counts, (middle * innermost, innermost), True)


def _divisors(number: int) -> list[int]:
    return [n for n in range(1, number + 1) if number % n == 0]


def _leaves_input(d: Descriptor) -> bool:
    """Whether a tap of any position is outside the input."""
    for taps, origin, positions, stride, size in (
        (d.inner_taps, d.inner_origin, d.run, d.inner_stride, d.inner_size),
        (d.outer_taps, d.outer_origin, d.runs, d.outer_stride, d.outer_size),
    ):
        last = origin - 1 + (positions - 1) * stride
        if origin < taps or last >= size:
            return True
    return False


def _around(used: np.ndarray, nest: _Nest) -> _Box:
    """The smallest box with all blocks that are used; with one block if none is."""
    indices = np.nonzero(used.reshape(nest.trip_counts))
    if not len(indices[0]):
        return _Box(nest, (slice(0, 1), slice(0, 1), slice(0, 1)))
    outer, inner, blocks = (slice(int(n.min()), int(n.max()) + 1) for n in indices)
    return _Box(nest, (outer, inner, blocks))
