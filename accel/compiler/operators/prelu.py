"""Parametric ReLU: ``x`` or, where negative, ``alpha * x``, with an alpha for each channel."""

from dataclasses import dataclass

import numpy as np

from ...numeric.elementwise import ARITHMETIC
from ..ir import Graph, Node
from ._binary import check_broadcast, constant_by_channel
from ._elementwise import CODES, all_codes, table_of, table_reference
from ._operator import (
    Operator,
    affine,
    check_activation,
    check_arity,
    input_tensor,
    output_tensor,
    require,
)


@dataclass(frozen=True, kw_only=True)
class Prelu:
    """Nothing to say: alpha is the second input, constant."""


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=2)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    check_activation(node, source)
    check_broadcast(node, graph)
    require(source.shape == output.shape, node, "input and output must have the same shape")
    unary(node, graph)


def unary(node: Node, graph: Graph) -> np.ndarray:
    source, slope = input_tensor(node, graph), input_tensor(node, graph, 1)
    output = output_tensor(node, graph)
    alpha = constant_by_channel(node, slope, output).astype(np.int64)[..., np.newaxis]
    function, scales = ARITHMETIC[graph.contract].prelu, map(affine, (source, slope, output))
    return table_of(node, graph, all_codes, function, CODES, alpha, *scales)


OPERATOR = Operator(attributes=Prelu, check=check, reference=table_reference(unary), unary=unary)
