"""Cuts a convolution into tiles for a configuration: the choices of mode and of loop order."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..config import AcceleratorConfig
from ..errors import UserError
from ..isa import COORDINATE_BITS, Isa
from ..numeric.chain import Chain
from ..numeric.closest import closest
from ..numeric.division import Division
from ..numeric.division_solver import solve
from ..numeric.rounding import CONTRACTS
from ..numeric.rules import Rescale
from .command import Command, Inexact, halved, positions, stored_weights
from .convolution import Combination, Convolution, Region, cropped
from .reasons import Reason

_SHOWN = 5  # weights that a message names


class DoesNotFit(UserError):
    """A layer or a network is too large for a configuration; ``args[0]`` is a `Reason` or text."""


class NotProved(UserError):
    """A channel's requantization cannot be reproduced by the hardware."""


@dataclass(frozen=True)
class _Loops:
    """A way to walk a convolution; counts and steps as the descriptor has them."""

    mode: str
    fields: dict[str, int]
    weights: np.ndarray  # [groups, steps, columns]
    channels: np.ndarray  # [groups, columns]

    def cycles(self, config: AcceleratorConfig) -> int:
        """Cycles of all tiles, without what a layer takes to start and to end."""
        tiles = -(-positions(self.fields) // config.rows)
        groups = self.fields["groups_less_one"] + 1
        return (
            groups * tiles * max(self.weights.shape[1], config.tile_cycles(self.fields["second"]))
        )


def schedule(
    convolution: Convolution, config: AcceleratorConfig, exact: bool = True
) -> list[Command]:
    """Return the commands of a convolution, by the way that takes the fewest cycles.

    Unless all is to be ``exact``, channels that float32's rounding keeps from being requantized
    exactly get the closest division and are named. Raises ``DoesNotFit`` and ``NotProved``.
    """
    convolution = _flattened(_without_idle_weights(convolution, config))
    # A weight of zero may count where products are not exact, and a byte of binary ones does.
    binary = convolution.narrow is not None and convolution.narrow.step > 1
    if config.number_format.exact and not binary:
        convolution = cropped(convolution)
    _check_weights(convolution, config)
    ways = list(_ways(convolution, config))
    problems = [_problem(way, config) for way in ways]
    possible = [way for way, problem in zip(ways, problems, strict=True) if problem is None]
    if not possible:
        raise DoesNotFit(Reason(place=convolution.name, what=problems[0]))
    best = min(possible, key=lambda way: sum(loops.cycles(config) for loops in way))
    division, inexact = _divide(convolution, config, exact)
    return [
        _command(convolution, loops, division, inexact if i == 0 else (), i)
        for i, loops in enumerate(best)
    ]


def _without_idle_weights(c: Convolution, config: AcceleratorConfig) -> Convolution:
    """Channels whose code no input changes lose their weights.

    Trained networks have some, with scales next to nothing and weights of noise. A division would
    have to hold one code over the whole range of their sums.
    """
    least, greatest = _sum_range(c, config)
    idle = c.rule.compute(least + c.bias) == c.rule.compute(greatest + c.bias)
    chosen = idle if c.depthwise else idle[:, None, None, None]
    return c.replace(weights=np.where(chosen, 0, c.weights))


def provable(convolution: Convolution, config: AcceleratorConfig) -> bool:
    """Whether the hardware's division reproduces the rule in all channels."""
    try:
        _divide(convolution, config)
    except (DoesNotFit, NotProved):
        return False
    return True


def _check_weights(convolution: Convolution, config: AcceleratorConfig) -> None:
    number = config.number_format
    low, high = number.weight_range
    least, most = int(convolution.weights.min()), int(convolution.weights.max())
    held = number.holds(convolution.weights)
    if not held.all():
        what = f"weights of {least}..{most} are outside {low}..{high}"
        if low <= least and most <= high:
            others = np.unique(convolution.weights[~held])
            shown = ", ".join(map(str, others[:_SHOWN])) + (", ..." if len(others) > _SHOWN else "")
            what = f"weights of {shown} are none that it has"
        why = f"the core is built for {number.title}"
        remedy = "quantize the weights to fewer bits or use a core of a wider format"
        raise DoesNotFit(Reason(place=convolution.name, what=what, why=why, remedy=remedy))


def _sum_range(c: Convolution, config: AcceleratorConfig) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest sum of any input, by the products of the number format."""
    number = config.number_format
    if number.exact or not number.holds(c.weights).all():
        return c.sum_range
    return number.sum_range(c.weight_rows)


def _divide(
    convolution: Convolution, config: AcceleratorConfig, exact: bool = True
) -> tuple[Division, tuple[Inexact, ...]]:
    least, greatest = _sum_range(convolution, config)
    limit = 1 << config.sum_bits - 1
    if least.min() < -limit or greatest.max() >= limit:
        what = f"sums of {int(least.min())}..{int(greatest.max())} leave {config.sum_bits} bits"
        remedy = f"use a core with sum_bits of {_signed_bits(least.min(), greatest.max())}"
        raise DoesNotFit(Reason(place=convolution.name, what=what, remedy=remedy))
    one = slice(0, 1) if convolution.uniform else slice(None)
    question = convolution.rule.take(one), convolution.bias[one], least[one], greatest[one]
    solution = solve(*question, True)
    if solution.proved.all():
        return solution.division, ()
    floating = _rounds_in_float32(convolution)
    nearest = closest(*question, solution) if floating and not exact else None
    if nearest is None:
        bad = np.flatnonzero(~solution.proved).tolist()
        what = f"output channels {bad} cannot be requantized exactly"
        remedy = "allow the closest codes" if floating and exact else "report this model"
        if isinstance(convolution.rule, Chain) and not floating:
            remedy = "use the rounding_mode ROUND, FLOOR or CEIL, whose steps are all as wide"
        raise NotProved(Reason(place=convolution.name, what=what, remedy=remedy))
    inexact = tuple(
        Inexact(convolution.first_channel + c, int(nearest.differing[c]), int(high - low + 1))
        for c, (low, high) in enumerate(zip(least[one], greatest[one], strict=True))
        if nearest.differing[c]
    )
    return nearest.division, inexact


def _rounds_in_float32(convolution: Convolution) -> bool:
    rule = getattr(convolution.rule, "inner", convolution.rule)
    if isinstance(rule, Chain):
        return rule.even
    return isinstance(rule, Rescale) and CONTRACTS[rule.contract].floating


def _signed_bits(low: int, high: int) -> int:
    return max(int(high).bit_length(), int(~low).bit_length()) + 1


def _flattened(c: Convolution) -> Convolution:
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


def _ways(c: Convolution, config: AcceleratorConfig) -> Iterator[list[_Loops]]:
    """All ways to compute a convolution; each is one or several commands."""
    if c.depthwise:
        if config.broadcast:
            for inner in ("width", "height"):
                stride = c.stride[("height", "width").index(inner)]
                if stride == 1 or (stride == 2 and config.lines > 1 and config.rows % 2 == 0):
                    yield from ([_broadcast(c, config, inner, n)] for n in _lines(c, config, inner))
        yield _grouped(c, config)
    yield [_dense(c.as_dense(), config)]


def _lines(c: Convolution, config: AcceleratorConfig, inner: str) -> Iterator[int]:
    """Lines of positions to broadcast to at a time: more only where fewer runs are left."""
    count = c.region.height if inner == "width" else c.region.width
    for lines in range(1, config.lines + 1):
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
    spread = tuple(steps * n for steps, n in zip(out_step, c.spread, strict=True))
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
        "output_inner_step": spread[i],
        "output_outer_step": together * spread[o] - (-(-run // each) - 1) * spread[i],
        "shared": int(c.uniform),
        **_results(c),
        **_written_lines(config, lines, count[o], spread[o], skips),
    }


def _written_lines(
    config: AcceleratorConfig, lines: int | None, count: int, step: int, skips: bool
) -> dict[str, int]:
    """Where the lines of columns go: those of output positions, of ``count``, or words in a row."""
    if config.lines == 1:
        return {}
    written = last = config.lines
    if lines is None:
        step = 1
    else:
        written, last = lines, (count - 1) % lines + 1
    return {
        "output_line_step": step,
        "lines_less_one": written - 1,
        "last_lines_less_one": last - 1,
        "halved": int(skips),
    }


def _results(c: Convolution) -> dict[str, int]:
    """What becomes of the codes."""
    combination = c.combination or Combination(low=c.rule.low, high=c.rule.high)
    return {
        "second": int(combination.second is not None),
        "maximum": int(combination.maximum),
        "tables": int(combination.tables is not None),
        "pack": int(combination.pack),
        "narrow": int(c.narrow is not None),
        "low": combination.low + 128,
        "high": combination.high + 128,
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


def _dense(c: Convolution, config: AcceleratorConfig) -> _Loops:
    """Every column an output channel over all input channels."""
    kernel_h, kernel_w = c.kernel
    words = -(-c.input_shape[2] // config.rows)
    fields = _taps(_walk(c, config, "width"), kernel_w, kernel_h, words)
    fields |= {"broadcast": 0, "input_group_step": 0}
    fields, channels = _columns(fields, 0, config.columns, config.columns, c.channels, config)
    padded = np.zeros((len(c.weights), kernel_h, kernel_w, words * config.rows), np.int64)
    padded[..., : c.input_shape[2]] = c.weights
    steps = padded.reshape(len(c.weights), -1).T
    return _Loops("dense", fields, _by_group(steps, channels, c.uniform), channels)


def _by_group(steps: np.ndarray, channels: np.ndarray, uniform: bool) -> np.ndarray:
    """Weights ``[groups, steps, columns]`` from ``[steps, channels]``."""
    chosen = channels[:1] if uniform else channels
    return np.where(chosen >= 0, steps[:, chosen], 0).transpose(1, 0, 2)


def _grouped(c: Convolution, config: AcceleratorConfig) -> list[_Loops]:
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
        loops.append(_Loops("grouped", fields, weights, table))
    return loops


def _broadcast(c: Convolution, config: AcceleratorConfig, inner: str, lines: int) -> _Loops:
    """Depthwise with one word for all rows, each row a neighbouring position, and several ``lines``
    of these."""
    rows = config.rows
    taps = c.weights if inner == "width" else c.weights.transpose(1, 0, 2)
    outer_taps, inner_taps, _ = taps.shape
    fields = _walk(c, config, inner, lines)
    apart = fields["outer_stride"] // lines  # taps from a line's to the next one's
    all_taps, run = outer_taps + (lines - 1) * apart, inner_taps + rows - 1 - halved(fields)
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
    return _Loops("broadcast", fields, np.concatenate([weights, idle], axis=2), channels)


def _problem(way: list[_Loops], config: AcceleratorConfig) -> str | None:
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
        if loops.fields["second"] and not config.combines:
            return (
                f"two operands cannot be combined by a core of {config.rows}x{config.columns} with "
                f"{config.requantizers} requantizers; use as many columns as rows"
            )
        if loops.fields["second"]:
            places = (loops.fields["output_lane"], loops.fields["output_group_lanes"])
            if any(lane % min(config.rows, config.columns) for lane in places):
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


def _command(
    c: Convolution, loops: _Loops, division: Division, inexact: tuple[Inexact, ...], index: int
) -> Command:
    channels = loops.channels[:1] if loops.fields["shared"] else loops.channels
    records = np.where(channels >= 0, 0, -1) if c.uniform else channels
    return Command(
        name=c.name if index == 0 else f"{c.name}_part{index}",
        node=c.node,
        source=c.source,
        output=c.output,
        macs=c.macs if index == 0 else 0,
        mode=loops.mode,
        fields={**loops.fields, "tie_parity": division.tie_parity},
        division=division,
        channels=records,
        weights=loops.weights,
        combination=c.combination,
        inexact=inexact,
    )
