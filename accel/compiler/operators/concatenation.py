"""Tensors one behind the other along an axis, all quantized alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..ir import Graph, Node
from ._moves import check_axis, check_moved, check_shape
from ._operator import Operator, check_present, output_tensor, require, support


@dataclass(frozen=True, kw_only=True)
class Concatenation:
    """``axis`` is counted from the front, with the batch as 0."""

    axis: int


def check(node: Node, graph: Graph) -> None:
    require(len(node.inputs) > 0, node, "has no input")
    require(len(node.outputs) == 1, node, f"must have 1 output, not {len(node.outputs)}")
    check_present(node, node.inputs)
    check_moved(node, graph)
    axis, output = node.attributes.axis, output_tensor(node, graph)
    check_axis(node, output, axis)
    tensors = [graph.tensor(name) for name in node.inputs]
    support(not all(t.constant for t in tensors), node, "all inputs are constant", "", "fold them")
    for tensor in tensors:
        same = len(tensor.shape) == len(output.shape)
        what = f"tensor {tensor.name!r} of {tensor.shape} does not go into {output.shape}"
        require(same, node, what)
        check_shape(node, tensor, _with(output.shape, axis, tensor.shape[axis]))
    check_shape(node, output, _with(output.shape, axis, sum(t.shape[axis] for t in tensors)))


def _with(shape: tuple[int, ...], axis: int, size: int) -> tuple[int, ...]:
    return (*shape[:axis], size, *shape[axis + 1 :])


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray | None]) -> list[np.ndarray]:
    samples = max(len(x) for x in inputs)
    whole = [np.broadcast_to(x, (samples, *x.shape[1:])) for x in inputs]  # constants have one
    return [np.concatenate(whole, axis=node.attributes.axis)]


OPERATOR = Operator(attributes=Concatenation, check=check, reference=reference)
