"""Leaves out blocks of input channels whose weights are all zero, as pruned networks have them.

A block is a word of a tap: as many input channels as the array has rows, and as many steps. Groups of
output channels that need the same blocks become a layer of their own, which walks the smallest box
of taps and blocks that has them all. Groups stay together where another layer would take longer than
what it leaves out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ...config import AcceleratorConfig
from ...isa import Isa
from ..ir.command import fields_of_groups, positions
from ..ir.costs import PART_CYCLES
from .dataflows import LoopNest, problem_of

_MOST_RUNS = 64  # of groups that are looked at one by one


@dataclass(frozen=True)
class _Nest:
    """A way to walk all blocks of a tile in their order, in three loops.

    Parameters
    ----------
    turns
        Of the outer, the inner and the innermost loop.
    apart
        Words from a turn of the outer and of the inner loop to the next.
    free
        No block is outside the input, and the loops are no kernel's: coordinates do not matter.
    """

    turns: tuple[int, int, int]
    apart: tuple[int, int]
    free: bool


@dataclass(frozen=True)
class _Box:
    """Some turns of each loop of a nest."""

    nest: _Nest
    spans: tuple[slice, slice, slice]

    @property
    def counts(self) -> tuple[int, ...]:
        return tuple(span.stop - span.start for span in self.spans)

    @property
    def blocks(self) -> int:
        return int(np.prod(self.counts))

    def fields(self, fields: dict[str, int]) -> dict[str, int]:
        """Those of the layer that walks the box, from those of the one that walks all blocks."""
        (outer_words, inner_words), (outer, inner, blocks) = self.nest.apart, self.counts
        first = [span.start for span in self.spans]
        found = {
            **fields,
            "input_base": fields["input_base"] + int(np.dot(first, [outer_words, inner_words, 1])),
            "outer_taps_less_one": outer - 1,
            "inner_taps_less_one": inner - 1,
            "blocks_less_one": blocks - 1,
            "tap_inner_step": inner_words - (blocks - 1),
            "tap_outer_step": outer_words - (inner - 1) * inner_words - (blocks - 1),
        }
        for axis, span in zip(("outer", "inner"), self.spans, strict=False):
            taps = fields[f"{axis}_taps_less_one"] + 1
            count = span.stop - span.start
            if self.nest.free:  # turns count up from where the first tap was, within a larger input
                found[f"{axis}_origin"] += count - taps
                found[f"{axis}_size"] += count - 1
            else:
                found[f"{axis}_origin"] += span.stop - taps
        return found


@dataclass(frozen=True)
class _Part:
    """Groups from ``first`` up to ``end`` and the box that they walk."""

    first: int
    end: int
    used: np.ndarray  # of all blocks, those with weights
    box: _Box
    cycles: int


def without_zero_blocks(loops: LoopNest, config: AcceleratorConfig) -> list[LoopNest]:
    """The same sums of a dense layer by one or several, whose boxes have all blocks with weights."""
    groups, steps, _ = loops.weights.shape
    used = loops.weights.reshape(groups, steps // config.rows, -1).any(axis=-1)
    if used.all():
        return [loops]
    found = _Split(loops, config).into(used)
    return [loops] if problem_of(found, config) else found


class _Split:
    """A layer as it is taken apart."""

    def __init__(self, loops: LoopNest, config: AcceleratorConfig):
        self.loops, self.config, self.isa = loops, config, Isa(config)
        self.nests = list(_nests(loops.fields))

    def into(self, used: np.ndarray) -> list[LoopNest]:
        """Its parts where the groups use these blocks, bool ``[groups, blocks]``."""
        return [self._cut(part) for part in self._merged([*self._runs(used)])]

    def _runs(self, used: np.ndarray) -> Iterator[_Part]:
        """Parts of groups that use the same blocks, or of several where these are too many."""
        groups = len(used)
        changes = 1 + np.flatnonzero((used[1:] != used[:-1]).any(axis=1))
        bounds = [0, *changes.tolist(), groups]
        stride = -(-len(bounds) // _MOST_RUNS)
        bounds = [*bounds[:-1:stride], groups]
        for first, end in pairwise(bounds):
            yield self._part(first, end, used[first:end].any(axis=0))

    def _merged(self, parts: list[_Part]) -> list[_Part]:
        """Neighbours together, those first that save most, as long as that takes no longer."""

        def together(a: _Part, b: _Part) -> _Part:
            return self._part(a.first, b.end, a.used | b.used)

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

    def _part(self, first: int, end: int, used: np.ndarray) -> _Part:
        config, f = self.config, self.loops.fields
        box = min((_around(used, nest) for nest in self.nests), key=lambda box: box.blocks)
        steps = box.blocks * config.rows
        groups = f["groups_less_one"] + 1 if f["shared"] else end - first
        tiles = -(-positions(f) // config.rows)
        rows = -(-steps // config.steps_per_weight_row)
        words = self.isa.group_parameter_words(f) + rows * config.words_per_weight_row
        work = groups * tiles * max(steps, config.tile_cycles(f["residual"]))
        stream = words * (1 if f["shared"] else groups)
        cycles = PART_CYCLES + self.isa.table_words(f) + words + max(work, stream)
        return _Part(first, end, used, box, cycles)

    def _cut(self, part: _Part) -> LoopNest:
        loops, config = self.loops, self.config
        groups, _, columns = loops.weights.shape
        weights = loops.weights.reshape(groups, *part.box.nest.turns, config.rows, columns)
        weights = weights[(slice(part.first, part.end), *part.box.spans)]
        fields, channels = part.box.fields(loops.fields), loops.channels
        if not fields["shared"]:
            fields = fields_of_groups(fields, part.first, part.end, config)
            channels = channels[part.first : part.end]
        weights = weights.reshape(part.end - part.first, -1, columns)
        return LoopNest(loops.mode, fields, weights, channels)


def _nests(fields: dict[str, int]) -> Iterator[_Nest]:
    """The layer's own loops, then others for the same words where these lie in a row."""
    outer, inner, blocks = (
        fields[f"{name}_less_one"] + 1 for name in ("outer_taps", "inner_taps", "blocks")
    )
    inner_words = fields["tap_inner_step"] + blocks - 1
    outer_words = fields["tap_outer_step"] + (inner - 1) * inner_words + blocks - 1
    yield _Nest((outer, inner, blocks), (outer_words, inner_words), False)
    in_a_row = outer == 1 and (inner == 1 or inner_words == blocks)
    if not in_a_row or _leaves_input(fields):
        return
    total = inner * blocks
    for innermost in _divisors(total):
        for middle in _divisors(total // innermost):
            turns = total // innermost // middle, middle, innermost
            yield _Nest(turns, (middle * innermost, innermost), True)


def _divisors(number: int) -> list[int]:
    return [n for n in range(1, number + 1) if number % n == 0]


def _leaves_input(fields: dict[str, int]) -> bool:
    """Whether a tap of any position is outside the input."""
    for axis, run in (("inner", "run"), ("outer", "runs")):
        first = fields[f"{axis}_origin"] - fields[f"{axis}_taps_less_one"] - 1
        last = fields[f"{axis}_origin"] - 1 + fields[f"{run}_less_one"] * fields[f"{axis}_stride"]
        if first < 0 or last >= fields[f"{axis}_size"]:
            return True
    return False


def _around(used: np.ndarray, nest: _Nest) -> _Box:
    """The smallest box that has all blocks that are used; of one if none is."""
    used = used.reshape(nest.turns)
    spans = []
    for axis in range(3):
        (places,) = used.any(axis=tuple({0, 1, 2} - {axis})).nonzero()
        spans.append(slice(places[0], places[-1] + 1) if len(places) else slice(0, 1))
    return _Box(nest, tuple(spans))
