"""The same values in the same order under another shape."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..ir import Graph, Node
from ._operator import (
    Operator,
    check_activation,
    check_arity,
    check_same_quantization,
    input_tensor,
    output_tensor,
    require,
)


@dataclass(frozen=True, kw_only=True)
class Reshape:
    """The output tensor's shape says all."""


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    for tensor in (source, output):
        check_activation(node, tensor, ("int8", "float32"))
    check_same_quantization(node, source, output)
    what = f"{source.size} values cannot take the shape {output.shape}"
    require(source.size == output.size, node, what)


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray | None]) -> list[np.ndarray]:
    return [inputs[0].reshape(len(inputs[0]), *output_tensor(node, graph).shape[1:])]


OPERATOR = Operator(attributes=Reshape, check=check, reference=reference, host=True, view=True)
