"""Shapes in the fewest dimensions in which an operator still does the same.

The last dimension, the channels, stays one of its own: other changes of shape cost nothing.
"""

from collections.abc import Sequence

Shape = tuple[int, ...]


def merged_order(shape: Shape, order: Shape) -> tuple[Shape, Shape]:
    """A transposition without dimensions of size 1; neighbours that stay neighbours are one.

    Returns the merged shape and its order; the order is the identity where no value moves.
    """
    moved = [axis for axis in order if shape[axis] > 1]
    runs: list[list[int]] = []
    real = [axis for axis, size in enumerate(shape) if size > 1]
    rank = {axis: position for position, axis in enumerate(real)}
    for axis in moved:
        if runs and rank[axis] == rank[runs[-1][-1]] + 1:
            runs[-1].append(axis)
        else:
            runs.append([axis])
    ordered = sorted(runs)
    sizes = []
    for run in ordered:
        size = 1
        for axis in run:
            size *= shape[axis]
        sizes.append(size)
    return tuple(sizes), tuple(ordered.index(run) for run in runs)


def merged_reduction(shape: Shape, axes: Sequence[int]) -> tuple[Shape, Shape]:
    """The shape of a reduction and its axes; neighbours that are both reduced or both kept are one.

    There is an axis of size 1 where no other is reduced.
    """
    sizes: list[int] = []
    reduced: list[bool] = []
    last = len(shape) - 1
    for axis, size in enumerate(shape):
        gone = axis in axes
        if axis < last and size == 1:
            continue
        if axis < last and reduced and reduced[-1] == gone:
            sizes[-1] *= size
            continue
        sizes.append(size)
        reduced.append(gone)
    if not any(reduced):
        sizes.insert(0, 1)
        reduced.insert(0, True)
    return tuple(sizes), tuple(axis for axis, gone in enumerate(reduced) if gone)


def merged_cut(
    dimensions: Sequence[tuple[int, int, int, int]],
) -> tuple[Shape, Shape, Shape, Shape]:
    """Size, start, count and step of each dimension of a slice, in fewer of them.

    A dimension that is taken whole is part of the one before it, if that is cut in one piece.
    """
    merged: list[tuple[int, int, int, int]] = []
    last = len(dimensions) - 1
    for axis, (size, start, count, step) in enumerate(dimensions):
        whole = (start, count, step) == (0, size, 1)
        if axis < last and size == 1 and whole:
            continue
        if axis < last and whole and merged and (merged[-1][3] == 1 or merged[-1][2] == 1):
            outer, first, taken, _ = merged[-1]
            merged[-1] = (outer * size, first * size, taken * size, 1)
            continue
        merged.append((size, start, count, step))
    sizes, starts, counts, steps = zip(*(merged or [(1, 0, 1, 1)]), strict=True)
    return sizes, starts, counts, tuple(s if n > 1 else 1 for s, n in zip(steps, counts, strict=True))
