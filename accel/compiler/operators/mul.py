"""The product of two tensors, element by element."""

from dataclasses import dataclass

import numpy as np

from ...config import AcceleratorConfig
from ...numeric.affine import Affine
from ...numeric.elementwise.arithmetic import Arithmetic
from ..ir.graph import Graph, Node
from ..ir.layer import Convolution
from ._activation import FusedActivation
from ._binary import binary_operator
from ._elementwise import activation_bounds, check_activation_known
from ._kinds import Operand
from ._product import lower_product, product_rule


@dataclass(frozen=True, kw_only=True)
class Mul:
    """A fused activation; ``computed`` is as in `_binary`."""

    activation: FusedActivation = "none"
    computed: str = "codes"


def _function(arithmetic: Arithmetic, a: np.ndarray, b: np.ndarray, *affine: Affine) -> np.ndarray:
    return arithmetic.multiply(a, b, *affine)


def lower_pair(
    node: Node, graph: Graph, inputs: tuple[Operand, Operand], config: AcceleratorConfig
) -> list[Convolution]:
    rule = product_rule(node, graph, *activation_bounds(node, graph))
    return lower_product(node, graph, inputs, rule, config)


OPERATOR = binary_operator(
    Mul, _function, check=check_activation_known, bounds=activation_bounds, lower_pair=lower_pair
)
