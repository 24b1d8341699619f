"""Layer normalization over the last dimension, of float32 numbers, by the driver.

The exact result rounded to float32. ONNX Runtime adds in float32, in an order of its processor's,
and is off by a few of the last bits: a code that is quantized from it differs by one where a
result lies next to an exact half.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..ir.graph import Graph, Node
from ._kinds import HostOnly
from ._operator import check_activation, check_arity, input_tensor, output_tensor, require


@dataclass(frozen=True, kw_only=True)
class LayerNormalization:
    """Inputs are the numbers, a factor and, if there is a third, an addend for each channel.

    ``epsilon`` is added to the mean square. Without ``centred`` no mean is taken off before: root
    mean square normalization.
    """

    epsilon: float = 1e-5
    centred: bool = True


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=3, optional=1)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    for tensor in (source, output):
        check_activation(node, tensor, ("float32",))
    require(source.shape == output.shape, node, "input and output must have the same shape")
    for index in range(1, len(node.inputs)):
        tensor = input_tensor(node, graph, index)
        fits = tensor.constant and tensor.dtype == "float32" and tensor.shape == source.shape[-1:]
        require(
            fits, node, f"must have a float32 constant of {source.shape[-1:]} for {tensor.name}"
        )
    require(0 <= node.attributes.epsilon < np.inf, node, "epsilon must be at least 0")


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    a: LayerNormalization = node.attributes
    x = inputs[0].astype(np.float64)
    if a.centred:
        x = x - x.mean(axis=-1, keepdims=True)
    root = np.sqrt((x * x).mean(axis=-1, keepdims=True) + float(np.float32(a.epsilon)))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        found = x / root * inputs[1]
        return [(found + inputs[2] if len(inputs) > 2 else found).astype(np.float32)]


OPERATOR = HostOnly(attributes=LayerNormalization, check=check, reference=reference)
