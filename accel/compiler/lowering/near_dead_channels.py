"""Near-dead channels: those with more sums to an output code than the divider can express.

Trained networks have channels with almost no weights. Per-channel quantization gives each one a
scale of its own, and then hundreds of thousands of sums lead to the same code: only a few codes are
within reach of any input. Such a channel is computed in two layers. The first one divides its sums
into finer codes, several to each code of the network; the second one maps these to the network's
codes by a table. All other channels stay as they are.
"""

from dataclasses import dataclass, replace

import numpy as np

from ...config import AcceleratorConfig
from ...numeric.division.nearest import WIDEST, too_wide
from ...numeric.division.solver import Channels, solve
from ...numeric.rules.rules import Rescale, Rule, Table
from ..ir.layer import Convolution, Region, copy_layer

_WIDTH = WIDEST >> 2  # sums to a finer code, at most
_CODES = np.arange(-128, 128)


@dataclass(frozen=True, eq=False)
class Finer:
    """The rule of the first layer: ``inner``'s, but for the channels with finer codes.

    ``own``, bool ``[channels]``, says which these are; ``steps``, int64 ``[channels, 255]``, has
    the least sum of each of their codes, from -127 on.
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


def split_near_dead(c: Convolution, config: AcceleratorConfig) -> list[Convolution]:
    """The convolution, or two layers that are exact where it is not.

    It stays as it is where nothing is to be mended, and where two layers would not be exact either.
    """
    rule = c.rule
    if not isinstance(rule, Rescale) or not _possible(c) or c.computed:
        return [c]
    dead = _dead(c, rule, config)
    if not dead.any():
        return [c]
    least, greatest = c.sum_range
    steps = np.zeros((c.channels, 255), np.int64)
    tables = np.tile(np.clip(_CODES, rule.low, rule.high), (c.channels, 1))
    for channel in np.flatnonzero(dead).tolist():
        ends = int(least[channel] + c.bias[channel]), int(greatest[channel] + c.bias[channel])
        found = _finer(rule.channel(channel), *ends)
        if found is None:
            return [c]
        steps[channel], tables[channel] = found
    finer_rule = Finer(replace(rule, low=-128, high=127), dead, steps)
    if not solve(finer_rule, c.bias, least, greatest, True).proved[dead].all():
        return [c]
    finer = f"{c.output} (finer)"
    copy = copy_layer(f"{c.name}_codes", c.node, finer, c.output, c.output_shape)
    copy = copy.replace(rule=Table(tables, -128), uniform=False)
    return [c.replace(rule=finer_rule, output=finer), copy]


def _possible(c: Convolution) -> bool:
    """Whether a convolution computes all of its output, by channel, and has no post-op."""
    height, width, channels = c.output_shape
    return (
        not c.uniform
        and c.post_op is None
        and c.output_stride == (1, 1)
        and not c.transposed
        and c.sub_byte is None
        and c.region == Region(0, 0, height, width)
        and c.channels == channels
    )


def _dead(c: Convolution, rule: Rescale, config: AcceleratorConfig) -> np.ndarray:
    """The near-dead channels, bool ``[channels]``.

    Their codes are too wide, inputs reach more than one of them, and no exact division is found.
    """
    if not config.number_format.exact:
        return np.zeros(c.channels, bool)
    least, greatest = c.sum_range
    ends = [rule.compute(end + c.bias) for end in (least, greatest)]
    dead = too_wide(rule) & (ends[0] != ends[1])
    limit = 1 << config.sum_bits - 1
    dead &= (least > -limit) & (greatest < limit)
    where = np.flatnonzero(dead)
    if len(where):
        solution = solve(rule.take(where), c.bias[where], least[where], greatest[where], True)
        dead[where] = ~solution.proved
    return dead


def _finer(rule: Rule, low: int, high: int) -> tuple[np.ndarray, np.ndarray] | None:
    """The steps of a channel's finer codes, int64 ``[255]``, and the code of each, int64 ``[256]``.

    All finer codes are equally wide, as a division makes them; beyond the sums ``low..high`` they
    simply go on. None where equal steps do not meet the rule's thresholds.
    """
    asked = Channels(rule, np.zeros(1, np.int64), np.array([low]), np.array([high]))
    found = asked.thresholds[asked.reached[:, 0], 0]
    begins: tuple[float, float]
    if len(found) > 1:
        progression = _progression(found)
        if progression is None:
            return None
        gap, begins = progression
        parts = -(-int(np.ceil(gap)) // _WIDTH)
        width = gap / parts
    else:
        width, parts = -(-(high - low) // 120), 128
        begins = float(found[0]), float(found[0])
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


def _progression(found: np.ndarray) -> tuple[float, tuple[float, float]] | None:
    """``gap, begins`` with ``found[i] == ceil(begin + i * gap)``, if there are such.

    One ``begin`` is for sums up to 0, one for those above, as TFLite rounds by the sign.
    """
    index = np.arange(len(found))
    for offset in (0.0, 0.25, -0.25, 0.5, -0.5, 0.75, -0.75):
        gap = (found[-1] - found[0] + offset) / index[-1]
        rest = found - index * gap
        sides = [side if len(side) else rest for side in (rest[found <= 0], rest[found > 0])]
        if all(np.ptp(side) < 1 for side in sides):
            first, second = ((side.max() - 1 + side.min()) / 2 for side in sides)
            return gap, (first, second)
    return None
