"""The dataflows that can compute a convolution on the array: dense, grouped and broadcast.

Dense: each column computes an output channel over all input channels. Grouped: the same for the
channels of a depthwise convolution, each group of columns over its own input channels alone.
Broadcast: a depthwise convolution whose rows compute neighbouring positions; column ``c`` reads
byte ``c`` of a word that all rows share.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import gcd

import numpy as np

from ...config import AcceleratorConfig
from ...isa import COORDINATE_BITS, Isa
from ..ir.descriptor import Descriptor
from ..ir.layer import Convolution, PostOp, Region
from ..ir.stream import stored_weights

MOST_DIAGONAL = 2**23  # weights of a depthwise convolution as a dense one, mostly 0


@dataclass(frozen=True)
class LoopNest:
    """How a convolution, or part of one, is computed on the array.

    ``mode`` names the dataflow. ``weights`` are int64 ``[groups, steps, columns]``, ``channels``
    ``[groups, columns]`` the output channel of each column, -1 for none. It is one of the ``parts``
    of K that follow each other.
    """

    mode: str
    descriptor: Descriptor
    weights: np.ndarray
    channels: np.ndarray
    part: int = 0
    parts: int = 1

    def cycles(self, config: AcceleratorConfig) -> int:
        """Cycles of all tiles, without what a layer takes to start and to end."""
        descriptor = self.descriptor
        tile = max(self.weights.shape[1], descriptor.tile_cycles(config))
        return descriptor.groups * descriptor.tiles(config.rows) * tile


def flattened(c: Convolution) -> Convolution:
    """A window that covers the whole input becomes a row of taps: one loop instead of two."""
    height, width, channels = c.input_shape
    covers = c.kernel == (height, width) and c.padding == (0, 0) and c.region == Region(0, 0, 1, 1)
    if not (covers and height > 1):
        return c
    shape = (1, height * width, channels)
    weights = c.weights.reshape(shape if c.depthwise else (len(c.weights), *shape))
    return c.replace(weights=weights, input_shape=shape, stride=(1, 1))


def dataflows_of(c: Convolution, config: AcceleratorConfig) -> Iterator[list[LoopNest]]:
    """All dataflows that could compute a convolution, each as one loop nest or several."""
    if c.depthwise:
        if config.broadcast:
            for inner in ("width", "height"):
                stride = c.stride[_AXES.index(inner)]
                skips = stride == 2 and config.broadcast_rows > 1 and config.rows % 2 == 0
                if stride == 1 or skips:
                    for output_rows in _output_rows(c, config, inner):
                        yield [_broadcast(c, config, inner, output_rows)]
        yield _grouped(c, config)
        if c.channels * c.weights.size > MOST_DIAGONAL:
            return
    yield [_dense(c.as_dense(), config)]


_AXES = ("height", "width")


def _output_rows(c: Convolution, config: AcceleratorConfig, inner: str) -> Iterator[int]:
    """Output rows to broadcast to at a time: more only where fewer runs are left."""
    count = c.region.height if inner == "width" else c.region.width
    for rows in range(1, config.broadcast_rows + 1):
        if rows == 1 or -(-count // rows) < -(-count // (rows - 1)):
            yield rows


def _walk(
    c: Convolution,
    config: AcceleratorConfig,
    inner: str,
    taps: tuple[int, int, int],
    output_rows: int | None = None,
) -> Descriptor:
    """The descriptor of all dataflows but for the groups: loops, input and output addresses.

    Parameters
    ----------
    inner
        The dimension whose positions come one after another, ``width`` or ``height``.
    taps
        Trip counts of the outer taps, the inner taps and the blocks of a tap.
    output_rows
        To broadcast to as many output rows at a time; None where nothing is broadcast. Each run is
        then rounded up to whole tiles, and passes every position of a stride of 2.
    """
    _, width, channels = c.input_shape
    outer_taps, inner_taps, blocks = taps
    words = -(-channels // config.rows)
    out_words = -(-c.output_shape[2] // config.rows)
    out_width = c.output_shape[1]
    i = _AXES.index(inner)
    o = 1 - i
    size, stride, padding = c.input_shape[:2], c.stride, c.padding
    count = (c.region.height, c.region.width)
    first = (c.region.top, c.region.left)
    step, out_step = (width * words, words), (out_width * out_words, out_words)
    out_step = out_step[::-1] if c.transposed else out_step
    output_stride = tuple(steps * n for steps, n in zip(out_step, c.output_stride, strict=True))
    origin = tuple(f * s - p for f, s, p in zip(first, stride, padding, strict=True))
    skips = output_rows is not None and stride[i] == 2
    # Positions to pass, the input positions between two of them, and how many make one that is kept
    passed, pace, each = (2 * count[i] - 1, 1, 2) if skips else (count[i], stride[i], 1)
    run = passed if output_rows is None else -(-passed // config.rows) * config.rows
    together = output_rows or 1
    word, lane = divmod(c.first_channel, config.rows)
    descriptor = Descriptor(
        broadcast=output_rows is not None,
        input_base=origin[0] * step[0] + origin[1] * step[1],
        position_inner_step=pace * step[i],
        position_outer_step=together * stride[o] * step[o] - (run - 1) * pace * step[i],
        tap_inner_step=step[i] - (blocks - 1),
        tap_outer_step=(0 if c.rereads else step[o]) - (inner_taps - 1) * step[i] - (blocks - 1),
        inner_size=size[i],
        outer_size=size[o] + (outer_taps - 1 if c.rereads else 0),  # taps count rows all the same
        inner_origin=origin[i] + inner_taps,
        outer_origin=origin[o] + outer_taps,
        inner_stride=pace,
        outer_stride=together * stride[o],
        pad=c.pad,
        blocks=blocks,
        inner_taps=inner_taps,
        outer_taps=outer_taps,
        run=run,
        run_filling=run - passed,
        runs=-(-count[o] // together),
        output_base=first[0] * out_step[0] + first[1] * out_step[1] + word,
        output_lane=lane,
        output_inner_step=output_stride[i],
        output_outer_step=together * output_stride[o] - (-(-run // each) - 1) * output_stride[i],
        shared=c.uniform,
    )
    descriptor = _with_post_op(descriptor, c)
    if config.broadcast_rows == 1:
        return descriptor
    if output_rows is None:  # columns fill several words, which lie in a row
        every = config.broadcast_rows
        return replace(
            descriptor,
            output_broadcast_row_step=1,
            broadcast_rows=every,
            last_broadcast_rows=every,
        )
    return replace(
        descriptor,
        output_broadcast_row_step=output_stride[o],
        broadcast_rows=output_rows,
        last_broadcast_rows=(count[o] - 1) % output_rows + 1,
        stride2_skip=skips,
    )


def _with_post_op(descriptor: Descriptor, c: Convolution) -> Descriptor:
    post_op = c.post_op or PostOp(low=c.rule.low, high=c.rule.high)
    return replace(
        descriptor,
        residual=post_op.residual is not None,
        maximum=post_op.maximum,
        lookup_tables=post_op.lookup_tables is not None,
        pack=post_op.pack,
        sub_byte=c.sub_byte is not None,
        low=post_op.low,
        high=post_op.high,
    )


def group_channels(config: AcceleratorConfig) -> tuple[int, int]:
    """Words that a depthwise group of the array reads, and channels of them that it computes."""
    if config.columns >= config.rows:
        blocks = config.columns // config.rows
        return blocks, blocks * config.rows
    # The requantizers write together: byte lanes and channels are multiples of their number.
    together = range(config.requantizers, config.columns + 1, config.requantizers)
    return 1, max(n for n in together if config.rows % n == 0)


def _with_columns(
    descriptor: Descriptor, first: int, step: int, used: int, c: Convolution, config
) -> tuple[Descriptor, np.ndarray]:
    """The descriptor with its groups, and the output channel of each column, group by group.

    A group computes ``used`` channels; the first one begins at channel ``first``, each further one
    ``step`` channels on.
    """
    groups = max(1, -(-(c.channels - first) // step))
    table = first + np.arange(groups)[:, None] * step + np.arange(config.columns)
    table = np.where((np.arange(config.columns) < used) & (table < c.channels), table, -1)
    word, lane = divmod(descriptor.output_lane + first, config.rows)
    descriptor = replace(
        descriptor,
        groups=groups,
        output_base=descriptor.output_base + word,
        output_lane=lane,
        output_group_words=step // config.rows,
        output_group_lanes=step % config.rows,
        columns=used,
        last_columns=int((table[-1] >= 0).sum()),
    )
    return descriptor, table


def _dense(c: Convolution, config: AcceleratorConfig) -> LoopNest:
    """Each column computes an output channel over all input channels."""
    kernel_h, kernel_w = c.kernel
    words = -(-c.input_shape[2] // config.rows)
    descriptor = _walk(c, config, "width", (kernel_h, kernel_w, words))
    descriptor, channels = _with_columns(descriptor, 0, config.columns, config.columns, c, config)
    padded = np.zeros((len(c.weights), kernel_h, kernel_w, words * config.rows), np.int64)
    padded[..., : c.input_shape[2]] = c.weights
    steps = padded.reshape(len(c.weights), -1).T
    return LoopNest("dense", descriptor, _by_group(steps, channels, c.uniform), channels)


def _by_group(steps: np.ndarray, channels: np.ndarray, uniform: bool) -> np.ndarray:
    """Weights ``[groups, steps, columns]`` from ``[steps, channels]``."""
    chosen = channels[:1] if uniform else channels
    return np.where(chosen >= 0, steps[:, chosen], 0).transpose(1, 0, 2)


def _grouped(c: Convolution, config: AcceleratorConfig) -> list[LoopNest]:
    """Depthwise as a dense convolution of each group's channels with themselves."""
    kernel_h, kernel_w = c.kernel
    blocks, channels = group_channels(config)
    step = blocks * config.rows
    nests = []
    for first in range(0, min(step, c.channels), channels):
        descriptor = _walk(c, config, "width", (kernel_h, kernel_w, blocks))
        descriptor = replace(descriptor, shared=False, input_group_step=blocks)
        descriptor, table = _with_columns(descriptor, first, step, channels, c, config)
        taps = c.weights.reshape(-1, c.channels)[:, table]  # [taps, groups, columns]
        diagonal = np.zeros((len(table), len(taps), step, config.columns), np.int64)
        column = np.arange(channels)
        chosen = np.where(table >= 0, taps, 0).transpose(1, 0, 2)
        diagonal[:, :, first + column, column] = chosen[..., :channels]
        weights = diagonal.reshape(len(table), -1, config.columns)
        nests.append(LoopNest("grouped", descriptor, weights, table))
    return nests


def _broadcast(c: Convolution, config: AcceleratorConfig, inner: str, output_rows: int) -> LoopNest:
    """Depthwise with one word for all rows of the array, which compute neighbouring positions.

    Columns beyond the first ``rows`` compute further output rows, ``output_rows`` in all.
    """
    rows = config.rows
    taps = c.weights if inner == "width" else c.weights.transpose(1, 0, 2)
    outer_taps, inner_taps, _ = taps.shape
    i = _AXES.index(inner)
    apart = c.stride[1 - i]  # outer taps from those of an output row to the next one's
    all_taps = outer_taps + (output_rows - 1) * apart
    run = inner_taps + rows - 1 - (c.stride[i] == 2)
    # The rows take their positions in the first ``rows`` steps of a tile. Where every other
    # position is skipped, a single tap has a step less: it gets a second one, of zeros.
    run = max(run, -(-rows // all_taps))
    descriptor = _walk(c, config, inner, (all_taps, run, 1), output_rows)
    descriptor = replace(descriptor, input_group_step=1)
    descriptor, channels = _with_columns(descriptor, 0, rows, rows, c, config)
    parts = []
    for row in range(output_rows):
        steps = np.zeros((all_taps, run, c.channels), np.int64)
        steps[row * apart : row * apart + outer_taps, :inner_taps] = taps
        part = _by_group(steps.reshape(-1, c.channels), channels, c.uniform)
        parts.append(part[..., :rows])
    weights = np.concatenate(parts, axis=2)
    idle = np.zeros((*weights.shape[:2], config.columns - weights.shape[2]), np.int64)
    return LoopNest("broadcast", descriptor, np.concatenate([weights, idle], axis=2), channels)


# Trip counts that may be more than their fields hold, in the order in which they are named
_TRIP_COUNTS = ("run", "runs", "inner_taps", "outer_taps", "blocks", "groups")


def problem_of(nests: list[LoopNest], config: AcceleratorConfig) -> str | None:
    """Why loop nests that compute a convolution together are impossible, if they are."""
    half = weight_buffer_steps(config)
    for nest in nests:
        steps = _steps_to_hold(nest, config)
        if steps > half:
            return (
                f"{steps} weights of an output channel are more than the {half} that half of the "
                "weight buffer holds"
            )
        problem = _form_problem(nest, config)
        if problem:
            return problem
    return None


def weight_buffer_steps(config: AcceleratorConfig) -> int:
    """Reduction steps whose weights half of the weight buffer holds."""
    return config.weight_rows // 2 * config.steps_per_weight_row


def least_steps(flows: Iterable[Sequence[LoopNest]], config: AcceleratorConfig) -> int | None:
    """The least steps that half of the weight buffer must hold for one of these dataflows.

    ``None`` if another limit is in the way of all of them.
    """
    possible = (n for n in flows if not any(_form_problem(nest, config) for nest in n))
    return min((max(_steps_to_hold(n, config) for n in nests) for nests in possible), default=None)


def _steps_to_hold(nest: LoopNest, config: AcceleratorConfig) -> int:
    return stored_weights(nest.weights, nest.descriptor, config).shape[1]


def _form_problem(nest: LoopNest, config: AcceleratorConfig) -> str | None:
    """What of a loop nest the core cannot say, however large its memories are."""
    checks = (_range_problem, _lane_problem, coordinate_problem)
    return next(filter(None, (check(nest.descriptor, config) for check in checks)), None)


def _range_problem(descriptor: Descriptor, config: AcceleratorConfig) -> str | None:
    """Which count or stride is beyond the descriptor's fields, if one is."""
    layout = Isa(config).descriptor
    for name in ("inner_stride", "outer_stride"):
        value, width = getattr(descriptor, name), layout[name].width
        if value >= 1 << width:
            return f"a stride of {value} is more than {(1 << width) - 1}"
    for name in _TRIP_COUNTS:
        value = getattr(descriptor, name)
        if value > 1 << layout[f"{name}_less_one"].width:
            return f"{name.replace('_', ' ')} of {value} are more than the core counts"
    return None


def _lane_problem(descriptor: Descriptor, config: AcceleratorConfig) -> str | None:
    """Why the core cannot write channels that begin at these byte lanes, if it cannot."""
    lane, group_lanes = descriptor.output_lane, descriptor.output_group_lanes
    if (lane or group_lanes) and config.columns % config.rows == 0:
        return (
            f"channels that begin within a word and not at a multiple of the array's {config.rows} "
            "rows"
        )
    if lane % config.requantizers:
        return (
            f"channels that begin at byte {lane} of a word and not at a multiple of the "
            f"{config.requantizers} requantizers"
        )
    whole = gcd(config.rows, config.columns)
    if descriptor.residual and (lane % whole or group_lanes % whole):
        return "two operands to combine at channels that run across words"
    return None


def coordinate_problem(descriptor: Descriptor, config: AcceleratorConfig) -> str | None:
    """Which input size is too large: a coordinate before the input must not wrap around into it."""
    for taps, size, origin in (
        (descriptor.inner_taps, descriptor.inner_size, descriptor.inner_origin),
        (descriptor.outer_taps, descriptor.outer_size, descriptor.outer_origin),
    ):
        if size + max(0, 2 * taps - origin + config.rows) >= 1 << COORDINATE_BITS:
            return f"an input size of {size} is more than the core counts"
    return None
