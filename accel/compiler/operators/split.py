"""A tensor cut into pieces along an axis, one output for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from ..ir.graph import Graph, Node
from ..ir.layer import Convolution
from ..ir.tensor_layout import TensorLayout, layout_of
from ._copies import as_stored, copied_part
from ._kinds import Movement
from ._moves import check_axis, check_moved, check_shape
from ._operator import check_variable, input_tensor, require, support


@dataclass(frozen=True, kw_only=True)
class Split:
    """``axis`` is counted from the front, with the batch as 0; ``sizes`` are along it."""

    axis: int
    sizes: tuple[int, ...]


def check(node: Node, graph: Graph) -> None:
    require(len(node.inputs) == 1, node, f"must have 1 input, not {len(node.inputs)}")
    check_moved(node, graph)
    source, axis, sizes = input_tensor(node, graph), node.attributes.axis, node.attributes.sizes
    check_variable(node, source)
    check_axis(node, source, axis)
    pieces = len(node.outputs)
    require(pieces == len(sizes), node, f"must have {len(sizes)} outputs, not {pieces}")
    what = f"pieces of {sizes} do not make up the {source.shape[axis]} along axis {axis}"
    require(sum(sizes) == source.shape[axis], node, what)
    for name, size in zip(node.outputs, sizes, strict=True):
        expected = (*source.shape[:axis], size, *source.shape[axis + 1 :])
        check_shape(node, graph.tensor(name), expected)


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    edges = list(accumulate(node.attributes.sizes))[:-1]
    return np.split(inputs[0], edges, axis=node.attributes.axis)


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    axis, dims = node.attributes.axis, len(input_tensor(node, graph).shape)
    support(dims <= 4, node, f"pieces of {dims} dimensions are not supported", "", "use 4 or less")
    starts = [0, *accumulate(node.attributes.sizes)]
    return [
        copied_part(
            node,
            f"{node.name}_{index}",
            (node.inputs[0], layout),
            (name, layout_of(graph.tensor(name))),
            start=as_stored(tuple(starts[index] if d == axis else 0 for d in range(dims)), 0),
            size=layout_of(graph.tensor(name)).shape,
        )
        for index, name in enumerate(node.outputs)
    ]


OPERATOR = Movement(attributes=Split, check=check, reference=reference, lower=lower)
