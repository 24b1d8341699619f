"""Channels whose codes are wider than the hardware's widest step, in two layers.

A trained network has channels whose weights are next to nothing. Where quantization gives them a scale
of their own, hundreds of thousands of sums make a code, more than a division has room for, and yet
the bias may put a threshold within reach. Such a channel has but a few codes. So the layer makes finer
ones of it, some to each code that it has, all others being as they are, and a copy after it makes of
them what they belong to.
"""

from dataclasses import dataclass, replace

import numpy as np

from ...config import AcceleratorConfig
from ...numeric.division.nearest import WIDEST, too_wide
from ...numeric.division.solver import Channels, solve
from ...numeric.rules.rules import Rescale, Rule, Table
from ..ir.layer import Convolution, Region, copy_layer

_WIDTH = WIDEST >> 2  # that a finer code gets at most
_CODES = np.arange(-128, 128)


@dataclass(frozen=True, eq=False)
class Finer:
    """A rescaling without an activation, but in channels with steps of their own.

    ``steps`` are int64 ``[channels, 255]``: the least sum of each code from -127 on, where ``own``,
    bool ``[channels]``, says so.
    """

    inner: Rescale
    own: np.ndarray
    steps: np.ndarray

    low, high = -128, 127

    @property
    def channels(self) -> int:
        return len(self.own)

    def compute(self, acc: np.ndarray) -> np.ndarray:
        found = np.array(self.inner.compute(acc))
        sums = np.broadcast_to(np.asarray(acc, np.int64), found.shape)
        for channel in np.flatnonzero(self.own):
            codes = np.searchsorted(self.steps[channel], sums[..., channel], "right") - 128
            found[..., channel] = codes
        return found

    def take(self, channels: np.ndarray | slice | list[int]) -> "Finer":
        return Finer(self.inner.take(channels), self.own[channels], self.steps[channels])

    def channel(self, index: int) -> "Finer":
        return self.take([index])


def in_two_layers(c: Convolution, config: AcceleratorConfig) -> list[Convolution]:
    """The convolution, or two that are exact where it is not. What cannot be helped stays."""
    if not _possible(c):
        return [c]
    dead = _dead(c, config)
    if not dead.any():
        return [c]
    least, greatest = c.sum_range
    steps = np.zeros((c.channels, 255), np.int64)
    tables = np.tile(np.clip(_CODES, c.rule.low, c.rule.high), (c.channels, 1))
    for channel in np.flatnonzero(dead):
        ends = least[channel] + c.bias[channel], greatest[channel] + c.bias[channel]
        found = _finer(c.rule.channel(channel), *ends)
        if found is None:
            return [c]
        steps[channel], tables[channel] = found
    rule: Rule = Finer(replace(c.rule, low=-128, high=127), dead, steps)
    if not solve(rule, c.bias, least, greatest, True).proved[dead].all():
        return [c]
    finer = f"{c.output} (finer)"
    copy = copy_layer(f"{c.name}_codes", c.node, finer, c.output, c.output_shape)
    copy = copy.replace(rule=Table(tables, -128), uniform=False)
    return [c.replace(rule=rule, output=finer), copy]


def _possible(c: Convolution) -> bool:
    """Whether a convolution computes all of its output by a scale for each channel, and no more."""
    height, width, channels = c.output_shape
    return (
        isinstance(c.rule, Rescale)
        and not c.uniform
        and c.post_op is None
        and c.output_stride == (1, 1)
        and not c.transposed
        and c.sub_byte is None
        and c.region == Region(0, 0, height, width)
        and c.channels == channels
    )


def _dead(c: Convolution, config: AcceleratorConfig) -> np.ndarray:
    """Channels with codes too wide, of which more than one can be reached, that are not proved."""
    if not config.number_format.exact:
        return np.zeros(c.channels, bool)
    least, greatest = c.sum_range
    ends = [c.rule.compute(end + c.bias) for end in (least, greatest)]
    dead = too_wide(c.rule) & (ends[0] != ends[1])
    limit = 1 << config.sum_bits - 1
    dead &= (least > -limit) & (greatest < limit)
    where = np.flatnonzero(dead)
    if len(where):
        solution = solve(c.rule.take(where), c.bias[where], least[where], greatest[where], True)
        dead[where] = ~solution.proved
    return dead


def _finer(rule: Rule, low: int, high: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Steps int64 ``[255]`` of finer codes, and the code that each of the 256 belongs to.

    All steps are equally wide, and so are the codes, as divisions can have them: beyond what the sums
    ``low..high`` reach they only go on. None where that does not do.
    """
    asked = Channels(rule, np.zeros(1, np.int64), np.array([low]), np.array([high]))
    found = asked.thresholds[asked.reached[:, 0], 0]
    if len(found) > 1:
        line = _line(found)
        if line is None:
            return None
        gap, begins = line
        parts = -(-int(np.ceil(gap)) // _WIDTH)
        width = gap / parts
    else:
        width, begins, parts = -(-(high - low) // 120), (float(found[0]),) * 2, 128
    first = (255 - (len(found) - 1) * parts) // 2  # the step at which the second code begins
    if first < 0:
        return None
    negative, other = (np.ceil((np.arange(255) - first) * width + b) for b in begins)
    steps = np.where(negative <= 0, negative, other).astype(np.int64)
    if (steps[first::parts][: len(found)] != found).any() or width > WIDEST:
        return None
    least = int(rule.compute(np.array([low]))[0])
    codes = least + 1 + (np.arange(256) - 1 - first) // parts
    return steps, np.clip(codes, rule.low, rule.high)


def _line(found: np.ndarray) -> tuple[float, tuple[float, float]] | None:
    """``gap, begins`` with ``found[i] == ceil(begin + i * gap)``, if there are such.

    There is a ``begin`` for sums up to 0 and one for those above, as TFLite rounds by the sign.
    """
    places = np.arange(len(found))
    for beside in (0.0, 0.25, -0.25, 0.5, -0.5, 0.75, -0.75):
        gap = (found[-1] - found[0] + beside) / places[-1]
        rest = found - places * gap
        sides = [side if len(side) else rest for side in (rest[found <= 0], rest[found > 0])]
        if all(np.ptp(side) < 1 for side in sides):
            return gap, tuple((side.max() - 1 + side.min()) / 2 for side in sides)
    return None
