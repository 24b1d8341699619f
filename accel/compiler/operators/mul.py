"""The product of two tensors, element by element."""

from dataclasses import dataclass

from ...config import AcceleratorConfig
from ...numeric.elementwise.arithmetic import Arithmetic
from ..ir.graph import Graph, Node
from ..ir.layer import Convolution
from ._binary import binary_operator
from ._elementwise import activation_bounds, check_activation_known
from ._kinds import Operand
from ._product import lower_product, product_rule


@dataclass(frozen=True, kw_only=True)
class Mul:
    """A fused activation; ``computed`` is as in `_binary`."""

    activation: str = "none"
    computed: str = "codes"


def _function(arithmetic: Arithmetic, *operands):
    return arithmetic.multiply(*operands)


def lower_pair(
    node: Node, graph: Graph, inputs: tuple[Operand, Operand], config: AcceleratorConfig
) -> list[Convolution]:
    rule = product_rule(node, graph, *activation_bounds(node, graph))
    return lower_product(node, graph, inputs, rule, config)


OPERATOR = binary_operator(
    Mul, _function, check=check_activation_known, bounds=activation_bounds, lower_pair=lower_pair
)
