"""Packs neighbouring positions of a network's output into words, where its channels fill few."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import gcd

import numpy as np

from ...config import AcceleratorConfig
from ..ir.layer import Convolution, Region
from ..ir.tensor_layout import TensorLayout

_MOST_DIAGONAL = 2**12  # weights of a depthwise layer that is computed as a dense one


def pack_outputs(
    layers: Sequence[Convolution],
    outputs: Sequence[str],
    layouts: Mapping[str, TensorLayout],
    config: AcceleratorConfig,
) -> tuple[tuple[Convolution, ...], dict[str, TensorLayout]]:
    """The layers and layouts, where ``outputs`` that no layer reads are packed.

    The values of a tensor are in the same order then, without gaps between them.
    """
    changed, found = list(layers), dict(layouts)
    for name in outputs:
        writers = [i for i, c in enumerate(changed) if c.output == name]
        read = any(name in (c.source, c.residual) for c in changed)
        if read or len(writers) != 1 or found[name].packing_factor > 1:
            continue
        packed = _packed(changed[writers[0]], config)
        if packed is not None:
            height, width, channels = packed.output_shape
            changed[writers[0]] = packed
            found[name] = replace(found[name], height=height, width=width, channels=channels)
    return tuple(changed), found


def _packed(c: Convolution, config: AcceleratorConfig) -> Convolution | None:
    """A layer that computes so many neighbouring outputs as one that words are full, or fuller."""
    rows, channels = config.rows, c.output_shape[2]
    if c.depthwise and c.weights.size * c.channels <= _MOST_DIAGONAL:
        c = c.as_dense()
    most, full = rows // channels, rows // gcd(rows, channels)
    for count in (full, *range(most, 1, -1)):
        joined = neighbours(c, count, 1) if count > 1 else None
        if joined is not None:
            return joined
    return None


def neighbours(c: Convolution, count: int, rows: int) -> Convolution | None:
    """The same convolution with ``count`` neighbouring positions as the channels of one.

    None where the output would lie differently in memory: its channels must be whole words of
    ``rows`` bytes.
    """
    if count == 1:
        return c
    if c.computed:
        return None
    height, width, channels = c.output_shape
    plain = not (c.depthwise or c.uniform or c.transposed)
    whole = channels % rows == 0 and c.channels == channels and width % count == 0
    region = c.region == Region(0, 0, height, width) and c.output_stride == (1, 1)
    if not (plain and whole and region) or (c.post_op and c.post_op.residual):
        return None
    kernel_h, kernel_w = c.kernel
    stride = c.stride[1]
    reach = kernel_w + (count - 1) * stride
    weights = np.zeros((count, channels, kernel_h, reach, c.input_shape[2]), np.int64)
    for index in range(count):
        weights[index, :, :, index * stride : index * stride + kernel_w] = c.weights
    every = np.tile(np.arange(channels), count)
    return c.replace(
        output_shape=(height, width // count, count * channels),
        weights=weights.reshape(-1, kernel_h, reach, c.input_shape[2]),
        bias=c.bias[every],
        rule=c.rule.take(every),
        stride=(c.stride[0], count * stride),
        region=Region(0, 0, height, width // count),
        neighbours=count * c.neighbours,
    )
