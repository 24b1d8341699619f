"""Operators that move codes, as copies of parts of tensors."""

import numpy as np

from ...numeric.rules.rules import Mean
from ..ir.graph import Node
from ..ir.layer import Convolution, Region, copy_layer
from ..ir.tensor_layout import TensorLayout
from ._operator import selecting

Triple = tuple[int, int, int]  # height, width, channels


def copied_part(
    node: Node,
    name: str,
    source: tuple[str, TensorLayout],
    output: tuple[str, TensorLayout],
    *,
    start: Triple = (0, 0, 0),
    step: Triple = (1, 1, 1),
    place: Triple = (0, 0, 0),
    size: Triple,
    output_stride: tuple[int, int] = (1, 1),
) -> Convolution:
    """Copies ``size`` values of the source, from ``start`` by ``step``, to ``place`` of the output.

    Steps along height and width are positive; ``spread`` is as `Convolution` has it. Where the
    channels are not those of the source in their order, each is picked by a weight of 1 among
    zeros.
    """
    channels = source[1].channels
    picked = start[2] + step[2] * np.arange(size[2])
    whole = picked.tolist() == list(range(channels))
    weights = np.ones((1, 1, channels), np.int64)
    if not whole:
        weights = selecting(node, size[2], 1, 1, channels)
        weights[np.arange(size[2]), 0, 0, picked] = 1
    return Convolution(
        name=name,
        node=node.name,
        source=source[0],
        output=output[0],
        input_shape=source[1].shape,
        output_shape=output[1].shape,
        weights=weights,
        bias=np.zeros(size[2], np.int64),
        rule=Mean(1, -128, 127, channels=size[2]),
        pad=0,
        stride=step[:2],
        padding=(place[0] * step[0] - start[0], place[1] * step[1] - start[1]),
        region=Region(place[0], place[1], size[0], size[1]),
        output_stride=output_stride,
        first_channel=place[2],
        uniform=whole,
    )


def as_stored(values: tuple[int, ...], batch: int) -> Triple:
    """Per-dimension values as height, width and channels have them; ``batch`` where one is missing.

    For tensors of two to four dimensions, see `storage.stored`.
    """
    inner = values[1:]
    height, width, channels = (*(batch,) * (3 - len(inner)), *inner)
    return height, width, channels


def repeated(
    name: str, node: str, source: str, output: str, small: TensorLayout, large: TensorLayout
) -> Convolution:
    """A copy of a tensor that repeats it along the dimensions in which it has a size of 1."""
    copy = copy_layer(name, node, source, output, large.shape)
    sizes = zip(small.shape[:2], large.shape[:2], strict=True)
    if small.channels != large.channels:
        copy = copy.replace(weights=np.ones((large.channels, 1, 1, 1), np.int64), uniform=False)
    stride = tuple(1 if few == many else 0 for few, many in sizes)
    return copy.replace(input_shape=small.shape, stride=stride)


def negated(c: Convolution) -> Convolution:
    """A copy that makes ``-1 - x`` of each code ``x``, which reverses their order."""
    return c.replace(weights=-c.weights, bias=c.bias - 1)
