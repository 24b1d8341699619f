"""Reductions along the dimensions that are there: transpositions before them are left out.

A mean over the channels of ``[1, c, h, w]``, a transposed ``[1, h, w, c]``, is one over the width
of what was transposed. Each reduction stays one of its own, with the rounding that it has.
"""

from collections.abc import Container, Iterator
from dataclasses import replace

from ..ir.graph import Graph, Node, Tensor
from ..operators.reshape import Reshape
from ..operators.transpose import Transpose

Shape = tuple[int, ...]
_REDUCTIONS = ("mean", "reduce_max", "sum")


def reduce_in_place(graph: Graph) -> Graph:
    """The same network, whose reductions the core can compute where it can compute any."""
    for node in graph.nodes:
        if node.operator == "transpose":
            graph = _absorbed(graph, node)
    for node in graph.nodes:
        if node.operator in _REDUCTIONS:
            graph = _kept(graph, node)
    return graph


def _absorbed(graph: Graph, transpose: Node) -> Graph:
    """The graph with the reductions after a transposition before it, where that helps.

    It helps where nothing is left of the transposition, or where a reduction is over the channels,
    which would leave positions that have to become channels.
    """
    chain = list(_chain(graph, transpose))
    if not chain:
        return graph
    source, order = transpose.inputs[0], transpose.attributes.order
    made: list[Node] = []
    tensors = dict(graph.tensors)
    helps = False
    for node in chain:
        old, output = tensors[source].shape, node.outputs[0]
        axes = tuple(sorted(order[axis] for axis in node.attributes.axes))
        helps |= len(order) - 1 in node.attributes.axes
        keep = node.attributes.keep
        shape = tuple(1 if a in axes else n for a, n in enumerate(old) if keep or a not in axes)
        if not keep:
            stay = sorted(axis for axis in order if axis not in axes)
            order = tuple(stay.index(axis) for axis in order if axis not in axes)
        name = output if shape == tensors[output].shape and _still(shape, order) else None
        name = name or _free(f"{output} ({node.name})", tensors)
        tensors[name] = replace(tensors[output], name=name, shape=shape)
        attributes = replace(node.attributes, axes=axes)
        made.append(replace(node, inputs=(source,), outputs=(name,), attributes=attributes))
        source = name
    output = chain[-1].outputs[0]
    if source != output:
        made.append(_turned(transpose, source, tensors[source].shape, order, output))
    if not helps and not _still(tensors[source].shape, order):
        return graph
    nodes = []
    for node in graph.nodes:
        if node is chain[-1]:
            nodes += made
        elif node is not transpose and node not in chain:
            nodes.append(node)
    return _used(graph, tensors, nodes)


def _chain(graph: Graph, node: Node) -> Iterator[Node]:
    """Reductions after a node, each of which alone reads what the one before makes."""
    while node.outputs[0] not in graph.wanted:
        readers = graph.consumers(node.outputs[0])
        if len(readers) != 1 or readers[0].operator not in _REDUCTIONS:
            return
        (node,) = readers
        yield node


def _still(shape: Shape, order: Shape) -> bool:
    """Whether an order moves dimensions of size 1 only."""
    moved = [axis for axis in order if shape[axis] > 1]
    return moved == sorted(moved)


def _turned(node: Node, source: str, shape: Shape, order: Shape, output: str) -> Node:
    """What is left of a transposition after reductions."""
    still = _still(shape, order)
    return replace(
        node,
        operator="reshape" if still else "transpose",
        attributes=Reshape() if still else Transpose(order=order),
        inputs=(source,),
        outputs=(output,),
    )


def _kept(graph: Graph, node: Node) -> Graph:
    """A reduction over the channels keeps its dimensions; a change of shape after it drops them."""
    source, output = graph.tensor(node.inputs[0]), graph.tensor(node.outputs[0])
    axes, last = node.attributes.axes, len(source.shape) - 1
    positions = [size for axis, size in enumerate(source.shape) if size > 1 and axis not in axes]
    if node.attributes.keep or last not in axes or not positions:
        return graph
    tensors, name = dict(graph.tensors), _free(f"{output.name} ({node.name})", graph.tensors)
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(source.shape))
    tensors[name] = replace(output, name=name, shape=shape)
    whole = replace(node, outputs=(name,), attributes=replace(node.attributes, keep=True))
    view = replace(
        node,
        name=_free(f"{node.name}_view", {other.name for other in graph}),
        operator="reshape",
        attributes=Reshape(),
        inputs=(name,),
    )
    nodes: list[Node] = []
    for other in graph.nodes:
        nodes += [whole, view] if other is node else [other]
    return _used(graph, tensors, nodes)


def _free(name: str, taken: Container[str]) -> str:
    while name in taken:
        name += "'"
    return name


def _used(graph: Graph, tensors: dict[str, Tensor], nodes: list[Node]) -> Graph:
    used = {name for node in nodes for name in (*node.inputs, *node.outputs)}
    used.update((*graph.given, *graph.wanted))
    kept = {name: tensor for name, tensor in tensors.items() if name in used}
    return graph.replace(tensors=kept, nodes=tuple(nodes))
