"""Operators of one int8 input whose every output code is a function of one input code."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ...numeric.affine import Affine
from ...numeric.elementwise.arithmetic import ARITHMETIC, Arithmetic
from ..ir.graph import Graph, Node
from ..ir.layer import Convolution
from ..ir.tensor_layout import TensorLayout
from ._elementwise import CODES, Bounds, all_codes, lower_table, table_of, table_reference
from ._kinds import Check, Elementwise, by_table
from ._operator import (
    affine,
    check_activation,
    check_arity,
    input_tensor,
    output_tensor,
    require,
)

# From the contract's arithmetic, codes, both quantizations and the node's attributes.
UnaryFunction = Callable[[Arithmetic, np.ndarray, Affine, Affine, Any], np.ndarray]


def unary_operator(
    attributes: type,
    function: UnaryFunction,
    *,
    check: Check = lambda node, graph: None,
    bounds: Bounds = all_codes,
    monotone: bool = False,
) -> Elementwise:
    """Return the operator that computes ``function``.

    ``check`` is called after the checks of types and shapes; ``bounds`` returns the least and the
    greatest output code. A ``monotone`` function is lowered to an output rule where possible, any
    other one always to its table.
    """

    def code_table(node: Node, graph: Graph) -> np.ndarray:
        source, output = affine(input_tensor(node, graph)), affine(output_tensor(node, graph))
        arithmetic = ARITHMETIC[graph.contract]
        arguments = (arithmetic, CODES, source, output, node.attributes)
        return table_of(node, graph, bounds, function, *arguments)

    def check_all(node: Node, graph: Graph) -> None:
        check_arity(node, inputs=1)
        source, output = input_tensor(node, graph), output_tensor(node, graph)
        for tensor in (source, output):
            check_activation(node, tensor)
        require(source.shape == output.shape, node, "input and output must have the same shape")
        check(node, graph)
        code_table(node, graph)

    def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
        return lower_table(node, graph, layout, code_table(node, graph))

    return Elementwise(
        attributes=attributes,
        check=check_all,
        reference=table_reference(code_table),
        table=code_table,
        lower=lower if monotone else by_table,
    )
