"""Operators with axes in the fewest dimensions that these need, between changes of shape.

The changes of shape cost nothing where the last dimension stays; the core stores four dimensions,
of which the sample axis is one.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..ir.graph import Node, Quantization
from ..operators import OPERATORS, Elementwise
from ..operators.concatenation import Concatenation
from ..operators.gather import Gather
from ..operators.reshape import Reshape
from ..operators.split import Split
from ..operators.transpose import Transpose
from .merged_axes import merged_cut, merged_operands, merged_order, merged_reduction, single_moves

if TYPE_CHECKING:
    from .sample_axis import Lifting

Shape = tuple[int, ...]
Form = Callable[["Lifting", Node], None]

MOST_DIMENSIONS = 4  # that the core stores, with the sample axis
MOST_INDICES = 2**14  # of a gather; a core copies no more
MOST_IMAGES = 64  # of one tensor, each of which takes layers of its own

# In the names of operators on images, which work on each entry of the first dimension by itself.
_ON_IMAGES = ("pool2d", "conv2d", "depth_to_space", "space_to_depth", "resize")


OF_ROWS = ("log_softmax", "softmax")


def form_of(node: Node) -> Form | None:
    """What puts a node into another form; None where it can be as it is in all dimensions."""
    return _FORMS.get(node.operator) or _by_fields(node)


def _by_fields(node: Node) -> Form | None:
    """The form of operators that have no row of their own: by the names of their attributes."""
    attributes = node.attributes
    if any(part in node.operator for part in _ON_IMAGES):
        return _image_by_image
    if hasattr(attributes, "axes") and hasattr(attributes, "keep"):
        return _reduction
    if hasattr(attributes, "amounts"):
        return _pad
    if hasattr(attributes, "axis") or hasattr(attributes, "axes"):
        return _one_higher
    pairs = isinstance(OPERATORS[node.operator], Elementwise) and len(node.inputs) > 1
    return _broadcast if pairs else None


# Orders of dimensions.


def _transpose(lifting: "Lifting", node: Node) -> None:
    name = node.inputs[0]
    moves = _moves(lifting.shape(name), node.attributes.order)
    if not moves:
        lifting.add(node, "", "reshape", Reshape(), node.inputs, node.outputs)
        return
    shape, order = moves[-1]
    source = lifting.viewed(node, _turned(lifting, node, name, moves[:-1]), (1, *shape))
    result = (1, *(shape[axis] for axis in order))
    lifting.part(node, "transpose", _attributes(order), (source,), (result,))


def _moves(shape: Shape, order: Shape) -> list[tuple[Shape, Shape]]:
    """Shapes and orders of the transpositions that make one, none where no value moves."""
    shape, order = merged_order(shape, order)
    if order == tuple(range(len(order))):
        return []
    if len(order) < MOST_DIMENSIONS:
        return [(shape, order)]
    found = []
    for move in single_moves(order):
        found.append(merged_order(shape, move))
        shape = tuple(shape[axis] for axis in move)
    return found


def _turned(lifting: "Lifting", node: Node, name: str, moves: list[tuple[Shape, Shape]]) -> str:
    """A tensor after transpositions, each a node of its own."""
    for shape, order in moves:
        source = lifting.viewed(node, name, (1, *shape))
        name = lifting.tensor(name, (1, *(shape[axis] for axis in order)))
        lifting.add(node, "_turned", "transpose", _attributes(order), (source,), (name,))
    return name


def _attributes(order: Shape) -> Transpose:
    return Transpose(order=(0, *(axis + 1 for axis in order)))


# One axis.


def _around(shape: Shape, axis: int) -> tuple[Shape, int, int]:
    """Dimensions before an axis as one, its step, and the axis in ``(1, *before, n, *last)``.

    Dimensions between the axis and the last one become part of it: ``step`` is how many of the
    merged positions belong to one of its own.
    """
    before = math.prod(shape[:axis])
    return ((before,) if before > 1 else ()), math.prod(shape[axis + 1 : -1]), 1 + (before > 1)


def _joined(shape: Shape, axis: int) -> Shape:
    """A shape of the form that `_around` describes."""
    before, step, _ = _around(shape, axis)
    last = shape[-1:] if axis < len(shape) - 1 else ()
    return (1, *before, shape[axis] * step, *last)


def _concatenation(lifting: "Lifting", node: Node) -> None:
    _concatenated(lifting, node, [lifting.shape(name) for name in node.inputs], None)


def _pack(lifting: "Lifting", node: Node) -> None:
    axis = node.attributes.axis
    shapes = [lifting.shape(name) for name in node.inputs]
    # The codes of a PACK are copied whatever numbers they stand for.
    quantization = lifting.tensors[node.outputs[0]].quantization
    _concatenated(lifting, node, [(*s[:axis], 1, *s[axis:]) for s in shapes], quantization)


def _concatenated(
    lifting: "Lifting", node: Node, shapes: Sequence[Shape], quantization: Quantization | None
) -> None:
    axis, shape = node.attributes.axis, lifting.shape(node.outputs[0])
    inputs = [
        lifting.viewed(node, name, _joined(own, axis), quantization)
        for name, own in zip(node.inputs, shapes, strict=True)
    ]
    attributes = Concatenation(axis=_around(shape, axis)[2])
    lifting.part(node, "concatenation", attributes, inputs, (_joined(shape, axis),))


def _split(lifting: "Lifting", node: Node) -> None:
    shapes = [lifting.shape(name) for name in node.outputs]
    _parted(lifting, node, shapes, node.attributes.sizes)


def _unpack(lifting: "Lifting", node: Node) -> None:
    axis = node.attributes.axis
    shapes = [lifting.shape(name) for name in node.outputs]
    _parted(lifting, node, [(*s[:axis], 1, *s[axis:]) for s in shapes], (1,) * len(shapes))


def _parted(lifting: "Lifting", node: Node, shapes: Sequence[Shape], sizes: Shape) -> None:
    axis, shape = node.attributes.axis, lifting.shape(node.inputs[0])
    _, step, place = _around(shape, axis)
    attributes = Split(axis=place, sizes=tuple(size * step for size in sizes))
    source = lifting.viewed(node, node.inputs[0], _joined(shape, axis))
    lifting.part(node, "split", attributes, (source,), [_joined(own, axis) for own in shapes])


def _gather(lifting: "Lifting", node: Node) -> None:
    axis, shape = node.attributes.axis, lifting.shape(node.inputs[0])
    _, step, place = _around(shape, axis)
    if len(node.attributes.indices) * step > MOST_INDICES:
        lifting.nodes.append(node)
        return
    indices = tuple(i * step + k for i in node.attributes.indices for k in range(step))
    attributes = replace(node.attributes, axis=place, indices=indices)
    source = lifting.viewed(node, node.inputs[0], _joined(shape, axis))
    whole = (*shape[:axis], len(node.attributes.indices), *shape[axis + 1 :])
    lifting.part(node, "gather", attributes, (source,), (_joined(whole, axis),))


# Several axes, one after the other where they are too many.


def _slice(lifting: "Lifting", node: Node) -> None:
    a, name = node.attributes, node.inputs[0]
    whole = list(zip(lifting.shape(name), a.starts, a.sizes, a.steps, strict=True))
    merged = merged_cut(whole)
    while len(merged) >= MOST_DIMENSIONS:
        axis = next((i for i, (size, _, count, _) in enumerate(merged) if size != count), 0)
        _, start, count, step = merged[axis]
        shape = tuple(other[0] for other in merged)
        _, inner, place = _around(shape, axis)
        if count * inner > MOST_INDICES:
            lifting.nodes.append(node)
            return
        source = lifting.viewed(node, name, _joined(shape, axis))
        merged[axis] = (count, 0, count, 1)
        name = lifting.tensor(name, _joined((*shape[:axis], count, *shape[axis + 1 :]), axis))
        indices = tuple((start + step * i) * inner + k for i in range(count) for k in range(inner))
        attributes = Gather(axis=place, indices=indices)
        lifting.add(node, "_cut", "gather", attributes, (source,), (name,))
        merged = merged_cut(merged)
    shape, starts, sizes, steps = zip(*merged, strict=True)
    attributes = replace(a, starts=(0, *starts), sizes=(1, *sizes), steps=(1, *steps))
    source = lifting.viewed(node, name, (1, *shape))
    lifting.part(node, "slice", attributes, (source,), ((1, *sizes),))


def _pad(lifting: "Lifting", node: Node) -> None:
    name, amounts = node.inputs[0], list(node.attributes.amounts)
    shape = lifting.shape(name)
    padded = [axis for axis, pair in enumerate(amounts) if any(pair)]
    # Only padding by one value can be of merged dimensions.
    if len(shape) < MOST_DIMENSIONS or not padded or node.operator != "pad":
        result = tuple(n + sum(pair) for n, pair in zip(shape, amounts, strict=True))
        source = lifting.viewed(node, name, (1, *shape))
        attributes = replace(node.attributes, amounts=((0, 0), *amounts))
        lifting.part(node, node.operator, attributes, (source,), ((1, *result),))
        return
    for axis in padded:
        source = lifting.viewed(node, name, _joined(shape, axis))
        _, step, place = _around(shape, axis)
        merged = [(0, 0)] * (len(_joined(shape, axis)))
        merged[place] = (amounts[axis][0] * step, amounts[axis][1] * step)
        shape = (*shape[:axis], shape[axis] + sum(amounts[axis]), *shape[axis + 1 :])
        attributes = replace(node.attributes, amounts=tuple(merged))
        if axis == padded[-1]:
            lifting.part(node, node.operator, attributes, (source,), (_joined(shape, axis),))
            return
        name = lifting.tensor(node.outputs[0], _joined(shape, axis))
        lifting.add(node, f"_axis{axis}", node.operator, attributes, (source,), (name,))


def _reduction(lifting: "Lifting", node: Node) -> None:
    name, axes = node.inputs[0], node.attributes.axes
    shape, axes = merged_reduction(lifting.shape(name), axes)
    if len(shape) >= MOST_DIMENSIONS:  # those that stay go to the front
        last = len(shape) - 1
        kept = [axis for axis in range(last) if axis not in axes]
        gone = [axis for axis in range(last) if axis in axes]
        name = _turned(lifting, node, name, _moves(shape, (*kept, *gone, last)))
        sizes = [math.prod(shape[axis] for axis in group) for group in (kept, gone)]
        shape, axes = (*sizes, shape[last]), (1, *(axes[-1:] if last in axes else ()))
        axes = tuple(min(axis, 2) for axis in axes)
    source = lifting.viewed(node, name, (1, *shape))
    attributes = replace(node.attributes, axes=tuple(axis + 1 for axis in axes), keep=True)
    kept_sizes = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    lifting.part(node, node.operator, attributes, (source,), ((1, *kept_sizes),))


# Others.


def _broadcast(lifting: "Lifting", node: Node) -> None:
    """A function of several operands, whose dimensions are merged where all broadcast alike."""
    shapes = [lifting.shape(name) for name in (*node.inputs, *node.outputs)]
    if len(shapes[-1]) <= MOST_DIMENSIONS - (shapes[-1][:1] != (1,)):
        lifting.nodes.append(node)
        return
    merged = merged_operands(shapes)
    if merged is None:
        lifting.nodes.append(node)
        return
    inputs = [
        lifting.viewed(node, name, (1, *shape))
        for name, shape in zip(node.inputs, merged[:-1], strict=True)
    ]
    lifting.part(node, node.operator, node.attributes, inputs, ((1, *merged[-1]),))


def _one_higher(lifting: "Lifting", node: Node) -> None:
    """Any other operator with an axis or axes: on the file's own shapes."""
    a, changes = node.attributes, dict[str, Any]()
    if hasattr(a, "axis"):
        changes["axis"] = a.axis + 1
    if hasattr(a, "axes"):
        changes["axes"] = tuple(axis + 1 for axis in a.axes)
    inputs = [
        name
        if lifting.tensors[name].constant
        else lifting.viewed(node, name, (1, *lifting.shape(name)))
        for name in node.inputs
    ]
    results = [(1, *lifting.shape(name)) for name in node.outputs]
    lifting.part(node, node.operator, replace(a, **changes), inputs, results)


def _row(lifting: "Lifting", node: Node) -> None:
    """A function of rows; one number alone, which has no dimension but that of samples, is one."""
    source = lifting.viewed(node, node.inputs[0], (1, 1))
    lifting.part(node, node.operator, node.attributes, (source,), ((1, 1),))


def _image_by_image(lifting: "Lifting", node: Node) -> None:
    """An operator on images, for each of them, between a split and a concatenation."""
    (name, *others), (output, *_) = node.inputs, node.outputs
    source, result = lifting.shape(name), lifting.shape(output)
    count = source[0] if len(source) == len(result) == 4 else 0
    if not 1 < count <= MOST_IMAGES or result[0] != count:
        lifting.nodes.append(node)
        return
    rows = lifting.viewed(node, name, (1, count * source[1], *source[2:]))
    parts = [lifting.tensor(name, (1, *source[1:])) for _ in range(count)]
    sizes = (source[1],) * count
    lifting.add(node, "_apart", "split", Split(axis=1, sizes=sizes), (rows,), parts)
    done = [lifting.tensor(output, (1, *result[1:])) for _ in range(count)]
    for index, (part, own) in enumerate(zip(parts, done, strict=True)):
        lifting.add(node, f"_image{index}", node.operator, node.attributes, (part, *others), (own,))
    shape = (1, count * result[1], *result[2:])
    lifting.part(node, "concatenation", Concatenation(axis=1), done, (shape,))


_FORMS: dict[str, Form] = {
    "transpose": _transpose,
    "concatenation": _concatenation,
    "pack": _pack,
    "split": _split,
    "unpack": _unpack,
    "gather": _gather,
    "slice": _slice,
    **dict.fromkeys(OF_ROWS, _row),
}
