"""The index of the largest or the smallest element along an axis, the first where several are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..ir import Graph, Node
from ._moves import check_axis, check_shape
from ._operator import (
    Operator,
    check_activation,
    check_arity,
    input_tensor,
    output_tensor,
    support,
)


@dataclass(frozen=True, kw_only=True)
class ArgMax:
    """``axis`` is counted from the front, with the batch as 0; ``smallest`` asks for the minimum."""

    axis: int
    smallest: bool = False


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    source, output, axis = (
        input_tensor(node, graph),
        output_tensor(node, graph),
        node.attributes.axis,
    )
    check_activation(node, source, ("int8", "float32"))
    integer = output.dtype == "int32"
    support(integer, node, f"tensor {output.name!r} is {output.dtype}", "", "use int32 indices")
    check_axis(node, source, axis)
    check_shape(node, output, (*source.shape[:axis], *source.shape[axis + 1 :]))


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray | None]) -> list[np.ndarray]:
    find = np.argmin if node.attributes.smallest else np.argmax
    return [find(inputs[0], axis=node.attributes.axis).astype(np.int32)]


OPERATOR = Operator(attributes=ArgMax, check=check, reference=reference, host=True)
