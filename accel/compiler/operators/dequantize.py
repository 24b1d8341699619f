"""From int8 codes to float32 values."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...numeric import affine
from ..ir.graph import Graph, Node
from ._kinds import HostOnly
from ._operator import (
    check_activation,
    check_arity,
    input_tensor,
    output_tensor,
    quantization,
    require,
)


@dataclass(frozen=True, kw_only=True)
class Dequantize:
    """No attributes."""


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    check_activation(node, source)
    check_activation(node, output, ("float32",))
    require(source.shape == output.shape, node, "input and output must have the same shape")


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    q = quantization(input_tensor(node, graph))
    return [affine.dequantize(inputs[0], q.scale[0], q.zero_point[0])]


OPERATOR = HostOnly(attributes=Dequantize, check=check, reference=reference)
