"""Operators of two int8 inputs that the driver computes: no sum or product of the core gives them.

The inputs broadcast as NumPy's arrays do; one of them may be constant.
"""

from collections.abc import Callable, Sequence

import numpy as np

from ...numeric.affine import Affine
from ...numeric.elementwise.arithmetic import ARITHMETIC, Arithmetic
from ..ir.graph import Graph, Node
from ._binary import aligned, check_broadcast, operands, quantizations
from ._elementwise import CODES, activation_bounds, check_activation_known, table_of
from ._kinds import HostOnly
from ._operator import check_arity, output_tensor

Function = Callable[[Arithmetic, np.ndarray, np.ndarray, Affine, Affine, Affine], np.ndarray]


def driver_pair_operator(attributes: type, function: Function) -> HostOnly:
    """The operator that computes ``function`` of two codes, with a fused activation."""

    def table(node: Node, graph: Graph) -> np.ndarray:
        pairs = CODES[:, np.newaxis], CODES[np.newaxis, :]
        arguments = (ARITHMETIC[graph.contract], *pairs, *quantizations(node, graph))
        return table_of(node, graph, activation_bounds, function, *arguments)

    def check(node: Node, graph: Graph) -> None:
        check_arity(node, inputs=2)
        check_broadcast(node, graph)
        check_activation_known(node, graph)
        table(node, graph)

    def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        rank = len(output_tensor(node, graph).shape)
        a, b = (
            aligned(codes, tensor, rank).astype(np.int64) + 128
            for codes, tensor in zip(inputs, operands(node, graph), strict=True)
        )
        return [table(node, graph)[a, b]]

    return HostOnly(attributes=attributes, check=check, reference=reference)
