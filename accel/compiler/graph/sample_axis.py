"""Puts the sample axis in front of tensors that begin with another dimension than 1 in the file.

Most operators need no change for that: those of codes and of rows compute alike with one dimension
more. Those with axes are computed in the fewest dimensions that their axes need, between changes
of shape, which cost nothing where the last dimension stays: the core stores four dimensions.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..ir.graph import Graph, Node, Tensor
from ..operators.concatenation import Concatenation
from ..operators.reshape import Reshape
from ..operators.split import Split
from ..operators.transpose import Transpose
from .merged_axes import merged_cut, merged_order, merged_reduction

Shape = tuple[int, ...]

# Operators on images, which work on each entry of the first dimension by itself.
_ON_IMAGES = (
    "average_pool2d",
    "conv2d",
    "depth_to_space",
    "depthwise_conv2d",
    "max_pool2d",
    "space_to_depth",
    "transpose_conv2d",
)
# Operators along an axis, and how many dimensions fewer their inputs and outputs have than that.
_ALONG = {
    "concatenation": (0, 0),
    "split": (0, 0),
    "gather": (0, 0),
    "pack": (1, 0),
    "unpack": (0, 1),
}
MOST_IMAGES = 64  # of one tensor, each of which takes layers of its own


def with_sample_axis(graph: Graph) -> Graph:
    """The graph with a sample axis of 1 in front of every variable tensor."""
    if all(not _lacks(t) for t in graph.tensors.values() if not t.constant) and not any(
        _works_along_first(node.attributes) for node in graph
    ):
        return _with_whole_constants(graph, frozenset())
    lifting = _Lifting(graph)
    for node in graph:
        lifting.node(node)
    ends = frozenset(
        name
        for name in (*graph.inputs, *graph.outputs)
        if _lacks(graph.tensor(name)) and not graph.tensor(name).constant
    )
    made = graph.replace(tensors=lifting.tensors, nodes=tuple(lifting.nodes))
    return _with_whole_constants(made, ends)


def _with_whole_constants(graph: Graph, ends: frozenset[str]) -> Graph:
    """The graph with its sample axis also in front of constants that are outputs."""
    tensors = dict(graph.tensors)
    for name in graph.outputs:
        tensor = tensors[name]
        if tensor.data is not None and _lacks(tensor) and not graph.consumers(name):
            shape = with_axis(tensor.shape)
            tensors[name] = replace(tensor, shape=shape, data=tensor.data.reshape(shape))
            ends |= {name}
    return graph.replace(tensors=tensors, unbatched=ends)


def with_axis(shape: Shape) -> Shape:
    """A file's shape as the graph has it."""
    return shape if shape[:1] == (1,) else (1, *shape)


def _lacks(tensor: Tensor) -> bool:
    return tensor.shape[:1] != (1,)


def _works_along_first(attributes: Any) -> bool:
    axes = (getattr(attributes, "axis", 1), *getattr(attributes, "axes", ()))
    order, amounts = getattr(attributes, "order", ()), getattr(attributes, "amounts", ())
    return 0 in axes or tuple(order[:1]) not in ((), (0,)) or any(map(any, amounts[:1]))


def _fits(node: Node, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> bool:
    """Whether the fields that name dimensions are in range; else the operator's check refuses."""
    attributes, rank = node.attributes, len(inputs[0])
    if node.operator in _ALONG:
        added, removed = _ALONG[node.operator]
        ranks = {len(shape) + added for shape in inputs} | {len(s) + removed for s in outputs}
        if len(ranks) > 1 or not 0 <= attributes.axis < min(ranks):
            return False
    if not all(0 <= axis < rank for axis in getattr(attributes, "axes", ())):
        return False
    lists = [getattr(attributes, name, None) for name in ("starts", "sizes", "steps", "amounts")]
    sliced = lists[0] is not None
    order = getattr(attributes, "order", None)
    whole = order is None or sorted(order) == list(range(rank))
    given = lists if sliced else lists[3:]
    return whole and all(values is None or len(values) == rank for values in given)


class _Lifting:
    """The graph with a sample axis, as far as it is made."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.tensors = {
            name: tensor if tensor.constant else replace(tensor, shape=with_axis(tensor.shape))
            for name, tensor in graph.tensors.items()
        }
        self.nodes: list[Node] = []
        self._taken = {node.name for node in graph}
        self._views: dict[tuple[str, Shape], str] = {}

    def shape(self, name: str) -> Shape:
        """A tensor's shape in the file."""
        return self.graph.tensor(name).shape

    def node(self, node: Node) -> None:
        """Add a node with what it needs around it."""
        shapes = [self.shape(name) for name in (*node.inputs, *node.outputs)]
        inputs, outputs = shapes[: len(node.inputs)], shapes[len(node.inputs) :]
        variable = [n for n in (*node.inputs, *node.outputs) if not self.graph.tensor(n).constant]
        lacking = any(_lacks(self.graph.tensor(name)) for name in variable)
        lift = _LIFTED.get(node.operator) or _by_fields(node.attributes)
        needed = lacking or _works_along_first(node.attributes)
        if lift is None or not needed or not inputs or not outputs:
            self.nodes.append(node)
        elif not _fits(node, inputs, outputs) or not all(map(all, shapes)):
            self.nodes.append(node)
        else:
            lift(self, node)

    def add(self, node: Node, label: str, operator: str, attributes: Any, *ends: Any) -> None:
        """Add a node that computes a part of ``node``, or all of it where there is no label."""
        inputs, outputs = ends
        name, count = f"{node.name}{label}", 1
        while label and name in self._taken:
            count += 1
            name = f"{node.name}{label}_{count}"
        self._taken.add(name)
        made = replace(node, name=name, operator=operator, attributes=attributes)
        self.nodes.append(replace(made, inputs=tuple(inputs), outputs=tuple(outputs)))

    def tensor(self, like: str, shape: Shape) -> str:
        """A new tensor quantized as another one."""
        name, count = f"{like} {list(shape)}", 1
        while name in self.tensors:
            count += 1
            name = f"{like} {list(shape)} {count}"
        self.tensors[name] = replace(self.tensors[like], name=name, shape=shape, data=None)
        return name

    def viewed(self, node: Node, name: str, shape: Shape) -> str:
        """An input in another shape."""
        tensor = self.tensors[name]
        if tensor.shape == shape:
            return name
        if (name, shape) not in self._views:
            made = self._views[name, shape] = self.tensor(name, shape)
            if tensor.data is None:
                self.add(node, "_view", "reshape", Reshape(), (name,), (made,))
            else:
                data = tensor.data.reshape(shape)
                self.tensors[made] = replace(self.tensors[made], data=data)
        return self._views[name, shape]

    def part(self, node: Node, operator: str, attributes: Any, inputs: Any, shapes: Any) -> None:
        """Add the node itself in another form; its outputs have these shapes there."""
        pairs = [
            (name, name if self.tensors[name].shape == shape else self.tensor(name, shape))
            for name, shape in zip(node.outputs, shapes, strict=True)
        ]
        self.add(node, "", operator, attributes, inputs, [made for _, made in pairs])
        for name, made in pairs:
            if made != name:
                self.add(node, "_back", "reshape", Reshape(), (made,), (name,))


Lift = Callable[[_Lifting, Node], None]


def _transpose(lifting: _Lifting, node: Node) -> None:
    shape, order = merged_order(lifting.shape(node.inputs[0]), node.attributes.order)
    if order == tuple(range(len(order))):
        lifting.add(node, "", "reshape", Reshape(), node.inputs, node.outputs)
        return
    source = lifting.viewed(node, node.inputs[0], (1, *shape))
    attributes = Transpose(order=(0, *(axis + 1 for axis in order)))
    result = (1, *(shape[axis] for axis in order))
    lifting.part(node, "transpose", attributes, (source,), (result,))


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


def _concatenation(lifting: _Lifting, node: Node) -> None:
    _concatenated(lifting, node, [lifting.shape(name) for name in node.inputs])


def _pack(lifting: _Lifting, node: Node) -> None:
    axis = node.attributes.axis
    shapes = [lifting.shape(name) for name in node.inputs]
    _concatenated(lifting, node, [(*s[:axis], 1, *s[axis:]) for s in shapes])


def _concatenated(lifting: _Lifting, node: Node, shapes: Sequence[Shape]) -> None:
    axis, shape = node.attributes.axis, lifting.shape(node.outputs[0])
    inputs = [
        lifting.viewed(node, name, _joined(own, axis))
        for name, own in zip(node.inputs, shapes, strict=True)
    ]
    attributes = Concatenation(axis=_around(shape, axis)[2])
    lifting.part(node, "concatenation", attributes, inputs, (_joined(shape, axis),))


def _split(lifting: _Lifting, node: Node) -> None:
    shapes = [lifting.shape(name) for name in node.outputs]
    _parted(lifting, node, shapes, node.attributes.sizes)


def _unpack(lifting: _Lifting, node: Node) -> None:
    axis = node.attributes.axis
    shapes = [lifting.shape(name) for name in node.outputs]
    _parted(lifting, node, [(*s[:axis], 1, *s[axis:]) for s in shapes], (1,) * len(shapes))


def _parted(lifting: _Lifting, node: Node, shapes: Sequence[Shape], sizes: Shape) -> None:
    axis, shape = node.attributes.axis, lifting.shape(node.inputs[0])
    _, step, place = _around(shape, axis)
    attributes = Split(axis=place, sizes=tuple(size * step for size in sizes))
    source = lifting.viewed(node, node.inputs[0], _joined(shape, axis))
    results = [_joined(own, axis) for own in shapes]
    lifting.part(node, "split", attributes, (source,), results)


def _gather(lifting: _Lifting, node: Node) -> None:
    axis, shape = node.attributes.axis, lifting.shape(node.inputs[0])
    _, step, place = _around(shape, axis)
    indices = tuple(i * step + k for i in node.attributes.indices for k in range(step))
    attributes = replace(node.attributes, axis=place, indices=indices)
    source = lifting.viewed(node, node.inputs[0], _joined(shape, axis))
    whole = (*shape[:axis], len(node.attributes.indices), *shape[axis + 1 :])
    lifting.part(node, "gather", attributes, (source,), (_joined(whole, axis),))


def _slice(lifting: _Lifting, node: Node) -> None:
    a = node.attributes
    whole = zip(lifting.shape(node.inputs[0]), a.starts, a.sizes, a.steps, strict=True)
    shape, starts, sizes, steps = merged_cut(list(whole))
    attributes = replace(a, starts=(0, *starts), sizes=(1, *sizes), steps=(1, *steps))
    source = lifting.viewed(node, node.inputs[0], (1, *shape))
    lifting.part(node, "slice", attributes, (source,), ((1, *sizes),))


def _pad(lifting: _Lifting, node: Node) -> None:
    shape, amounts = lifting.shape(node.inputs[0]), node.attributes.amounts
    source = lifting.viewed(node, node.inputs[0], (1, *shape))
    attributes = replace(node.attributes, amounts=((0, 0), *amounts))
    result = tuple(n + sum(pair) for n, pair in zip(shape, amounts, strict=True))
    lifting.part(node, node.operator, attributes, (source,), ((1, *result),))


def _reduction(lifting: _Lifting, node: Node) -> None:
    shape, axes = merged_reduction(lifting.shape(node.inputs[0]), node.attributes.axes)
    source = lifting.viewed(node, node.inputs[0], (1, *shape))
    attributes = replace(node.attributes, axes=tuple(axis + 1 for axis in axes), keep=True)
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    lifting.part(node, node.operator, attributes, (source,), ((1, *kept),))


def _one_higher(lifting: _Lifting, node: Node) -> None:
    """Any other operator with an axis or axes: on the file's own shapes."""
    a, changes = node.attributes, {}
    if hasattr(a, "axis"):
        changes["axis"] = a.axis + 1
    if hasattr(a, "axes"):
        changes["axes"] = tuple(axis + 1 for axis in a.axes)
    inputs = [
        lifting.viewed(node, name, (1, *lifting.shape(name)))
        if not lifting.tensors[name].constant
        else name
        for name in node.inputs
    ]
    results = [(1, *lifting.shape(name)) for name in node.outputs]
    lifting.part(node, node.operator, replace(a, **changes), inputs, results)


def _image_by_image(lifting: _Lifting, node: Node) -> None:
    """An operator on images, for each of them, between a split and a concatenation."""
    (name, *others), (output,) = node.inputs, node.outputs
    source, result = lifting.shape(name), lifting.shape(output)
    count = source[0]
    if len(source) != 4 or len(result) != 4 or not count == result[0] <= MOST_IMAGES:
        lifting.nodes.append(node)
        return
    rows = lifting.viewed(node, name, (1, count * source[1], *source[2:]))
    parts = [lifting.tensor(name, (1, *source[1:])) for _ in range(count)]
    sizes = (source[1],) * count
    lifting.add(node, "_apart", "split", Split(axis=1, sizes=sizes), (rows,), parts)
    done = [lifting.tensor(output, (1, *result[1:])) for _ in range(count)]
    for index, (part, own) in enumerate(zip(parts, done, strict=True)):
        lifting.add(
            node, f"_image{index}", node.operator, node.attributes, (part, *others), (own,)
        )
    shape = (1, count * result[1], *result[2:])
    lifting.part(node, "concatenation", Concatenation(axis=1), done, (shape,))


def _by_fields(attributes: Any) -> Lift | None:
    """How operators are lifted that have no row of their own: by the names of their fields."""
    if hasattr(attributes, "axes") and hasattr(attributes, "keep"):
        return _reduction
    if hasattr(attributes, "amounts"):
        return _pad
    if hasattr(attributes, "axis") or hasattr(attributes, "axes"):
        return _one_higher
    return None


_LIFTED: dict[str, Lift] = {
    "transpose": _transpose,
    "concatenation": _concatenation,
    "pack": _pack,
    "split": _split,
    "unpack": _unpack,
    "gather": _gather,
    "slice": _slice,
    **dict.fromkeys(_ON_IMAGES, _image_by_image),
}
