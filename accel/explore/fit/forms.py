"""The loop nests that could compute a layer, by their sizes alone: as `schedule.dataflows` makes
them, without the weights."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from accel.compiler.diagnostics import Limit
from accel.compiler.ir.layer import Convolution
from accel.compiler.schedule.dataflows import MOST_DIAGONAL, group_channels
from accel.config import AcceleratorConfig
from accel.isa import COORDINATE_BITS, Isa

_COUNTS = ("run", "runs", "inner_taps", "outer_taps", "blocks", "groups")
_EXTENTS = ("stride", "positions_with_padding")
_OF_A_PART = ("inner_taps", "outer_taps", "blocks")  # of which a part of K has fewer


@dataclass(frozen=True)
class Form:
    """A loop nest, or ``nests`` equal ones.

    ``steps`` of a tile, of which ``stored`` have weights in the buffer; ``columns`` that have
    channel parameters. Steps are computed in ``parts``, whose sums are kept.
    """

    groups: int
    tiles: int
    steps: int
    stored: int
    columns: int
    nests: int = 1
    parts: int = 1

    def cycles(self, config: AcceleratorConfig, residual: bool) -> int:
        """Cycles of all tiles, or of the stream of weights where that takes longer."""
        drain = config.tile_cycles(int(residual), int(self.parts > 1))
        tiles = self.tiles * max(self.steps, self.parts * drain)
        return self.nests * self.groups * max(tiles, self.weight_words(config))

    def weight_words(self, config: AcceleratorConfig) -> int:
        """Memory words of a group's weights."""
        return -(-self.stored // config.steps_per_weight_row) * config.words_per_weight_row


def forms_of(c: Convolution, config: AcceleratorConfig) -> list[Form]:
    """All that the core's counters can count."""
    return [form for form, counts in _forms(c, config) if not _beyond(counts)]


def forms_in_parts(c: Convolution, config: AcceleratorConfig) -> list[Form]:
    """All that a core can compute in parts of K: positions and groups must be countable."""
    if not config.keeps_sums:
        return []
    half, inside = config.weight_rows // 2 * config.steps_per_weight_row, c.padding == (0, 0)
    found = []
    for form, counts in _forms(c, config):
        parted = {*_OF_A_PART, *((_EXTENTS[1],) if inside else ())}
        parts = max(-(-form.stored // max(1, half)), -(-counts[4] // _most_counted()[4]))
        if not {limit.unit for limit in _beyond(counts)} - parted:
            found.append(replace(form, parts=parts))
    return found


def count_limit(c: Convolution, config: AcceleratorConfig) -> Limit:
    """The count that is beyond the core's counters, of a layer that none of the forms can have."""
    worst = [
        max(_beyond(counts), key=lambda limit: limit.excess) for _, counts in _forms(c, config)
    ]
    return min(worst, key=lambda limit: limit.excess)


def _beyond(counts: "_Counts") -> list[Limit]:
    return [
        Limit(kind="form", needed=value, there=most, unit=name)
        for name, value, most in zip((*_COUNTS, *_EXTENTS), counts, _most_counted(), strict=True)
        if value > most
    ]


@cache
def _most_counted() -> tuple[int, ...]:
    """The greatest values that a descriptor has room for, in the order of ``_Counts``."""
    layout = Isa(AcceleratorConfig()).descriptor
    counts = (1 << layout[f"{name}_less_one"].width for name in _COUNTS)
    return (*counts, (1 << layout["inner_stride"].width) - 1, (1 << COORDINATE_BITS) - 1)


_Counts = tuple[int, ...]
"""Trip counts, in the order of ``_COUNTS``, then ``_EXTENTS``."""


def _forms(c: Convolution, config: AcceleratorConfig) -> Iterator[tuple[Form, _Counts]]:
    rows, (high, wide) = config.rows, c.kernel
    height, width = c.region.height, c.region.width
    words, tiles = -(-c.input_shape[2] // rows), -(-height * width // rows)
    if c.depthwise:
        if config.broadcast:
            yield from _broadcast(c, config)
        blocks, together = group_channels(config)
        step = blocks * rows
        groups, nests = -(-c.channels // step), -(-min(step, c.channels) // together)
        steps = high * wide * blocks * rows
        form = Form(groups, tiles, steps, steps, together, nests)
        yield form, (width, height, wide, high, blocks, groups, *_extents(c, rows, c.kernel))
        if c.channels * c.weights.size > MOST_DIAGONAL:
            return
    groups, steps = -(-c.channels // config.columns), high * wide * words * rows
    form = Form(groups, tiles, steps, steps, config.columns)
    yield form, (width, height, wide, high, words, groups, *_extents(c, rows, c.kernel))


def _broadcast(c: Convolution, config: AcceleratorConfig) -> Iterator[tuple[Form, _Counts]]:
    rows, counts = config.rows, (c.region.height, c.region.width)
    groups = -(-c.channels // rows)
    for i in (0, 1):  # the inner dimension: height or width
        skips = c.stride[i] == 2
        if c.stride[i] != 1 and not (skips and config.broadcast_rows > 1 and rows % 2 == 0):
            continue
        passed = 2 * counts[i] - 1 if skips else counts[i]
        run = -(-passed // rows) * rows
        for together in range(1, config.broadcast_rows + 1):
            runs, before = (-(-counts[1 - i] // max(1, n)) for n in (together, together - 1))
            if together > 1 and runs == before:
                continue  # as many runs as with fewer rows
            outer = c.kernel[1 - i] + (together - 1) * c.stride[1 - i]
            inner = max(c.kernel[i] + rows - 1 - skips, -(-rows // outer))
            stored = outer * max(1, inner + 1 - rows + skips)
            form = Form(groups, runs * run // rows, outer * inner, stored, rows)
            taps = (inner, outer) if i == 0 else (outer, inner)
            extents = _extents(c, rows, taps, together, inner=i)
            yield form, (run, runs, inner, outer, 1, groups, *extents)


def _extents(
    c: Convolution, rows: int, taps: tuple[int, int], together: int = 1, inner: int | None = None
) -> tuple[int, int]:
    """The greatest stride, and the farthest coordinate that a loop reaches, over both axes."""
    firsts = (c.region.top, c.region.left)
    reach = max(
        c.input_shape[i] + taps[i] + c.padding[i] - firsts[i] * c.stride[i] + rows for i in (0, 1)
    )
    if inner is None:
        return max(c.stride), reach
    return max(1, together * c.stride[1 - inner]), reach
