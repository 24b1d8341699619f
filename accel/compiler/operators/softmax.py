"""Softmax over the last dimension, in gemmlowp's fixed point."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...numeric import softmax as fixed_point
from ..ir import Graph, Node
from ._operator import (
    Operator,
    check_activation,
    check_arity,
    input_tensor,
    output_tensor,
    quantization,
    quantization_of,
    require,
    support,
)

MAX_DEPTH = 4095  # of unit exponentials, a sum in q12 overflows beyond it


@dataclass(frozen=True, kw_only=True)
class Softmax:
    """``softmax(beta * x)``; beta is a float32 value."""

    beta: float = 1.0


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    for tensor in (source, output):
        check_activation(node, tensor)
    require(source.shape == output.shape, node, "input and output must have the same shape")
    fixed = quantization_of(output) == (1 / 256, -128)
    require(fixed, node, "output must have scale 1/256 and zero point -128")
    depth = source.shape[-1]
    support(depth <= MAX_DEPTH, node, f"{depth} classes are more than {MAX_DEPTH}")
    try:
        _definition(node, graph)
    except ValueError as error:
        support(False, node, str(error))


def _definition(node: Node, graph: Graph) -> fixed_point.Softmax:
    scale = quantization(input_tensor(node, graph)).scale[0]
    return fixed_point.Softmax(scale, node.attributes.beta)


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray | None]) -> list[np.ndarray]:
    return [_definition(node, graph).compute(inputs[0])]


OPERATOR = Operator(attributes=Softmax, check=check, reference=reference, host=True)
