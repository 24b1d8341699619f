"""Computes long dot products in parts, each a layer whose sums are kept and added to the next ones.

The ``K`` products of an output are parted where half of the weight buffer does not hold the weights
of a group of output channels, where the sums of a part would leave the array's accumulators, where
a loop has more iterations than the core counts, and where the bias takes more bits than that of one
layer. Each part is a `Box` of the loops of a tile. All parts visit positions and channels in the
same order, in which the kept sums lie in memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product

import numpy as np

from ...config import AcceleratorConfig
from ...isa import Isa
from ...numeric.formats import SubByte
from ..ir.costs import PART_CYCLES
from ..ir.descriptor import Descriptor
from .boxes import Box, Nest, lie_in_a_row, nest_of
from .dataflows import LoopNest, coordinate_problem, weight_buffer_steps

_MOST_MORE = 2  # times the fewest parts: more are not looked at


@dataclass(frozen=True)
class SumLimit:
    """What sums the array holds: those below ``magnitude``, and above minus it.

    ``sub_byte`` is the packing of the layer's bytes, if they hold several values each.
    """

    config: AcceleratorConfig
    sub_byte: SubByte | None = None

    @property
    def magnitude(self) -> int:
        return 1 << self.config.sum_bits - 1

    def excess(self, weights: np.ndarray) -> float:
        """How many times what the array holds some sums can be: of weights ``[groups, steps,
        columns]``."""
        rows = np.moveaxis(weights, 1, -1)
        if self.sub_byte:
            rows = self.sub_byte.unpack(rows)
        rows = rows.reshape(-1, int(np.prod(rows.shape[2:], dtype=np.int64)))
        least, greatest = self._range(rows)
        # In carry-save form a sum may be 1 less until its last carry is added: the least one is
        # not used.
        return max(int(greatest.max()), -int(least.min())) / self.magnitude

    def _range(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        number = self.config.number_format
        if not self.sub_byte and not number.exact:
            return number.sum_range(rows)
        low, high = self.sub_byte.range if self.sub_byte else (-128, 127)
        positive, negative = (f(rows, 0).sum(axis=1) for f in (np.maximum, np.minimum))
        return low * positive + high * negative, high * positive + low * negative


def in_parts(
    nests: Sequence[LoopNest], limit: SumLimit, config: AcceleratorConfig, least: int = 1
) -> list[LoopNest] | None:
    """Loop nests in parts that the core has room for, at least so many of each; None if it has not.

    Parts of a nest follow each other. Those of a nest in one part are the nest itself, whose sums
    are not kept.
    """
    found: list[LoopNest] = []
    for nest in nests:
        parts = _Parting(nest, limit, config).into(least)
        if parts is None:
            return None
        found += parts
    return found


class _Parting:
    """One loop nest while it is parted.

    In a broadcast layer a block is a step, and ``idle`` of the inner taps that each part walks are
    those after its own, in which the rows that are late finish.
    """

    def __init__(self, whole: LoopNest, limit: SumLimit, config: AcceleratorConfig):
        self.whole, self.limit, self.config = whole, limit, config
        descriptor = whole.descriptor
        self.unit = 1 if descriptor.broadcast else config.rows
        self.idle = _idle_steps(descriptor, config)
        self.nest = nest_of(descriptor)
        if not descriptor.broadcast and lie_in_a_row(descriptor):
            words = descriptor.inner_taps * descriptor.blocks
            self.nest = Nest((1, 1, words), (words, words), True)
        outer, inner, blocks = self.nest.trip_counts
        self.own = outer, inner - self.idle, blocks
        layout = Isa(config).descriptor
        self.most = tuple(
            1 << layout[f"{name}_less_one"].width for name in ("outer_taps", "inner_taps", "blocks")
        )

    def into(self, least: int) -> list[LoopNest] | None:
        """The parts, at least so many, of as few cycles as possible."""
        room = weight_buffer_steps(self.config)
        while pieces := self._pieces(room, least):
            nests = [self._cut(box) for box in self._boxes(pieces)]
            excess = max(self.limit.excess(nest.weights) for nest in nests)
            if excess < 1:
                return _linked(nests, least)
            largest = self._steps(pieces)
            room = min(largest - 1, int(largest / excess) + self.unit)
        return None

    def _pieces(self, room: int, least: int) -> tuple[int, int, int] | None:
        """Into how many pieces each loop is cut, so that no part has more than ``room`` weights."""
        found = []
        outer, inner, blocks = self.own
        for o, i in product(_cuts(outer), _cuts(inner)):
            taps = -(-outer // o) * -(-inner // i)
            most = min(room // (taps * self.unit), self._most_blocks())
            counts = -(-outer // o) <= self.most[0] and -(-inner // i) + self.idle <= self.most[1]
            if most and counts:
                b = -(-blocks // most)
                b = min(max(b, -(-least // (o * i))), blocks)
                found.append((o, i, b))
        fewest = min(map(np.prod, found), default=0)
        few = [pieces for pieces in found if np.prod(pieces) <= _MOST_MORE * fewest]
        return min(few, key=self._cost, default=None)

    def _most_blocks(self) -> int:
        """Blocks that the loops of a part can count: two loops where the words lie in a row."""
        return self.most[2] * (self.most[1] if self.nest.free else 1)

    def _steps(self, pieces: tuple[int, int, int]) -> int:
        """Weights of an output channel in the largest part."""
        outer, inner, blocks = (-(-n // k) for n, k in zip(self.own, pieces, strict=True))
        return outer * inner * blocks * self.unit

    def _cost(self, pieces: tuple[int, int, int]) -> tuple[int, int]:
        """Estimated cycles of all parts, and how many there are."""
        descriptor, config = self.whole.descriptor, self.config
        tiles = descriptor.groups * descriptor.tiles(config.rows)
        drained = replace(descriptor, keep_sums=True).tile_cycles(config)
        parts = int(np.prod(pieces))
        sizes = [[len(span) for span in _spans(*one)] for one in zip(self.own, pieces, strict=True)]
        cycles = sum(
            max(o * (i + self.idle) * b * self.unit, drained) for o, i, b in product(*sizes)
        )
        return tiles * cycles + parts * PART_CYCLES, parts

    def _boxes(self, pieces: tuple[int, int, int]) -> Iterator[Box]:
        spans = [_spans(n, k) for n, k in zip(self.own, pieces, strict=True)]
        for outer, inner, blocks in product(*spans):
            for part in self._countable(blocks):
                longer = slice(inner.start, inner.stop + self.idle)
                yield Box(self.nest, (_slice(outer), longer, _slice(part)))

    def _countable(self, blocks: range) -> Iterator[range]:
        """Some blocks, in one piece or in two where two loops cannot count them exactly."""
        loops = -(-len(blocks) // self.most[2])
        rest = len(blocks) % loops
        yield blocks[: len(blocks) - rest]
        if rest:
            yield blocks[len(blocks) - rest :]

    def _cut(self, box: Box) -> LoopNest:
        whole = self.whole
        groups, _, columns = whole.weights.shape
        counts = self.nest.trip_counts
        outer, inner, blocks = box.spans
        own = slice(inner.start, inner.stop - self.idle)
        weights = whole.weights.reshape(groups, *counts, self.unit, columns)
        weights = weights[:, outer, own, blocks]
        extent = _walked(box, self.config, whole.descriptor)
        late = extent.trip_counts[1] - weights.shape[2]
        if late:
            weights = np.pad(weights, [(0, 0), (0, 0), (0, late), (0, 0), (0, 0), (0, 0)])
        descriptor = _counted(extent, whole.descriptor, self.config)
        weights = weights.reshape(groups, -1, columns)
        return replace(whole, descriptor=descriptor, weights=weights)


def _without_post_op(descriptor: Descriptor) -> Descriptor:
    """The same without what is done with codes: there are only sums."""
    return replace(descriptor, residual=False, maximum=False, lookup_tables=False, pack=False)


def _slice(span: range) -> slice:
    return slice(span.start, span.stop)


def _walked(box: Box, config: AcceleratorConfig, whole: Descriptor) -> Box:
    """The box, with a further tap where a tile would have fewer steps than the array has rows."""
    outer, inner, blocks = box.spans
    taps = outer.stop - outer.start
    if not whole.broadcast or taps * (inner.stop - inner.start) >= config.rows:
        return box
    longer = slice(inner.start, inner.start + -(-config.rows // taps))
    return Box(box.nest, (outer, longer, blocks))


def _counted(box: Box, whole: Descriptor, config: AcceleratorConfig) -> Descriptor:
    """The descriptor of a box, with loops and coordinates that the core counts."""
    descriptor = box.descriptor(whole)
    if box.nest.free:  # no tap is outside the input
        loops = -(-box.blocks // (1 << Isa(config).descriptor["blocks_less_one"].width))
        return replace(
            descriptor,
            inner_taps=loops,
            blocks=box.blocks // loops,
            tap_inner_step=1,
            inner_origin=loops,
            outer_origin=1,
            inner_size=(whole.run - 1) * whole.inner_stride + loops,
            outer_size=(whole.runs - 1) * whole.outer_stride + 1,
        )
    if coordinate_problem(descriptor, config):
        idle = _idle_steps(whole, config)
        descriptor = _recounted(descriptor, "inner", whole.valid_run, idle)
        descriptor = _recounted(descriptor, "outer", whole.runs, 0)
    return descriptor


def _recounted(d: Descriptor, loop: str, positions: int, idle: int) -> Descriptor:
    """Coordinates of a loop from 0 on, unless a tap falls outside the input.

    What the last ``idle`` taps read is not used.
    """
    taps, origin, stride, size = (
        getattr(d, f"{loop}_{name}") for name in ("taps", "origin", "stride", "size")
    )
    extent = (positions - 1) * stride + taps - idle
    if origin < taps or origin - taps + extent > size:
        return d
    return replace(d, **{f"{loop}_origin": taps, f"{loop}_size": extent})


def _idle_steps(descriptor: Descriptor, config: AcceleratorConfig) -> int:
    """Steps of each run of inner taps in which the rows that are late finish."""
    return config.rows - 1 - descriptor.stride2_skip if descriptor.broadcast else 0


def _cuts(count: int) -> Iterator[int]:
    """Numbers of pieces to cut a loop into, those left out that make no piece shorter."""
    longest = None
    for pieces in range(1, count + 1):
        if -(-count // pieces) != longest:
            longest = -(-count // pieces)
            yield pieces


def _spans(count: int, pieces: int) -> list[range]:
    """So many pieces of a loop, as equal as possible."""
    ends = [count * piece // pieces for piece in range(pieces + 1)]
    return [range(*pair) for pair in pairwise(ends)]


def _linked(nests: list[LoopNest], least: int) -> list[LoopNest]:
    """The parts of a nest in order, with the flags that say what becomes of their sums.

    Where there are fewer than ``least``, the first one is repeated with weights of zero.
    """
    if len(nests) < least:
        idle = replace(nests[0], weights=np.zeros_like(nests[0].weights))
        nests = nests + [idle] * (least - len(nests))
    last = len(nests) - 1
    return [
        replace(
            nest,
            descriptor=replace(
                nest.descriptor if part == last else _without_post_op(nest.descriptor),
                keep_sums=part < last,
                add_sums=part > 0,
            ),
            part=part,
            parts=len(nests),
        )
        for part, nest in enumerate(nests)
    ]
