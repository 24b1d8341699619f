"""The ways to walk a convolution on the array: dense, grouped and broadcast, as descriptors say it."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

import numpy as np

from ...config import AcceleratorConfig
from ...isa import COORDINATE_BITS, Isa
from ..ir.command import positions, stored_weights, stride2_skip
from ..ir.layer import Convolution, PostOp, Region

MOST_DIAGONAL = 2**23  # weights of a depthwise convolution as a full one, mostly 0


@dataclass(frozen=True)
class LoopNest:
    """A way to walk a convolution, or part of one; counts and steps as the descriptor has them."""

    mode: str
    fields: dict[str, int]
    weights: np.ndarray  # [groups, steps, columns]
    channels: np.ndarray  # [groups, columns]

    def cycles(self, config: AcceleratorConfig) -> int:
        """Cycles of all tiles, without what a layer takes to start and to end."""
        tiles = -(-positions(self.fields) // config.rows)
        groups = self.fields["groups_less_one"] + 1
        return (
            groups * tiles * max(self.weights.shape[1], config.tile_cycles(self.fields["residual"]))
        )


def flattened(c: Convolution) -> Convolution:
    """A window that covers the whole input is a row of taps: one loop instead of two."""
    height, width, channels = c.input_shape
    covers = c.kernel == (height, width) and c.padding == (0, 0) and c.region == Region(0, 0, 1, 1)
    if not (covers and height > 1):
        return c
    if c.depthwise:
        weights = c.weights.reshape(1, height * width, channels)
    else:
        weights = c.weights.reshape(len(c.weights), 1, height * width, channels)
    return c.replace(weights=weights, input_shape=(1, height * width, channels), stride=(1, 1))


def dataflows_of(c: Convolution, config: AcceleratorConfig) -> Iterator[list[LoopNest]]:
    """All ways to compute a convolution; each is one or several commands."""
    if c.depthwise:
        if config.broadcast:
            for inner in ("width", "height"):
                stride = c.stride[("height", "width").index(inner)]
                if stride == 1 or (
                    stride == 2 and config.broadcast_rows > 1 and config.rows % 2 == 0
                ):
                    yield from ([_broadcast(c, config, inner, n)] for n in _lines(c, config, inner))
        yield _grouped(c, config)
        if c.channels * c.weights.size > MOST_DIAGONAL:
            return
    yield [_dense(c.as_dense(), config)]


def _lines(c: Convolution, config: AcceleratorConfig, inner: str) -> Iterator[int]:
    """Lines of positions to broadcast to at a time: more only where fewer runs are left."""
    count = c.region.height if inner == "width" else c.region.width
    for lines in range(1, config.broadcast_rows + 1):
        if lines == 1 or -(-count // lines) < -(-count // (lines - 1)):
            yield lines


def _walk(
    c: Convolution, config: AcceleratorConfig, inner: str, lines: int | None = None
) -> dict[str, int]:
    """The fields of input and output that all modes share.

    ``inner`` is the dimension whose positions come one after another. To broadcast to ``lines`` of
    them at a time, each run is rounded up to whole tiles, and passes every position of a stride of 2.
    """
    _, width, channels = c.input_shape
    words = -(-channels // config.rows)
    out_words = -(-c.output_shape[2] // config.rows)
    out_width = c.output_shape[1]
    axes = ("height", "width")
    i = axes.index(inner)
    o = 1 - i
    size, stride, padding = c.input_shape[:2], c.stride, c.padding
    count = (c.region.height, c.region.width)
    first = (c.region.top, c.region.left)
    step, out_step = (width * words, words), (out_width * out_words, out_words)
    out_step = out_step[::-1] if c.transposed else out_step
    output_stride = tuple(steps * n for steps, n in zip(out_step, c.output_stride, strict=True))
    origin = tuple(f * s - p for f, s, p in zip(first, stride, padding, strict=True))
    skips = lines is not None and stride[i] == 2
    # Positions to pass, how far apart, for each of which is kept
    passed, pace, each = (2 * count[i] - 1, 1, 2) if skips else (count[i], stride[i], 1)
    run = passed if lines is None else -(-passed // config.rows) * config.rows
    together = lines or 1
    word, lane = divmod(c.first_channel, config.rows)
    return {
        "input_base": origin[0] * step[0] + origin[1] * step[1],
        "position_inner_step": pace * step[i],
        "position_outer_step": together * stride[o] * step[o] - (run - 1) * pace * step[i],
        "tap_inner": step[i],
        "tap_outer": step[o],
        "inner_size": size[i],
        "outer_size": size[o],
        "inner_origin": origin[i],
        "outer_origin": origin[o],
        "inner_stride": pace,
        "outer_stride": together * stride[o],
        "pad": c.pad,
        "run_less_one": run - 1,
        "run_filling": run - passed,
        "runs_less_one": -(-count[o] // together) - 1,
        "output_base": first[0] * out_step[0] + first[1] * out_step[1] + word,
        "output_lane": lane,
        "output_inner_step": output_stride[i],
        "output_outer_step": together * output_stride[o] - (-(-run // each) - 1) * output_stride[i],
        "shared": int(c.uniform),
        **_results(c),
        **_written_lines(config, lines, count[o], output_stride[o], skips),
    }


def _written_lines(
    config: AcceleratorConfig, lines: int | None, count: int, step: int, skips: bool
) -> dict[str, int]:
    """Where the lines of columns go: those of output positions, of ``count``, or words in a row."""
    if config.broadcast_rows == 1:
        return {}
    written = last = config.broadcast_rows
    if lines is None:
        step = 1
    else:
        written, last = lines, (count - 1) % lines + 1
    return {
        "output_broadcast_row_step": step,
        "broadcast_rows_less_one": written - 1,
        "last_broadcast_rows_less_one": last - 1,
        "stride2_skip": int(skips),
    }


def _results(c: Convolution) -> dict[str, int]:
    """What becomes of the codes."""
    post_op = c.post_op or PostOp(low=c.rule.low, high=c.rule.high)
    return {
        "residual": int(post_op.residual is not None),
        "maximum": int(post_op.maximum),
        "lookup_tables": int(post_op.lookup_tables is not None),
        "pack": int(post_op.pack),
        "sub_byte": int(c.sub_byte is not None),
        "low": post_op.low + 128,
        "high": post_op.high + 128,
    }


def _taps(fields: dict[str, int], inner: int, outer: int, blocks: int) -> dict[str, int]:
    """The loops of a tile, and what the address steps by where one ends."""
    tap_inner, tap_outer = fields.pop("tap_inner"), fields.pop("tap_outer")
    return {
        **fields,
        "inner_origin": fields["inner_origin"] + inner,
        "outer_origin": fields["outer_origin"] + outer,
        "inner_taps_less_one": inner - 1,
        "outer_taps_less_one": outer - 1,
        "blocks_less_one": blocks - 1,
        "tap_inner_step": tap_inner - (blocks - 1),
        "tap_outer_step": tap_outer - (inner - 1) * tap_inner - (blocks - 1),
    }


def _group_channels(config: AcceleratorConfig) -> tuple[int, int]:
    """Words that a depthwise group of the array reads, and channels of them that it computes."""
    if config.columns >= config.rows:
        blocks = config.columns // config.rows
        return blocks, blocks * config.rows
    # The requantizers write together: lanes and channels come in whole turns of them.
    together = range(config.requantizers, config.columns + 1, config.requantizers)
    return 1, max(n for n in together if config.rows % n == 0)


def _columns(
    fields: dict[str, int], first: int, step: int, used: int, channels: int, config
) -> tuple[dict[str, int], np.ndarray]:
    """Which channels the columns have, group by group, and where their codes go.

    A group has ``used`` channels, the next one begins ``step`` channels on.
    """
    groups = max(1, -(-(channels - first) // step))
    table = first + np.arange(groups)[:, None] * step + np.arange(config.columns)
    table = np.where((np.arange(config.columns) < used) & (table < channels), table, -1)
    word, lane = divmod(fields["output_lane"] + first, config.rows)
    fields |= {
        "groups_less_one": groups - 1,
        "output_base": fields["output_base"] + word,
        "output_lane": lane,
        "output_group_words": step // config.rows,
        "output_group_lanes": step % config.rows,
        "columns_less_one": used - 1,
        "last_columns_less_one": int((table[-1] >= 0).sum()) - 1,
    }
    return fields, table


def _dense(c: Convolution, config: AcceleratorConfig) -> LoopNest:
    """Every column an output channel over all input channels."""
    kernel_h, kernel_w = c.kernel
    words = -(-c.input_shape[2] // config.rows)
    fields = _taps(_walk(c, config, "width"), kernel_w, kernel_h, words)
    fields |= {"broadcast": 0, "input_group_step": 0}
    fields, channels = _columns(fields, 0, config.columns, config.columns, c.channels, config)
    padded = np.zeros((len(c.weights), kernel_h, kernel_w, words * config.rows), np.int64)
    padded[..., : c.input_shape[2]] = c.weights
    steps = padded.reshape(len(c.weights), -1).T
    return LoopNest("dense", fields, _by_group(steps, channels, c.uniform), channels)


def _by_group(steps: np.ndarray, channels: np.ndarray, uniform: bool) -> np.ndarray:
    """Weights ``[groups, steps, columns]`` from ``[steps, channels]``."""
    chosen = channels[:1] if uniform else channels
    return np.where(chosen >= 0, steps[:, chosen], 0).transpose(1, 0, 2)


def _grouped(c: Convolution, config: AcceleratorConfig) -> list[LoopNest]:
    """Depthwise as a dense convolution of each group's channels with themselves."""
    kernel_h, kernel_w = c.kernel
    blocks, channels = _group_channels(config)
    step = blocks * config.rows
    loops = []
    for first in range(0, min(step, c.channels), channels):
        fields = _walk(c, config, "width")
        fields["shared"] = 0
        fields = _taps(fields, kernel_w, kernel_h, blocks)
        fields |= {"broadcast": 0, "input_group_step": blocks}
        fields, table = _columns(fields, first, step, channels, c.channels, config)
        taps = c.weights.reshape(-1, c.channels)[:, table]  # [taps, groups, columns]
        weights = np.zeros((len(table), len(taps), blocks * config.rows, config.columns), np.int64)
        column = np.arange(channels)
        chosen = np.where(table >= 0, taps, 0).transpose(1, 0, 2)
        weights[:, :, first + column, column] = chosen[..., :channels]
        weights = weights.reshape(len(table), -1, config.columns)
        loops.append(LoopNest("grouped", fields, weights, table))
    return loops


def _broadcast(c: Convolution, config: AcceleratorConfig, inner: str, lines: int) -> LoopNest:
    """Depthwise with one word for all rows, each row a neighbouring position, and several ``lines``
    of these."""
    rows = config.rows
    taps = c.weights if inner == "width" else c.weights.transpose(1, 0, 2)
    outer_taps, inner_taps, _ = taps.shape
    fields = _walk(c, config, inner, lines)
    apart = fields["outer_stride"] // lines  # taps from a line's to the next one's
    all_taps, run = outer_taps + (lines - 1) * apart, inner_taps + rows - 1 - stride2_skip(fields)
    # The rows take their positions in the first ``rows`` steps of a tile. Where every other position
    # is left out, a single tap has a step less: it gets a second one, of zeros.
    run = max(run, -(-rows // all_taps))
    fields = _taps(fields, run, all_taps, 1)
    fields |= {"broadcast": 1, "input_group_step": 1}
    fields, channels = _columns(fields, 0, rows, rows, c.channels, config)
    parts = []
    for line in range(lines):
        steps = np.zeros((all_taps, run, c.channels), np.int64)
        steps[line * apart : line * apart + outer_taps, :inner_taps] = taps
        part = _by_group(steps.reshape(-1, c.channels), channels, c.uniform)
        parts.append(part[..., :rows])
    weights = np.concatenate(parts, axis=2)
    idle = np.zeros((*weights.shape[:2], config.columns - weights.shape[2]), np.int64)
    return LoopNest("broadcast", fields, np.concatenate([weights, idle], axis=2), channels)


def problem_of(way: list[LoopNest], config: AcceleratorConfig) -> str | None:
    """Why a way is impossible, if it is."""
    isa = Isa(config)
    half = config.weight_rows // 2 * config.steps_per_weight_row
    for loops in way:
        steps = stored_weights(loops.weights, loops.fields, config).shape[1]
        if steps > half:
            return (
                f"{steps} weights of an output channel are more than the {half} that half of the "
                f"weight buffer holds; use a core with weight_steps of at least {2 * steps}"
            )
        layout = isa.descriptor
        for name, value in loops.fields.items():
            if name.endswith("_less_one") and value >= 1 << layout[name].width:
                return f"{name[:-9].replace('_', ' ')} of {value + 1} are more than the core counts"
            if name in ("inner_stride", "outer_stride") and value >= 1 << layout[name].width:
                return f"a stride of {value} is more than {(1 << layout[name].width) - 1}"
        lanes = loops.fields["output_lane"] or loops.fields["output_group_lanes"]
        if lanes and config.columns % config.rows == 0:
            return "channels that begin within a word; use a multiple of the array's rows"
        if loops.fields["output_lane"] % config.requantizers:
            return "channels that begin within a turn of the requantizers; use a multiple of them"
        if loops.fields["residual"]:
            places = (loops.fields["output_lane"], loops.fields["output_group_lanes"])
            if any(lane % gcd(config.rows, config.columns) for lane in places):
                return "two operands to combine at channels that run across words"
        # A coordinate before the input wraps around and must not come back into it.
        for axis in ("inner", "outer"):
            taps = loops.fields[f"{axis}_taps_less_one"] + 1
            reach = loops.fields[f"{axis}_size"] + 2 * taps - loops.fields[f"{axis}_origin"]
            if reach + config.rows >= 1 << COORDINATE_BITS:
                return (
                    f"an input size of {loops.fields[f'{axis}_size']} is more than the core counts"
                )
    return None
