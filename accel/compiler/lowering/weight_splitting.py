"""Weights that the core's format is too narrow for.

Asymmetric weights of 8 bits take 9 when their zero point is subtracted. They are the sum of two weights
of 8 bits or three, as many a weight is of two or three powers of two, and a convolution by a sum is one over as many copies of its input's channels. The
products add up in the array, so sums and what is proved of them stay what they are.
"""

from collections.abc import Collection, Sequence

import numpy as np

from ...config import AcceleratorConfig
from ..ir.layer import Convolution, copy_layer

MOST_PARTS = 3  # weights of 9 bits: 255 is 127 + 127 + 1


def in_parts(
    convolutions: Sequence[Convolution], inputs: Collection[str], config: AcceleratorConfig
) -> tuple[list[Convolution], dict[str, int]]:
    """The same work with weights that fit, and how often network inputs are to be repeated.

    The driver repeats the channels of an input that one convolution reads, for others the core does.
    Weights of more parts than ``MOST_PARTS`` are left alone: the schedule refuses them.
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
            copy = _copies(c, len(parts))
            done.append(copy)
            c = c.replace(source=copy.output)
        done.append(_in_parts(c, parts))
    return done, repeats


def _parts(weights: np.ndarray, config: AcceleratorConfig) -> list[np.ndarray] | None:
    """Weights in range that add up to these, each of their sign; None where they need be no sum."""
    parts: list[np.ndarray] = []
    rest = weights
    while rest.any():
        parts.append(config.number_format.towards_zero(rest))
        rest = rest - parts[-1]
        if len(parts) > MOST_PARTS:
            return None
    return parts if len(parts) > 1 else None


def _in_parts(c: Convolution, parts: list[np.ndarray]) -> Convolution:
    dense = [c.replace(weights=part).as_dense() for part in parts]
    height, width, channels = c.input_shape
    return dense[0].replace(
        weights=np.concatenate([d.weights for d in dense], axis=3),
        input_shape=(height, width, len(parts) * channels),
    )


def _copies(c: Convolution, times: int) -> Convolution:
    """The input of a convolution with its channels repeated."""
    name = f"{c.name}_repeated"
    output = f"{c.source} ({name})"
    height, width, channels = c.input_shape
    copy = copy_layer(name, c.node, c.source, output, (height, width, times * channels))
    weights = np.tile(np.eye(channels, dtype=np.int64), (times, 1))
    return copy.replace(
        input_shape=c.input_shape, weights=weights[:, np.newaxis, np.newaxis], uniform=False
    )
