"""Tensors of few bits, several of their channels in a byte, where the core's number format has such.

A tensor is stored like that if one convolution computes it, its codes are in the narrow range, and none
but convolutions over all its channels read it, with weights that are in range too. It is computed in as
many parts as a byte has codes: the first part puts its codes into the upper bits of the bytes, and each
further one shifts what is there down and does the same. Networks' inputs and outputs are bytes.
"""

from collections.abc import Collection, Sequence

import numpy as np

from ..config import AcceleratorConfig
from ..numeric.formats import Narrow
from .convolution import Combination, Convolution


def in_few_bits(
    convolutions: Sequence[Convolution], ends: Collection[str], config: AcceleratorConfig
) -> tuple[list[Convolution], frozenset[str]]:
    """The same work with tensors in few bits where they can be, and the names of those.

    ``ends`` are the network's inputs and outputs.
    """
    narrow = config.number_format.narrow
    if narrow is None or not config.combines:
        return list(convolutions), frozenset()
    tensors = {c.output for c in convolutions} - set(ends)
    chosen = frozenset(t for t in tensors if _can_be_narrow(t, convolutions, narrow))
    done: list[Convolution] = []
    for c in convolutions:
        if c.source in chosen:
            c = _reading(c, narrow)
        done += _writing(c, narrow) if c.output in chosen else [c]
    return done, chosen


def _can_be_narrow(tensor: str, convolutions: Sequence[Convolution], narrow: Narrow) -> bool:
    writers = [c for c in convolutions if c.output == tensor]
    readers = [c for c in convolutions if c.source == tensor]
    if any(c.combination and c.combination.second == tensor for c in convolutions):
        return False
    return (
        len(writers) == 1
        and _can_write(writers[0], narrow)
        and bool(readers)
        and all(_can_read(c, writers[0], narrow) for c in readers)
    )


def _can_write(c: Convolution, narrow: Narrow) -> bool:
    least, greatest = narrow.range
    whole = not c.depthwise and not c.uniform and c.first_channel == 0
    whole = whole and c.channels == c.output_shape[2] and c.spread == (1, 1)
    return whole and c.combination is None and least <= c.rule.low <= c.rule.high <= greatest


def _can_read(c: Convolution, writer: Convolution, narrow: Narrow) -> bool:
    least, greatest = narrow.range
    codes = np.append(c.weights, c.pad)
    in_range = bool(((least <= codes) & (codes <= greatest)).all())
    return not c.depthwise and in_range and c.input_shape[2] == writer.channels


def _reading(c: Convolution, narrow: Narrow) -> Convolution:
    height, width, channels = c.input_shape
    missing = -channels % narrow.lanes
    weights = np.pad(c.weights, ((0, 0), (0, 0), (0, 0), (0, missing)))
    pad = int(narrow.pack(np.full(narrow.lanes, c.pad)))
    size = weights.shape[3] // narrow.lanes
    return c.replace(
        weights=narrow.pack(weights.reshape(*weights.shape[:3], size, narrow.lanes)),
        input_shape=(height, width, size),
        pad=pad,
        narrow=narrow,
    )


def _writing(c: Convolution, narrow: Narrow) -> list[Convolution]:
    """A convolution for each place in a byte; what is missing in the last byte is any channel's."""
    height, width, channels = c.output_shape
    size = -(-channels // narrow.lanes)
    parts = []
    for lane in range(narrow.lanes):
        index = (lane + narrow.lanes * np.arange(size)).clip(None, channels - 1)
        parts.append(
            c.replace(
                name=f"{c.name}_lane{lane}",
                weights=c.weights[index],
                bias=c.bias[index],
                rule=c.rule.take(index),
                output_shape=(height, width, size),
                macs=c.macs * (lane + 1) // narrow.lanes - c.macs * lane // narrow.lanes,
                combination=Combination(
                    second=c.output if lane else None,
                    pack=True,
                    low=c.rule.low,
                    high=c.rule.high,
                ),
            )
        )
    return parts
