"""Layers that copy parts of tensors: what operators that move codes are lowered to."""

from collections.abc import Iterator, Sequence

import numpy as np

from ...numeric.rules.rules import Mean
from ..ir.graph import Node
from ..ir.layer import Convolution, Region, copy_layer
from ..ir.tensor_layout import TensorLayout
from ._operator import selecting

Triple = tuple[int, int, int]  # height, width, channels

MOST_STEP = 15  # between neighbouring positions that one layer reads: four bits of a descriptor


def copied_part(
    node: Node,
    name: str,
    source: tuple[str, TensorLayout],
    output: tuple[str, TensorLayout],
    *,
    start: Triple = (0, 0, 0),
    step: Triple = (1, 1, 1),
    target: Triple = (0, 0, 0),
    size: Triple,
    output_stride: tuple[int, int] = (1, 1),
) -> Convolution:
    """A layer that copies ``size`` values, read from ``start`` by ``step``, to ``target``.

    Steps along height and width are positive; ``output_stride`` is as in `Convolution`. Where the
    channels are not all of the source's, in order, each is picked by a weight of 1 among zeros.
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
        padding=(target[0] * step[0] - start[0], target[1] * step[1] - start[1]),
        region=Region(target[0], target[1], size[0], size[1]),
        output_stride=output_stride,
        first_channel=target[2],
        uniform=whole,
    )


def runs(indices: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Position, length and step of each run of equally spaced indices that one layer copies."""
    first = 0
    while first < len(indices):
        step = indices[first + 1] - indices[first] if first + 1 < len(indices) else 1
        count = 1
        while 0 <= step <= MOST_STEP and first + count < len(indices):
            if indices[first + count] != indices[first] + count * step:
                break
            count += 1
        yield first, count, step if count > 1 else 1
        first += count


def as_stored(values: tuple[int, ...], batch: int) -> Triple:
    """One value for each dimension of a tensor, as values for height, width and channels.

    Tensors have two to four dimensions, the first being the batch; what `tensor_layout.layout_of`
    adds to fewer than four gets the value ``batch``.
    """
    inner = values[1:]
    height, width, channels = (*(batch,) * (3 - len(inner)), *inner)
    return height, width, channels


def repeated(
    name: str, node: str, source: str, output: str, small: TensorLayout, large: TensorLayout
) -> Convolution:
    """A layer that copies a tensor and repeats it along the dimensions where its size is 1."""
    copy = copy_layer(name, node, source, output, large.shape)
    sizes = zip(small.shape[:2], large.shape[:2], strict=True)
    if small.channels != large.channels:
        copy = copy.replace(weights=np.ones((large.channels, 1, 1, 1), np.int64), uniform=False)
    stride = tuple(1 if few == many else 0 for few, many in sizes)
    return copy.replace(input_shape=small.shape, stride=stride)


def negated(c: Convolution) -> Convolution:
    """A copy layer with ``-1 - x`` for each code ``x``, which reverses the codes' order."""
    return c.replace(weights=-c.weights, bias=c.bias - 1)
