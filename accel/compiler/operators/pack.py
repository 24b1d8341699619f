"""Tensors of one shape put together along a new dimension."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..ir.graph import Graph, Node
from ..ir.layer import Convolution
from ..ir.tensor_layout import TensorLayout, layout_of
from ._copies import as_stored, copied_part
from ._kinds import Movement
from ._moves import check_axis, check_moved, check_shape, dimension_apart
from ._operator import check_variable, output_tensor, require, support


@dataclass(frozen=True, kw_only=True)
class Pack:
    """``axis`` is the new dimension's, counted from the front of the output; the batch is 0."""

    axis: int


def check(node: Node, graph: Graph) -> None:
    require(len(node.inputs) > 0, node, "has no input")
    require(len(node.outputs) == 1, node, f"must have 1 output, not {len(node.outputs)}")
    check_moved(node, graph)
    output, axis = output_tensor(node, graph), node.attributes.axis
    check_axis(node, output, axis)
    count = len(node.inputs)
    require(output.shape[axis] == count, node, f"{count} tensors do not make {output.shape}")
    for name in node.inputs:
        tensor = graph.tensor(name)
        check_variable(node, tensor)
        check_shape(node, tensor, dimension_apart(output.shape, axis))


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [np.stack(inputs, axis=node.attributes.axis)]


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    output, axis = output_tensor(node, graph), node.attributes.axis
    dims = len(output.shape)
    support(dims <= 4, node, f"{dims} dimensions are not supported", "", "use 4 or less")
    support(axis < dims - 1, node, "values of a new last dimension would move between words")
    piece = as_stored(tuple(1 if d == axis else n for d, n in enumerate(output.shape)), 1)
    return [
        copied_part(
            node,
            f"{node.name}_{index}",
            (name, TensorLayout(*piece)),
            (node.outputs[0], layout_of(output)),
            target=as_stored(tuple(index if d == axis else 0 for d in range(dims)), 0),
            size=piece,
        )
        for index, name in enumerate(node.inputs)
    ]


OPERATOR = Movement(attributes=Pack, check=check, reference=reference, lower=lower)
