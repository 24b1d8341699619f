"""The dimensions of a tensor in another order."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..ir import Graph, Node
from ._moves import check_moved, check_shape
from ._operator import (
    Operator,
    check_activation,
    check_arity,
    input_tensor,
    output_tensor,
    require,
    support,
)


@dataclass(frozen=True, kw_only=True)
class Transpose:
    """``order`` has for each dimension of the output that of the input; the batch stays first."""

    order: tuple[int, ...]


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    check_moved(node, graph)
    source, order = input_tensor(node, graph), node.attributes.order
    check_activation(node, source, (source.dtype,))
    permutes = sorted(order) == list(range(len(source.shape)))
    require(permutes, node, f"order {order} is no order of {len(source.shape)} dimensions")
    support(order[0] == 0, node, "the batch dimension cannot be moved")
    check_shape(node, output_tensor(node, graph), tuple(source.shape[axis] for axis in order))


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray | None]) -> list[np.ndarray]:
    return [inputs[0].transpose(node.attributes.order)]


OPERATOR = Operator(attributes=Transpose, check=check, reference=reference, host=True)
