"""Operators of ONNX files that pick values and change none: by blocks, by indices, by repetition.

Shapes are the file's; positions are dimensions 1 and 2 of our tensors.
"""

import math
from collections.abc import Callable

import numpy as np

from ....operators.depth_to_space import DepthToSpace
from ....operators.gather import Gather
from ....operators.space_to_depth import SpaceToDepth
from ..builder import Builder, Unreadable
from ..values import Activation, Shape, Value, arranged, channels_last
from .shapes import viewed

# Blocks of positions and channels.


def _block(b: Builder, rank: int) -> int:
    size = b.attribute("blocksize", 0)
    if rank != 4 or size < 1:
        raise Unreadable(f"has blocks of {size} for {rank} dimensions", "", "use 4 dimensions")
    return size


def depth_to_space(b: Builder) -> list[Value]:
    value, mode = b.required(0), b.attribute("mode", "DCR")
    block = _block(b, len(value.shape))
    n, channels, height, width = value.shape
    if mode not in ("DCR", "CRD") or channels % block**2:
        raise Unreadable(f"has mode {mode!r} and blocks of {block} for {channels} channels")
    shape = (n, channels // block**2, height * block, width * block)
    attributes = DepthToSpace(block=block, depth_first=mode == "CRD")

    def array(a: np.ndarray) -> np.ndarray:
        if mode == "DCR":
            pieces = a.reshape(n, block, block, shape[1], height, width)
            return pieces.transpose(0, 3, 4, 1, 5, 2).reshape(shape)
        pieces = a.reshape(n, shape[1], block, block, height, width)
        return pieces.transpose(0, 1, 4, 2, 5, 3).reshape(shape)

    def activation(x: Activation) -> Activation:
        return _imaged(b, x, "depth_to_space", attributes, shape)

    return [viewed(b, value, shape, array, activation)]


def space_to_depth(b: Builder) -> list[Value]:
    value = b.required(0)
    block = _block(b, len(value.shape))
    n, channels, height, width = value.shape
    if height % block or width % block:
        raise Unreadable(f"has blocks of {block} for {height}x{width} positions")
    shape = (n, channels * block**2, height // block, width // block)

    def array(a: np.ndarray) -> np.ndarray:
        pieces = a.reshape(n, channels, shape[2], block, shape[3], block)
        return pieces.transpose(0, 3, 5, 1, 2, 4).reshape(shape)

    def activation(x: Activation) -> Activation:
        return _imaged(b, x, "space_to_depth", SpaceToDepth(block=block), shape)

    return [viewed(b, value, shape, array, activation)]


def _imaged(b: Builder, x: Activation, operator: str, attributes: object, shape: Shape):
    """The result of an operator that moves values of an image, of a shape in the file."""
    source, layout = b.channels_last(x), channels_last(4)
    tensor = b.moved(operator, attributes, source.tensor, arranged(shape, layout))
    return Activation(tensor, shape, layout, x.real, x.unsigned)


# Indices.


def gathered(b: Builder, x: Activation, axis: int, indices: Shape) -> Activation:
    """The elements of an activation at indices along an axis of the file."""
    if indices == tuple(range(x.shape[axis])):
        return x
    if axis == 0:
        raise Unreadable("picks or repeats along the batch", "", "use axis 1 or a later one")
    x = b.plain(x) if x.flat is not None else x
    shape = (*x.shape[:axis], len(indices), *x.shape[axis + 1 :])
    attributes = Gather(axis=x.layout.index(axis), indices=indices)
    tensor = b.moved("gather", attributes, x.tensor, arranged(shape, x.layout))
    return Activation(tensor, shape, x.layout, x.real, x.unsigned)


def gather(b: Builder) -> list[Value]:
    value, indices = b.required(0), b.constant(1)
    rank, axis = len(value.shape), b.attribute("axis", 0)
    if indices is None or not np.issubdtype(indices.dtype, np.integer):
        raise Unreadable("has no indices that are integers")
    if not -rank <= axis < rank:
        raise Unreadable(f"has axis {axis} for {rank} dimensions")
    axis %= rank
    size = value.shape[axis]
    if not indices.size or indices.min() < -size or indices.max() >= size:
        raise Unreadable(f"has no indices, or indices beyond the {size} elements of axis {axis}")
    picked = tuple(int(index) % size for index in indices.reshape(-1))
    shape = (*value.shape[:axis], *indices.shape, *value.shape[axis + 1 :])

    def array(a: np.ndarray) -> np.ndarray:
        return np.take(a, picked, axis).reshape(shape)

    def activation(x: Activation) -> Activation:
        return b.reshaped(gathered(b, x, axis, picked), shape)

    return [viewed(b, value, shape, array, activation)]


# Repetition.


def _repeated(b: Builder, shape: Shape, indices: Callable[[int, int], Shape]) -> list[Value]:
    """The first input with ``indices(axis, size)`` along each axis, of a shape of the same rank."""
    value, rank = b.required(0), len(shape)
    whole = (1,) * (rank - len(value.shape)) + value.shape
    b.spend(math.prod(shape) + sum(shape))  # with the indices, which a size of 0 leaves as many
    picked = [indices(axis, size) for axis, size in enumerate(whole)]

    def array(a: np.ndarray) -> np.ndarray:
        return a.reshape(whole)[np.ix_(*picked)]

    def activation(x: Activation) -> Activation:
        x = b.reshaped(x, whole)
        for axis, along in enumerate(picked):
            x = gathered(b, x, axis, along)
        return x

    return [viewed(b, value, shape, array, activation)]


def tile(b: Builder) -> list[Value]:
    value, times = b.required(0), b.integers(1)
    if times is None or len(times) != len(value.shape) or min(times, default=1) < 1:
        raise Unreadable(f"has repeats {times} for {len(value.shape)} dimensions")
    shape = tuple(size * count for size, count in zip(value.shape, times, strict=True))
    return _repeated(b, shape, lambda axis, size: (*range(size),) * times[axis])


def expand(b: Builder) -> list[Value]:
    value, sizes = b.required(0), b.integers(1)
    try:
        shape = np.broadcast_shapes(value.shape, sizes or ())
    except ValueError as error:
        raise Unreadable("has shapes that do not fit together", str(error)) from error
    return _repeated(
        b, shape, lambda axis, size: tuple(range(size)) if size > 1 else (0,) * shape[axis]
    )


READERS = {
    "DepthToSpace": ("depth_to_space", depth_to_space),
    "SpaceToDepth": ("space_to_depth", space_to_depth),
    "Gather": ("gather", gather),
    "Tile": ("gather", tile),
    "Expand": ("gather", expand),
}
