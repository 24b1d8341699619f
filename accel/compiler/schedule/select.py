"""Chooses the dataflow of a convolution, and the division that turns its sums into codes."""

from collections.abc import Sequence

import numpy as np

from ...config import AcceleratorConfig
from ...numeric.division.division import BIAS_BITS, TOTAL_BITS, Division
from ...numeric.division.memo import solve_once
from ...numeric.division.nearest import ALLOWED_CODES, ALLOWED_SHARE, nearest_division, too_wide
from ...numeric.division.solver import Solution
from ...numeric.rounding import CONTRACTS
from ...numeric.rules.float_epilogue import FloatEpilogue
from ...numeric.rules.floating import FloatMean, FloatProduct, RealProduct
from ...numeric.rules.rules import Rescale, Rule, Sums
from ..diagnostics import DoesNotFit, Limit, NotProved, Reason
from ..ir.command import Inexact, LayerCommand
from ..ir.costs import PART_CYCLES
from ..ir.layer import Convolution, cropped
from .block_sparsity import without_zero_blocks
from .commands import beyond_bias, commands_of, parts_for, plain_division
from .dataflows import (
    LoopNest,
    dataflows_of,
    flattened,
    least_steps,
    problem_of,
    weight_buffer_steps,
)
from .parts_of_k import SumLimit, in_parts

_SHOWN = 5  # weights or channels that a message names
_PAIRS = 2**16
_NEAREST = "allow the closest codes, as --closest does and Python's exact=False"
# Per-channel scales of tiny weights are tiny, too: very many sums lead to one code.
_LARGER_SCALE = (
    "give these weights a larger scale, as `accel quantize FLOAT.onnx -c X.npz -o OUT.onnx "
    "--per-tensor` does with one scale for all weights of a layer; no board and no option of the "
    "core helps"
)
_ANOTHER_SCALE = (
    "quantize the tensor with a scale that is a millionth larger or smaller, which rounds other "
    "halves; no board and no option of the core helps"
)


def schedule(
    convolution: Convolution, config: AcceleratorConfig, exact: bool = True
) -> list[LayerCommand]:
    """Return the commands of a convolution, by the dataflow of fewest cycles.

    Float32 rounding can keep a channel from being requantized exactly. Unless all must be
    ``exact``, such a channel gets the nearest division and is named in ``inexact``, if no code is
    off by more than one, and those at no more than `nearest.ALLOWED_SHARE` of the sums. Raises
    ``DoesNotFit``, and ``NotProved`` for other channels.
    """
    if not convolution.computed:
        convolution = flattened(_without_idle_weights(convolution, config))
    _check_weights(convolution, config)
    flows = _flows(convolution, config)
    possible = _possible(flows, convolution, config)
    if not possible:
        what = problem_of(flows[0], config) or ""
        raise DoesNotFit(Reason(place=convolution.name, what=what, limit=_limit(flows, config)))
    division, kept, inexact = _divide(convolution, config, exact)
    least = parts_for(kept, isinstance(convolution.rule, Sums))
    if least > 1:
        possible = _possible(flows, convolution, config, least)
    best = min(possible, key=lambda nests: sum(nest.cycles(config) for nest in nests))
    return commands_of(convolution, best, division, kept, inexact, config)


def _possible(
    flows: list[list[LoopNest]], c: Convolution, config: AcceleratorConfig, least: int = 1
) -> list[list[LoopNest]]:
    """The dataflows that the core can compute; where it can compute none as a whole, all those that
    it can in parts of K. With ``least`` above 1 in at least so many parts."""
    limit = SumLimit(config, c.sub_byte)
    parts = (config.keeps_sums or c.computed) and (least > 1 or _is_wide(c, config))
    whole = [] if parts else [nests for nests in flows if problem_of(nests, config) is None]
    if whole or not config.keeps_sums or c.computed:
        return whole
    parted = [in_parts(nests, limit, config, least) for nests in flows]
    return [nests for nests in parted if nests and problem_of(nests, config) is None]


def is_parted(c: Convolution, config: AcceleratorConfig) -> bool:
    """Whether the core computes a convolution in parts of K alone."""
    if not config.keeps_sums or not config.number_format.holds(c.weights).all():
        return False
    c = flattened(_without_idle_weights(c, config))
    if _is_wide(c, config) or _needs_bias_parts(c, config):
        return True
    words = -(-c.input_shape[2] // config.rows)
    steps = c.kernel[0] * c.kernel[1] * words * config.rows
    if not c.depthwise and steps <= weight_buffer_steps(config):
        return False
    return all(problem_of(nests, config) for nests in _flows(c, config))


def _needs_bias_parts(c: Convolution, config: AcceleratorConfig) -> bool:
    if not beyond_bias(c.bias).any():
        return False
    try:
        return bool(_divide(c, config, exact=False)[1].any())
    except (DoesNotFit, NotProved):  # which is told where it is scheduled
        return False


def _is_wide(c: Convolution, config: AcceleratorConfig) -> bool:
    """Whether sums take more bits than an accumulator has."""
    return _signed_bits(*_ends(c, config)) > config.sum_bits


def _flows(convolution: Convolution, config: AcceleratorConfig) -> list[list[LoopNest]]:
    """All dataflows that could compute a convolution, without the zero weights that need not be."""
    if convolution.computed:  # each step has its place
        return list(dataflows_of(convolution, config))
    # Zero weights can be left out only where they add nothing: not where products are inexact, nor
    # in binary layers, whose bytes cannot be 0.
    binary = convolution.sub_byte is not None and convolution.sub_byte.step > 1
    pruned = config.number_format.exact and not binary
    if pruned:
        convolution = cropped(convolution)
    flows = list(dataflows_of(convolution, config))
    if pruned and not convolution.depthwise:
        return [[p for nest in nests for p in without_zero_blocks(nest, config)] for nests in flows]
    return flows


def _without_idle_weights(c: Convolution, config: AcceleratorConfig) -> Convolution:
    """Set the weights of channels to 0 whose code is the same for every input.

    Trained networks have such channels, of tiny scales and weights of noise. With their weights, a
    division would have to give one code over the whole range of their sums.
    """
    least, greatest = _sum_range(c, config)
    idle = c.rule.compute(least + c.bias) == c.rule.compute(greatest + c.bias)
    chosen = idle if c.depthwise else idle[:, None, None, None]
    return c.replace(weights=np.where(chosen, 0, c.weights))


def provable(convolution: Convolution, config: AcceleratorConfig) -> bool:
    """Whether the hardware's division reproduces the rule in all channels."""
    try:
        return bool(_solved(convolution, config)[1].proved.all())
    except DoesNotFit:
        return False


def accepted(convolution: Convolution, config: AcceleratorConfig, exact: bool) -> bool:
    """Whether `schedule` finds a division for a convolution, or a near one that is allowed.

    What does not fit is for `schedule` to tell.
    """
    try:
        _divide(convolution, config, exact)
    except NotProved:
        return False
    except DoesNotFit:
        return True
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
    convolution: Convolution, config: AcceleratorConfig, exact: bool
) -> tuple[Division, np.ndarray, tuple[Inexact, ...]]:
    """The division, what of the bias must be added before it, int64 like it, and what is inexact.

    A bias of too many bits is added to kept sums.
    """
    if isinstance(convolution.rule, Sums):
        if not config.keeps_sums:
            what = f"tensor {convolution.output!r} is 32-bit sums, which the core cannot store"
            remedy = "use a core with wide_sums, or quantize it"
            raise DoesNotFit(Reason(place=convolution.name, what=what, remedy=remedy))
        _check_sums(convolution, config)
        bias = convolution.bias[: 1 if convolution.uniform else None]
        return plain_division(np.zeros_like(bias)), bias, ()
    question, solution = _solved(convolution, config)
    kept = beyond_bias(solution.division.bias)
    if config.keeps_sums and kept.any():
        rule, bias, least, greatest = question
        question = rule, bias - kept, least + kept, greatest + kept
        solution = solve_once(*question)
    if not config.keeps_sums:
        _check_biases(convolution, solution.division)
    division, inexact = _allowed(convolution, question, solution, exact)
    return division, kept, inexact


def _allowed(
    convolution: Convolution,
    question: tuple[Rule, np.ndarray, np.ndarray, np.ndarray],
    solution: Solution,
    exact: bool,
) -> tuple[Division, tuple[Inexact, ...]]:
    """The division that was found, or a near one. Raises ``NotProved`` where none may be used."""
    if solution.proved.all():
        return solution.division, _ambiguous(convolution, exact)
    bad = np.flatnonzero(~solution.proved).tolist()
    what = f"output channels {bad} cannot be requantized exactly"
    floating = _rounds_in_float32(convolution)
    nearest = nearest_division(*question, solution) if floating else None
    if nearest is None:
        remedy = _ANOTHER_SCALE
        if isinstance(convolution.rule, FloatEpilogue) and not floating:
            remedy = "use the rounding_mode ROUND, FLOOR or CEIL, whose steps are all as wide"
        raise NotProved(Reason(place=convolution.name, what=what, remedy=remedy))
    _, _, least, greatest = question
    inexact = tuple(
        Inexact(
            convolution.first_channel + channel,
            int(nearest.differing[c]),
            int(greatest[c] - least[c] + 1),
            int(nearest.worst[c]),
        )
        for c in np.flatnonzero(nearest.differing[: convolution.channels // convolution.neighbours])
        for channel in (range(convolution.channels) if convolution.uniform else (int(c),))
    )
    _check_close(convolution, inexact)
    if exact:
        raise NotProved(Reason(place=convolution.name, what=what, remedy=_NEAREST))
    return nearest.division, inexact


def _solved(
    convolution: Convolution, config: AcceleratorConfig
) -> tuple[tuple[Rule, np.ndarray, np.ndarray, np.ndarray], Solution]:
    """The arguments of `solve` for a convolution, and the solution."""
    least, greatest = _check_sums(convolution, config)
    one = slice(0, 1) if convolution.uniform else slice(None)
    question = convolution.rule.take(one), convolution.bias[one], least[one], greatest[one]
    return question, solve_once(*question)


def _check_sums(c: Convolution, config: AcceleratorConfig) -> tuple[np.ndarray, np.ndarray]:
    """The range of the sums, int64 ``[channels]`` each. Raises ``DoesNotFit`` for too wide ones."""
    least, greatest = _sum_range(c, config)
    # In carry-save form a sum may be 1 less until its last carry is added: the least one is not
    # used. Of sums that are kept, a part is in the array alone.
    bits = TOTAL_BITS if config.keeps_sums else config.sum_bits
    limit = 1 << bits - 1
    if least.min() <= -limit or greatest.max() >= limit:
        sums = f"sums of {int(least.min())}..{int(greatest.max())}"
        needed = _signed_bits(least.min() - 1, greatest.max())
        what = f"{sums} take {needed} bits, more than the {bits} of an accumulator"
        size = Limit(kind="sum", needed=needed, there=bits, unit="bits")
        raise DoesNotFit(Reason(place=c.name, what=what, limit=size))
    return least, greatest


def _check_biases(c: Convolution, division: Division) -> None:
    """Raise ``DoesNotFit`` for biases that a layer has no room for."""
    low, high = int(division.bias.min()), int(division.bias.max())
    needed = _signed_bits(low, high)
    if needed > BIAS_BITS:
        what = f"biases of {low}..{high} take {needed} bits, more than the {BIAS_BITS} of a layer"
        raise DoesNotFit(Reason(place=c.name, what=what, limit=Limit(kind="form")))


def _ambiguous(c: Convolution, exact: bool) -> tuple[Inexact, ...]:
    """Channels of float32 products in which pairs of codes with the same product differ in code."""
    if not isinstance(c.rule, RealProduct) or not c.rule.differing:
        return ()
    if exact:
        what = (
            f"{c.rule.differing} of {_PAIRS:,} products of two codes are rounded by their factors"
        )
        raise NotProved(Reason(place=c.name, what=what, remedy=_NEAREST))
    channels = range(c.first_channel, c.first_channel + c.channels)
    return tuple(Inexact(channel, c.rule.differing, _PAIRS, 1) for channel in channels)


def _check_close(c: Convolution, inexact: tuple[Inexact, ...]) -> None:
    """Raise ``NotProved`` for channels whose nearest division is too far from the contract."""
    far = [one for one in inexact if not _close(one)]
    if not far:
        return
    worst = max(far, key=lambda one: (one.codes, one.differing / one.sums))
    channels = ", ".join(str(one.channel) for one in far[:_SHOWN])
    channels += ", ..." if len(far) > _SHOWN else ""
    noun = "channel" if len(far) == 1 else "channels"
    what = (
        f"{len(far)} of {c.channels} output channels of tensor {c.output!r} cannot be requantized "
        f"({noun} {channels}): channel {worst.channel} would be off by up to "
        f"{worst.codes} {'code' if worst.codes == 1 else 'codes'} at {worst.differing:,} of "
        f"{worst.sums:,} sums, {_percent(worst.differing / worst.sums)}"
    )
    why = f"allowed is {ALLOWED_CODES} code at {_percent(ALLOWED_SHARE)} of the sums"
    wide = isinstance(c.rule, Rescale) and too_wide(c.rule)[worst.channel - c.first_channel]
    remedy = _LARGER_SCALE if wide else _ANOTHER_SCALE
    raise NotProved(Reason(place=c.name, what=what, why=why, remedy=remedy))


def _close(one: Inexact) -> bool:
    return one.codes <= ALLOWED_CODES and one.differing <= ALLOWED_SHARE * one.sums


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _rounds_in_float32(convolution: Convolution) -> bool:
    rule = getattr(convolution.rule, "inner", convolution.rule)
    if isinstance(rule, FloatMean | FloatProduct | RealProduct):
        return True
    if isinstance(rule, FloatEpilogue):
        return rule.even
    return isinstance(rule, Rescale) and CONTRACTS[rule.contract].floating


def sum_bits_of(convolution: Convolution, config: AcceleratorConfig) -> int:
    """The least ``sum_bits`` of a core that no sum of a convolution leaves."""
    return _signed_bits(*_ends(_without_idle_weights(convolution, config), config))


def _ends(c: Convolution, config: AcceleratorConfig) -> tuple[int, int]:
    """The least and the greatest value that an accumulator has, of all channels."""
    least, greatest = _sum_range(c, config)
    return int(least.min()) - 1, int(greatest.max())


def steps_of(convolution: Convolution, config: AcceleratorConfig) -> int | None:
    """The least steps that the weight buffer must hold for a convolution in any dataflow.

    ``None`` if all have another limit: of a count or of the byte lanes.
    """
    convolution = flattened(_without_idle_weights(convolution, config))
    return least_steps(_flows(convolution, config), config)


def about_cycles(convolution: Convolution, config: AcceleratorConfig) -> int | None:
    """About the cycles of a convolution in the dataflow that `schedule` takes; ``None`` if it has
    none. Each part of it waits for its first weights and for its last results."""
    flows = _flows(flattened(convolution), config)
    possible = [nests for nests in flows if problem_of(nests, config) is None]
    if not possible:
        return None
    nests = min(possible, key=lambda nests: sum(nest.cycles(config) for nest in nests))
    first = (nest.weights.shape[1] * config.columns // config.rows for nest in nests)
    waits = len(nests) * (PART_CYCLES + config.drain_cycles) + sum(first)
    return sum(nest.cycles(config) for nest in nests) + waits


def _limit(flows: Sequence[Sequence[LoopNest]], config: AcceleratorConfig) -> Limit:
    """What of a core is too small for all of these dataflows."""
    steps, half = least_steps(flows, config), weight_buffer_steps(config)
    if steps is None or steps <= half:
        return Limit(kind="form")
    step = config.step_bits / 8
    return Limit(kind="weight_buffer", needed=int(2 * steps * step), there=int(2 * half * step))


def _signed_bits(low: int, high: int) -> int:
    return max(int(high).bit_length(), int(~low).bit_length()) + 1
