"""Splits weights that the core's number format does not hold.

A weight outside the format's range is split into up to three in-range weights that sum to it; the
input channels are repeated as often. So 8-bit weights with a zero point, which take 9 bits once
that is subtracted, become two or three of 8 bits, and weights become sums of powers of two for a
format of these. The products add up in the array: sums, and what is proved of them, do not change.
"""

from collections.abc import Collection, Sequence

import numpy as np

from ...config import AcceleratorConfig
from ..ir.layer import Convolution, copy_layer

MOST_PARTS = 3  # weights of 9 bits: 255 is 127 + 127 + 1


def split_weights(
    convolutions: Sequence[Convolution], inputs: Collection[str], config: AcceleratorConfig
) -> tuple[list[Convolution], dict[str, int]]:
    """The same layers with weights that fit, and how often each network input is repeated.

    The driver repeats the channels of a network input that one layer alone reads; other tensors are
    repeated by a layer of the core. Weights that would need more than ``MOST_PARTS`` parts are left
    as they are: the schedule refuses them.
    """
    done: list[Convolution] = []
    repeats: dict[str, int] = {}
    for c in convolutions:
        parts = _parts(c.weights, config)
        if parts is None:
            done.append(c)
            continue
        sole = sum(c.source in (o.source, o.residual) for o in convolutions) == 1
        if c.source in inputs and sole:
            repeats[c.source] = len(parts)
        else:
            copy = _repeated_input(c, len(parts))
            done.append(copy)
            c = c.replace(source=copy.output)
        done.append(_with_parts(c, parts))
    return done, repeats


def _parts(weights: np.ndarray, config: AcceleratorConfig) -> list[np.ndarray] | None:
    """In-range weights that sum to these, all of the same sign; None where one part is enough."""
    parts: list[np.ndarray] = []
    rest = weights
    while rest.any():
        parts.append(config.number_format.towards_zero(rest))
        rest = rest - parts[-1]
        if len(parts) > MOST_PARTS:
            return None
    return parts if len(parts) > 1 else None


def _with_parts(c: Convolution, parts: list[np.ndarray]) -> Convolution:
    dense = [c.replace(weights=part).as_dense() for part in parts]
    height, width, channels = c.input_shape
    return dense[0].replace(
        weights=np.concatenate([d.weights for d in dense], axis=3),
        input_shape=(height, width, len(parts) * channels),
    )


def _repeated_input(c: Convolution, times: int) -> Convolution:
    """A layer that copies a convolution's input with its channels repeated."""
    name = f"{c.name}_repeated"
    output = f"{c.source} ({name})"
    height, width, channels = c.input_shape
    copy = copy_layer(name, c.node, c.source, output, (height, width, times * channels))
    weights = np.tile(np.eye(channels, dtype=np.int64), (times, 1))
    return copy.replace(
        input_shape=c.input_shape, weights=weights[:, np.newaxis, np.newaxis], uniform=False
    )
