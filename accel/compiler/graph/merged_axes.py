"""Shapes in the fewest dimensions in which an operator still does the same.

The last dimension, the channels, stays one of its own: other changes of shape cost nothing.
"""

import math
from collections.abc import Iterator, Sequence

Shape = tuple[int, ...]
Cut = tuple[int, int, int, int]  # of a dimension: its size, and start, count and step of a slice


def merged_order(shape: Shape, order: Shape) -> tuple[Shape, Shape]:
    """A transposition without dimensions of size 1; neighbours that stay neighbours are one.

    Returns the merged shape and its order, which is the identity where no value moves.
    """
    real = [axis for axis, size in enumerate(shape) if size > 1]
    place = {axis: position for position, axis in enumerate(real)}
    runs: list[list[int]] = []
    for axis in (axis for axis in order if axis in place):
        if runs and place[axis] == place[runs[-1][-1]] + 1:
            runs[-1].append(axis)
        else:
            runs.append([axis])
    ordered = sorted(runs)
    sizes = tuple(math.prod(shape[axis] for axis in run) for run in ordered)
    return sizes, tuple(ordered.index(run) for run in runs)


def single_moves(order: Shape) -> Iterator[Shape]:
    """Orders that one after the other make ``order``: each moves one dimension to the front.

    Three blocks of neighbours are in each. What is in order at the end is left where it is.
    """
    now, stay = list(range(len(order))), len(order) - 1
    while stay > 0 and order[stay - 1] < order[stay]:
        stay -= 1
    for axis in reversed(order[: max(stay, 0)]):
        at = now.index(axis)
        move = (at, *range(at), *range(at + 1, len(order)))
        now = [now[position] for position in move]
        yield move


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


def merged_cut(dimensions: Sequence[Cut]) -> list[Cut]:
    """The dimensions of a slice, in fewer of them.

    One that is taken whole is part of the one before it, if that is cut in one piece.
    """
    merged: list[Cut] = []
    last = len(dimensions) - 1
    for axis, (size, start, count, step) in enumerate(dimensions):
        whole = (start, count, step) == (0, size, 1)
        if axis < last and size == 1 and whole:
            continue
        if axis < last and whole and merged and (merged[-1][3] == 1 or merged[-1][2] == 1):
            outer, first, taken, _ = merged[-1]
            merged[-1] = (outer * size, first * size, taken * size, 1)
            continue
        merged.append((size, start, count, step if count > 1 else 1))
    return merged or [(1, 0, 1, 1)]


def merged_operands(shapes: Sequence[Shape]) -> list[Shape] | None:
    """Shapes that broadcast to the last one, in fewer dimensions; None where they do not.

    Neighbouring dimensions are one where each operand has both of them or neither.
    """
    output = shapes[-1]
    rank = len(output)
    if any(len(shape) > rank for shape in shapes):
        return None
    whole = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    sizes: list[list[int]] = []
    before: tuple[bool, ...] | None = None
    for axis in range(rank):
        if any(shape[axis] not in (1, output[axis]) for shape in whole):
            return None
        if output[axis] == 1 and axis < rank - 1:
            continue
        given = tuple(shape[axis] == output[axis] for shape in whole)
        if axis < rank - 1 and given == before:
            sizes[-1] = [a * shape[axis] for a, shape in zip(sizes[-1], whole, strict=True)]
        else:
            sizes.append([shape[axis] for shape in whole])
        before = given
    return [tuple(size[index] for size in sizes) for index in range(len(shapes))]
