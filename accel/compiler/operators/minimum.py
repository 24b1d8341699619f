"""The smaller of two elements' codes."""

from dataclasses import dataclass

import numpy as np

from ...config import AcceleratorConfig
from ...numeric.affine import Affine
from ...numeric.elementwise.arithmetic import Arithmetic
from ..ir.graph import Graph, Node
from ..ir.layer import Convolution, PostOp, copy_layer
from ..ir.tensor_layout import layout_of
from ._binary import binary_operator, check_alike
from ._copies import negated, repeated
from ._kinds import Operand
from ._operator import output_tensor


@dataclass(frozen=True, kw_only=True)
class Minimum:
    """No attributes."""


def _function(arithmetic: Arithmetic, a: np.ndarray, b: np.ndarray, *affine: Affine) -> np.ndarray:
    return np.minimum(a, b)


def lower_pair(
    node: Node, graph: Graph, inputs: tuple[Operand, Operand], config: AcceleratorConfig
) -> list[Convolution]:
    """``min(a, b) = ~max(~a, ~b)``, where ``~x = -1 - x`` reverses the order of codes."""
    output = layout_of(output_tensor(node, graph))
    second, greater = (f"{node.outputs[0]} ({node.name} {part})" for part in ("second", "greater"))
    copies = [
        negated(repeated(f"{node.name}_{part}", node.name, source, to, small, output))
        for part, (source, small), to in (
            ("second", inputs[1], second),
            ("greater", inputs[0], greater),
        )
    ]
    copies[1] = copies[1].replace(post_op=PostOp(residual=second, maximum=True))
    result = copy_layer(node.name, node.name, greater, node.outputs[0], output.shape)
    return [*copies, negated(result)]


OPERATOR = binary_operator(Minimum, _function, check=check_alike, lower_pair=lower_pair)
