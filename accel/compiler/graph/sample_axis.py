"""Puts the sample axis in front of tensors that begin with another dimension than 1 in the file.

Most operators need no change for that: those of codes and of rows compute alike with one dimension
more. Those with axes get other forms, see `fewer_axes`.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..ir.graph import Graph, Node, Quantization, Tensor
from ..operators.reshape import Reshape
from .fewer_axes import MOST_DIMENSIONS, OF_ROWS, form_of
from .verify import MAX_COMPUTED, MAX_DIMENSIONS

Shape = tuple[int, ...]

# Operators along an axis, and how many dimensions fewer their inputs and outputs have than that.
_ALONG = {
    "concatenation": (0, 0),
    "split": (0, 0),
    "gather": (0, 0),
    "pack": (1, 0),
    "unpack": (0, 1),
}


def with_sample_axis(graph: Graph) -> Graph:
    """The graph with a sample axis of 1 in front of every variable tensor."""
    lifting = Lifting(graph)
    for node in graph:
        lifting.node(node)
    ends = frozenset(
        name
        for name in (*graph.inputs, *graph.outputs)
        if _lacks(graph.tensor(name)) and not graph.tensor(name).constant
    )
    used = {name for node in lifting.nodes for name in (*node.inputs, *node.outputs)}
    used.update((*graph.given, *graph.wanted))
    tensors = {name: tensor for name, tensor in lifting.tensors.items() if name in used}
    made = graph.replace(
        tensors=tensors,
        nodes=tuple(lifting.nodes),
        states=tuple(
            replace(state, initial=state.initial.reshape(with_axis(state.initial.shape)))
            for state in graph.states
        ),
    )
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


def _possible(shape: Shape) -> bool:
    """Whether ``verify`` will take a shape; what comes after need not cope with others."""
    small = len(shape) <= MAX_DIMENSIONS and all(1 <= size <= MAX_COMPUTED for size in shape)
    return small and math.prod(shape) <= MAX_COMPUTED


def _fits(node: Node, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> bool:
    """Whether the fields that name dimensions are in range; else the operator's check refuses."""
    attributes, rank = node.attributes, len(inputs[0])
    if node.operator in _ALONG:
        added, removed = _ALONG[node.operator]
        ranks = {len(shape) + added for shape in inputs} | {len(s) + removed for s in outputs}
        if len(ranks) > 1 or not 0 <= attributes.axis < min(ranks):
            return False
        if node.operator != "gather" and not _make_whole(node, inputs, outputs):
            return False
    if not all(0 <= axis < rank for axis in getattr(attributes, "axes", ())):
        return False
    lists = [getattr(attributes, name, None) for name in ("starts", "sizes", "steps", "amounts")]
    sliced = lists[0] is not None
    order = getattr(attributes, "order", None)
    whole = order is None or sorted(order) == list(range(rank))
    given = lists if sliced else lists[3:]
    return whole and all(values is None or len(values) == rank for values in given)


def _make_whole(node: Node, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> bool:
    """Whether the parts of a joining or a parting operator make its whole along the axis."""
    axis = node.attributes.axis
    (whole, *more), parts = (inputs, outputs)
    if node.operator in ("concatenation", "pack"):
        (whole, *more), parts = (outputs, inputs)
    if node.operator in ("pack", "unpack"):
        parts = [(*part[:axis], 1, *part[axis:]) for part in parts]
    elsewhere = {(*part[:axis], *part[axis + 1 :]) for part in (whole, *parts)}
    return not more and len(elsewhere) == 1 and whole[axis] == sum(part[axis] for part in parts)


class Lifting:
    """The graph with a sample axis, as far as it is made."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.tensors = {
            name: tensor if tensor.constant else replace(tensor, shape=with_axis(tensor.shape))
            for name, tensor in graph.tensors.items()
        }
        self.nodes: list[Node] = []
        self._taken = {node.name for node in graph}
        self._views: dict[tuple[str, Shape, Quantization | None], str] = {}

    def shape(self, name: str) -> Shape:
        """A tensor's shape in the file."""
        return self.graph.tensor(name).shape

    def node(self, node: Node) -> None:
        """Add a node with what it needs around it."""
        shapes = [self.shape(name) for name in (*node.inputs, *node.outputs)]
        inputs, outputs = shapes[: len(node.inputs)], shapes[len(node.inputs) :]
        form = form_of(node) if inputs and outputs and self._differs(node) else None
        if form is not None and all(map(_possible, shapes)) and _fits(node, inputs, outputs):
            begun = len(self.nodes)
            form(self, node)
            if all(map(self._keeps_size, self.nodes[begun:])):
                return
            del self.nodes[begun:]  # the output's shape is wrong, as the operator's check will say
        self.nodes.append(node)

    def _keeps_size(self, node: Node) -> bool:
        ends = (self.tensors[name].size for name in (*node.inputs[:1], *node.outputs[:1]))
        return node.operator != "reshape" or len(set(ends)) == 1

    def _differs(self, node: Node) -> bool:
        """Whether a node cannot be as it is in the file, or has more dimensions than are stored."""
        tensors = [self.graph.tensor(name) for name in (*node.inputs, *node.outputs)]
        variable = [tensor for tensor in tensors if not tensor.constant]
        if not variable:
            return False
        if node.operator in OF_ROWS:
            return with_axis(tensors[0].shape) == (1,)
        most = max(len(with_axis(tensor.shape)) for tensor in variable)
        last = max(len(tensor.shape) for tensor in variable) - 1
        packs = node.operator in ("pack", "unpack")
        of_channels = packs and node.attributes.axis == last > 0  # then values change their words
        lacking = any(map(_lacks, variable)) or _works_along_first(node.attributes)
        return lacking or most > MOST_DIMENSIONS or of_channels

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

    def viewed(
        self, node: Node, name: str, shape: Shape, quantization: Quantization | None = None
    ) -> str:
        """An input in another shape; its codes under another quantization, if one is given."""
        tensor = self.tensors[name]
        relabelled = quantization is not None and quantization != tensor.quantization
        if tensor.shape == shape and not relabelled:
            return name
        key = name, shape, quantization if relabelled else None
        if key not in self._views:
            made = self._views[key] = self.tensor(name, shape)
            if relabelled:
                self.tensors[made] = replace(self.tensors[made], quantization=quantization)
            if tensor.data is None:
                attributes = Reshape(relabelled=relabelled)
                self.add(node, "_view", "reshape", attributes, (name,), (made,))
            else:
                data = tensor.data.reshape(shape)
                self.tensors[made] = replace(self.tensors[made], data=data)
        return self._views[key]

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
