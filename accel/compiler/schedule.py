"""Chooses how a convolution is computed for a configuration, and how its sums become codes."""

import numpy as np

from ..config import AcceleratorConfig
from ..errors import UserError
from ..numeric.chain import Chain
from ..numeric.closest import closest
from ..numeric.division import Division
from ..numeric.division_solver import solve
from ..numeric.rounding import CONTRACTS
from ..numeric.rules import Rescale
from .command import Command, Inexact
from .convolution import Convolution, cropped
from .reasons import Reason
from .ways import Loops, flattened, problem_of, ways_of
from .zero_blocks import without_zero_blocks

_SHOWN = 5  # weights that a message names


class DoesNotFit(UserError):
    """A layer or a network is too large for a configuration; ``args[0]`` is a `Reason` or text."""


class NotProved(UserError):
    """A channel's requantization cannot be reproduced by the hardware."""


def schedule(
    convolution: Convolution, config: AcceleratorConfig, exact: bool = True
) -> list[Command]:
    """Return the commands of a convolution, by the way that takes the fewest cycles.

    Unless all is to be ``exact``, channels that float32's rounding keeps from being requantized
    exactly get the closest division and are named. Raises ``DoesNotFit`` and ``NotProved``.
    """
    convolution = flattened(_without_idle_weights(convolution, config))
    # A weight of zero may count where products are not exact, and a byte of binary ones does.
    binary = convolution.narrow is not None and convolution.narrow.step > 1
    pruned = config.number_format.exact and not binary
    if pruned:
        convolution = cropped(convolution)
    _check_weights(convolution, config)
    ways = list(ways_of(convolution, config))
    if pruned and not convolution.depthwise:
        ways = [
            [part for loops in way for part in without_zero_blocks(loops, config)] for way in ways
        ]
    problems = [problem_of(way, config) for way in ways]
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
    # Before its last carry a sum may be 1 less in the accumulator, so the least one is not for use.
    limit = 1 << config.sum_bits - 1
    if least.min() <= -limit or greatest.max() >= limit:
        what = f"sums of {int(least.min())}..{int(greatest.max())} leave {config.sum_bits} bits"
        remedy = f"use a core with sum_bits of {_signed_bits(least.min() - 1, greatest.max())}"
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


def _command(
    c: Convolution, loops: Loops, division: Division, inexact: tuple[Inexact, ...], index: int
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
