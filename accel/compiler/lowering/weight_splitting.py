"""Splits weights that the core's number format does not hold.

A weight outside the format's range is split into up to three in-range weights that sum to it, and
each of these needs the input value once more. So 8-bit weights with a zero point, which take 9 bits
once that is subtracted, become two or three of 8 bits, and weights become sums of powers of two for
a format of these. The products add up in the array: sums, and what is proved of them, do not
change.

Where a value comes from once more:

- A layer of one tap reads the input again, by a second tap that does not move.
- The driver repeats channels of a network input that one layer alone reads.
- A depthwise layer stays depthwise with its weights cut to the range. The few channels of which
  weights are outside, with those that share their words, are computed once more by a dense layer,
  which reads a copy of these channels.
- For other layers a copy has the channels repeated that have such weights.
"""

from collections.abc import Collection, Sequence
from math import lcm

import numpy as np

from ...config import AcceleratorConfig
from ...numeric.rules.rules import Sums
from ..ir.layer import Convolution, copy_layer
from .channel_alignment import lane_step

MOST_PARTS = 3  # weights of 9 bits: 255 is 127 + 127 + 1

Parts = list[np.ndarray]  # weights of one shape


def split_weights(
    convolutions: Sequence[Convolution], inputs: Collection[str], config: AcceleratorConfig
) -> tuple[list[Convolution], dict[str, tuple[int, ...]]]:
    """The same layers with weights that fit, and the channels of network inputs as stored.

    The channels are listed for inputs of which some are repeated. Weights that would need more than
    ``MOST_PARTS`` parts are left as they are: the schedule refuses them.
    """
    done: list[Convolution] = []
    repeats: dict[str, tuple[int, ...]] = {}
    for c in convolutions:
        parts = _parts(c.weights, config)
        if parts is None:
            done.append(c)
            continue
        alone = sum(c.source in (o.source, o.residual) for o in convolutions) == 1
        given = c.source in inputs
        if given and alone:
            layer, repeats[c.source] = _widened(c, parts)
            done.append(layer)
        elif not given and _rereadable(c):
            done.append(c.replace(weights=np.concatenate(parts, axis=1), rereads=True))
        else:
            done += _mended(c, parts, config) or _repeated(c, parts)
    return done, repeats


def _parts(weights: np.ndarray, config: AcceleratorConfig) -> Parts | None:
    """In-range weights that sum to these, all of the same sign; None where one part is enough."""
    parts: Parts = []
    rest = weights
    while rest.any():
        parts.append(config.number_format.towards_zero(rest))
        rest = rest - parts[-1]
        if len(parts) > MOST_PARTS:
            return None
    return parts if len(parts) > 1 else None


def _rereadable(c: Convolution) -> bool:
    """Whether it has one tap, which is always inside the input."""
    if c.depthwise or c.kernel != (1, 1):
        return False
    region = c.region
    ends = zip(
        (region.top, region.left), (region.height, region.width), c.stride, c.padding, strict=True
    )
    spans = [(first * s - p, (first + count - 1) * s - p) for first, count, s, p in ends]
    return all(
        first >= 0 and last < size
        for (first, last), size in zip(spans, c.input_shape[:2], strict=True)
    )


def _widened(c: Convolution, parts: Parts) -> tuple[Convolution, tuple[int, ...]]:
    """The dense layer that reads channels as often as they have parts, and its input's channels."""
    dense = [c.replace(weights=part).as_dense() for part in parts]
    channels = list(range(c.input_shape[2]))
    weights = [dense[0].weights]
    for layer in dense[1:]:
        further = np.flatnonzero(layer.weights.any(axis=(0, 1, 2))).tolist()
        channels += further
        weights.append(layer.weights[..., further])
    height, width, _ = c.input_shape
    changed = dense[0].replace(
        weights=np.concatenate(weights, axis=3), input_shape=(height, width, len(channels))
    )
    return changed, tuple(channels)


def _repeated(c: Convolution, parts: Parts) -> list[Convolution]:
    """A copy of the input with channels repeated, and the layer that reads it."""
    changed, channels = _widened(c, parts)
    copy = _picked(c, f"{c.name}_repeated", channels)
    return [copy, changed.replace(source=copy.output)]


def _picked(c: Convolution, name: str, channels: Sequence[int]) -> Convolution:
    """A layer that copies these channels of a convolution's input."""
    height, width, depth = c.input_shape
    output = f"{c.source} ({name})"
    copy = copy_layer(name, c.node, c.source, output, (height, width, len(channels)))
    weights = np.eye(depth, dtype=np.int64)[list(channels)]
    return copy.replace(
        input_shape=c.input_shape, weights=weights[:, np.newaxis, np.newaxis], uniform=False
    )


def _mended(c: Convolution, parts: Parts, config: AcceleratorConfig) -> list[Convolution]:
    """A depthwise layer with its weights cut, and dense ones for words of channels that differ.

    None where the layer is of another kind, or where half of the words would be computed twice.
    """
    if not c.depthwise or c.uniform or c.residual or isinstance(c.rule, Sums):
        return []  # sums that are an output are all of one layer
    unit = lcm(config.rows, lane_step(config))
    outside = np.any([part.any(axis=(0, 1)) for part in parts[1:]], axis=0)
    units = np.unique(np.flatnonzero(outside) // unit).tolist()
    if c.first_channel % unit or 2 * len(units) > -(-c.channels // unit):
        return []
    layers = [c.replace(weights=parts[0])]
    for index in units:
        own = range(index * unit, min((index + 1) * unit, c.channels))
        span = slice(own.start, own.stop)
        part = c.replace(
            name=f"{c.name}_channels{own.start}",
            input_shape=(*c.input_shape[:2], len(own)),
            bias=c.bias[span],
            rule=c.rule.take(span),
            first_channel=c.first_channel + own.start,
            macs=0,
        )
        layer, channels = _widened(part, [weights[..., span] for weights in parts])
        copy = _picked(c, f"{part.name}_input", [own[channel] for channel in channels])
        layers += [copy, layer.replace(source=copy.output)]
    return layers
