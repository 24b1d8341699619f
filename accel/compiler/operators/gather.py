"""Elements of a tensor along an axis, in the order of constant indices."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..ir.graph import Graph, Node
from ..ir.layer import Convolution
from ..ir.tensor_layout import TensorLayout, layout_of
from ._copies import as_stored, copied_part, runs
from ._kinds import Movement
from ._moves import check_axis, check_moved, check_shape
from ._operator import (
    check_arity,
    check_variable,
    input_tensor,
    output_tensor,
    require,
    selecting,
    support,
)

MOST_COPIES = 32


@dataclass(frozen=True, kw_only=True)
class Gather:
    """``axis`` is counted from the front, with the batch as 0."""

    axis: int
    indices: tuple[int, ...]


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    check_moved(node, graph)
    source, axis = input_tensor(node, graph), node.attributes.axis
    check_variable(node, source)
    check_axis(node, source, axis)
    size, indices = source.shape[axis], node.attributes.indices
    inside = len(indices) > 0 and all(0 <= index < size for index in indices)
    require(inside, node, f"has indices out of range for the {size} elements along axis {axis}")
    expected = (*source.shape[:axis], len(indices), *source.shape[axis + 1 :])
    check_shape(node, output_tensor(node, graph), expected)


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [np.take(inputs[0], node.attributes.indices, axis=node.attributes.axis)]


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    """A copy layer for each run of equally spaced indices; along the channels one for all."""
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    axis, dims = node.attributes.axis, len(source.shape)
    support(dims <= 4, node, f"{dims} dimensions are not supported", "", "use 4 or less")
    target = layout_of(output)
    if axis == dims - 1:
        ends = ((source.name, layout), (output.name, target))
        copy = copied_part(node, node.name, *ends, step=(1, 1, 0), size=target.shape)
        weights = selecting(node, target.channels, 1, 1, layout.channels)
        weights[np.arange(target.channels), 0, 0, list(node.attributes.indices)] = 1
        return [copy.replace(weights=weights, uniform=False)]
    spans = list(runs(node.attributes.indices))
    what = f"indices in {len(spans)} runs take more than {MOST_COPIES} copies"
    support(len(spans) <= MOST_COPIES, node, what, "", "use indices in order")

    def along(value: int, other: int, batch: int) -> tuple[int, int, int]:
        return as_stored(tuple(value if d == axis else other for d in range(dims)), batch)

    copies: list[Convolution] = []
    for first, count, step in spans:
        shape = tuple(count if d == axis else n for d, n in enumerate(output.shape))
        copies.append(
            copied_part(
                node,
                f"{node.name}_{len(copies)}",
                (source.name, layout),
                (output.name, target),
                start=along(node.attributes.indices[first], 0, 0),
                step=along(step, 1, 1),
                target=along(first, 0, 0),
                size=as_stored(shape, 1),
            )
        )
    return copies


OPERATOR = Movement(attributes=Gather, check=check, reference=reference, lower=lower)
