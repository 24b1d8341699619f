"""Constants that are stored sparsely, and the DENSIFY that writes them out."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tflite

MOST_DENSE = 2**24  # bytes of a constant that is written out

# Converts a flatbuffer's list of numbers, and accounts for it.
Numbers = Callable[[int, int, Callable[[], np.ndarray]], tuple[int, ...]]


@dataclass(frozen=True)
class Level:
    """A dimension in the order in which it is traversed: dense of a size, or sparse.

    In a sparse one the children of entry ``i`` are ``segments[i]`` up to ``segments[i + 1]``, and
    have these ``indices``.
    """

    size: int
    segments: np.ndarray | None = None
    indices: np.ndarray | None = None


@dataclass(frozen=True)
class Sparsity:
    """TFLite's ``SparsityParameters``: dimensions, then those of blocks, as they are traversed."""

    order: tuple[int, ...]
    blocks: tuple[int, ...]  # the dimensions that are cut into blocks
    levels: tuple[Level, ...]


_VECTORS = {
    tflite.SparseIndexVector.Int32Vector: (tflite.Int32Vector, 4),
    tflite.SparseIndexVector.Uint16Vector: (tflite.Uint16Vector, 2),
    tflite.SparseIndexVector.Uint8Vector: (tflite.Uint8Vector, 1),
}


def read_sparsity(table: tflite.SparsityParameters, numbers: Numbers) -> Sparsity:
    """The parameters of a tensor. Raises what flatbuffers do, or ``ValueError``."""
    order = numbers(table.TraversalOrderLength(), 4, table.TraversalOrderAsNumpy)
    blocks = numbers(table.BlockMapLength(), 4, table.BlockMapAsNumpy)
    if table.DimMetadataLength() != len(order):
        raise ValueError("a sparse tensor has other dimensions than it traverses")
    levels = tuple(_level(table.DimMetadata(i), numbers) for i in range(len(order)))
    return Sparsity(order, blocks, levels)


def _level(dimension: tflite.DimensionMetadata, numbers: Numbers) -> Level:
    if dimension.Format() == tflite.DimensionType.DENSE:
        return Level(dimension.DenseSize())
    lists = []
    for kind, table in (
        (dimension.ArraySegmentsType(), dimension.ArraySegments()),
        (dimension.ArrayIndicesType(), dimension.ArrayIndices()),
    ):
        make, size = _VECTORS[kind]
        vector = make()
        vector.Init(table.Bytes, table.Pos)
        values = numbers(vector.ValuesLength(), size, vector.ValuesAsNumpy)
        lists.append(np.array(values, np.int64))
    return Level(0, *lists)


def dense(sparsity: Sparsity, shape: tuple[int, ...], stored: bytes, size: int) -> bytes:
    """All elements of a constant of this shape, ``size`` bytes each, from those that are stored.

    Raises ``ValueError`` where the parameters do not fit the shape or what is stored.
    """
    dims, count = len(shape), int(np.prod(shape, dtype=np.int64))
    if min(shape, default=0) < 1 or count * size > MOST_DENSE:
        raise ValueError(f"a sparse tensor of shape {shape} is too large")
    if sorted(sparsity.order) != list(range(dims + len(sparsity.blocks))):
        raise ValueError("a sparse tensor does not traverse each of its dimensions once")
    if not all(0 <= axis < dims for axis in sparsity.blocks):
        raise ValueError("a sparse tensor has blocks of a dimension that it lacks")
    entries, coordinates = _walked(sparsity, count)
    place = [np.zeros(len(entries), np.int64) for _ in shape]
    for axis in range(dims):
        place[axis] = coordinates[axis]
    for block, axis in enumerate(sparsity.blocks):
        level = sparsity.levels[sparsity.order.index(dims + block)]
        place[axis] = place[axis] * level.size + coordinates[dims + block]
    inside = all((at >= 0).all() and (at < n).all() for at, n in zip(place, shape, strict=True))
    if not inside or len(stored) != len(entries) * size:
        raise ValueError("a sparse tensor stores other elements than its dimensions say")
    whole = np.zeros((count, size), np.uint8)
    flat = np.ravel_multi_index(tuple(place), shape)
    whole[flat] = np.frombuffer(stored, np.uint8).reshape(-1, size)[entries]
    return whole.tobytes()


def _walked(sparsity: Sparsity, most: int) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """The entries of the last level, and the coordinate of each along each dimension."""
    entries, coordinates = np.zeros(1, np.int64), dict[int, np.ndarray]()
    for axis, level in zip(sparsity.order, sparsity.levels, strict=True):
        if level.segments is None or level.indices is None:
            if level.size < 1 or len(entries) * level.size > most:
                raise ValueError("a sparse tensor has more elements than its shape")
            counts = np.full(len(entries), level.size, np.int64)
            first = entries * level.size
        else:
            segments = level.segments
            rising = len(segments) and segments[0] == 0 and (np.diff(segments) >= 0).all()
            known = rising and segments[-1] == len(level.indices) <= most
            if not known or entries.max(initial=-1) + 1 >= len(segments):
                raise ValueError("a sparse tensor has segments that do not fit together")
            first, counts = segments[entries], np.diff(segments)[entries]
        parent = np.repeat(np.arange(len(entries)), counts)
        within = np.arange(len(parent)) - np.repeat(np.cumsum(counts) - counts, counts)
        entries = first[parent] + within
        coordinates = {known_axis: at[parent] for known_axis, at in coordinates.items()}
        coordinates[axis] = within if level.indices is None else level.indices[entries]
    return entries, coordinates
