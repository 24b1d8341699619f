"""A tensor taken apart along a dimension, which the pieces no longer have."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..ir.graph import Graph, Node
from ..ir.layer import Convolution
from ..ir.tensor_layout import TensorLayout, layout_of
from ._copies import as_stored, copied_part
from ._kinds import Movement
from ._moves import check_axis, check_moved, check_shape, dimension_apart
from ._operator import check_variable, input_tensor, require, support


@dataclass(frozen=True, kw_only=True)
class Unpack:
    """``axis`` is counted from the front of the input, with the batch as 0."""

    axis: int


def check(node: Node, graph: Graph) -> None:
    require(len(node.inputs) == 1, node, f"must have 1 input, not {len(node.inputs)}")
    check_moved(node, graph)
    source, axis = input_tensor(node, graph), node.attributes.axis
    check_variable(node, source)
    check_axis(node, source, axis)
    count = len(node.outputs)
    require(source.shape[axis] == count, node, f"{source.shape} does not make {count} tensors")
    for name in node.outputs:
        check_shape(node, graph.tensor(name), dimension_apart(source.shape, axis))


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    return list(np.moveaxis(inputs[0], node.attributes.axis, 0))


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    source, axis = input_tensor(node, graph), node.attributes.axis
    dims = len(source.shape)
    support(dims <= 4, node, f"{dims} dimensions are not supported", "", "use 4 or less")
    support(axis < dims - 1, node, "values of the last dimension would move between words")
    piece = as_stored(tuple(1 if d == axis else n for d, n in enumerate(source.shape)), 1)
    return [
        copied_part(
            node,
            f"{node.name}_{index}",
            (source.name, layout_of(source)),
            (name, TensorLayout(*piece)),
            start=as_stored(tuple(index if d == axis else 0 for d in range(dims)), 0),
            size=piece,
        )
        for index, name in enumerate(node.outputs)
    ]


OPERATOR = Movement(attributes=Unpack, check=check, reference=reference, lower=lower)
