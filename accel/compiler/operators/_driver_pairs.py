"""Operators of two int8 inputs that the driver computes: no sum or product of the core gives them.

The inputs broadcast as NumPy's arrays do; one of them may be constant.
"""

from collections.abc import Sequence

import numpy as np

from ...numeric.elementwise.arithmetic import ARITHMETIC
from ..ir.graph import Graph, Node
from ._binary import BinaryFunction, check_broadcast, looked_up, quantizations
from ._elementwise import CODES, activation_bounds, check_activation_known, table_of
from ._kinds import HostOnly
from ._operator import check_arity


def driver_pair_operator(attributes: type, function: BinaryFunction) -> HostOnly:
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
        return [looked_up(table(node, graph), node, graph, inputs)]

    return HostOnly(attributes=attributes, check=check, reference=reference)
