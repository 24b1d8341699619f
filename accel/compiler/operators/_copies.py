"""Layers that copy parts of tensors: what operators that move codes are lowered to."""

from collections.abc import Iterator, Sequence

import numpy as np

from ...numeric.rules.rules import Mean
from ..ir.graph import Node
from ..ir.layer import Convolution, Region, copy_layer
from ..ir.tensor_layout import TensorLayout
from ._kinds import Operand
from ._operator import selecting

Triple = tuple[int, int, int]  # height, width, channels

MOST_STEP = 15  # between neighbouring positions that one layer reads: four bits of a descriptor
TAPS = 32  # of a window that gathers positions into channels; whole words on arrays of 32 rows


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

    Along height and width steps are at most ``MOST_STEP``; where one is negative, the layer walks
    the source forwards and the output backwards. ``output_stride`` is as in `Convolution`. Where
    the channels are not all of the source's, in order, each is picked by a weight of 1 among zeros.
    """
    for axis in (0, 1):
        if step[axis] < 0:
            last = size[axis] - 1
            start = _with(start, axis, start[axis] + last * step[axis])
            target = _with(target, axis, target[axis] + last * output_stride[axis])
            step = _with(step, axis, -step[axis])
            output_stride = (
                (-output_stride[0], output_stride[1])
                if axis == 0
                else (output_stride[0], -output_stride[1])
            )
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


def _with(values: Triple, axis: int, value: int) -> Triple:
    height, width, channels = (value if i == axis else old for i, old in enumerate(values))
    return height, width, channels


def positions_as_channels(node: Node, source: Operand, output: Operand) -> list[Convolution]:
    """Layers that put runs of positions of one channel into the channels of one position each.

    A window covers ``TAPS`` positions of a run, and each output channel has a weight of 1 at one of
    them. The output has a height of 1.
    """
    _, runs, channels = output[1].shape
    layers = []
    for first in range(0, channels, TAPS):
        count = min(TAPS, channels - first)
        weights = np.eye(count, dtype=np.int64).reshape(count, 1, count, 1)
        layers.append(
            Convolution(
                name=f"{node.name}_channels{first}",
                node=node.name,
                source=source[0],
                output=output[0],
                input_shape=(runs, channels, 1),
                output_shape=output[1].shape,
                weights=weights,
                bias=np.zeros(count, np.int64),
                rule=Mean(1, -128, 127, channels=count),
                pad=0,
                stride=(1, 0),
                padding=(0, -first),
                region=Region(0, 0, runs, 1),
                first_channel=first,
                transposed=True,
            )
        )
    return layers


def runs(indices: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Position, length and step of each run of equally spaced indices that one layer copies."""
    first = 0
    while first < len(indices):
        step = indices[first + 1] - indices[first] if first + 1 < len(indices) else 1
        count = 1
        while abs(step) <= MOST_STEP and first + count < len(indices):
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
