"""Any other function of one real number, by its name in `numeric.functions`."""

from dataclasses import dataclass

import numpy as np

from ...numeric.affine import Affine
from ...numeric.elementwise.arithmetic import Arithmetic
from ...numeric.elementwise.functions import FUNCTIONS
from ..ir.graph import Graph, Node
from ._operator import support
from ._unary import unary_operator


@dataclass(frozen=True, kw_only=True)
class Function:
    """``parameters`` are the function's arguments after the number."""

    name: str
    parameters: tuple[float, ...] = ()


def _function(
    arithmetic: Arithmetic, codes: np.ndarray, source: Affine, output: Affine, attributes: Function
) -> np.ndarray:
    return arithmetic.function(codes, source, output, attributes.name, attributes.parameters)


def _check(node: Node, graph: Graph) -> None:
    name = node.attributes.name
    known = ", ".join(FUNCTIONS)
    support(name in FUNCTIONS, node, f"function {name!r} is not known", "", f"use one of {known}")


OPERATOR = unary_operator(Function, _function, check=_check)
