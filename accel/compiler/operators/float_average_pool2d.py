"""Average pooling of float32 numbers, which the driver adds up in the runtime's own order.

The rounding of each addition decides codes at exact halves, and a mean of four codes is one in a
quarter of all cases.
"""

from collections.abc import Sequence

import numpy as np

from ..ir.graph import Graph, Node
from ._kinds import HostOnly
from ._operator import check_activation, check_arity, input_tensor, output_tensor, require
from ._window import check_window, windows
from .average_pool2d import AveragePool2d, elements


class FloatAveragePool2d(AveragePool2d):
    """As `AveragePool2d`, without an activation; ``computed`` is float32."""


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    for tensor in (source, output):
        check_activation(node, tensor, ("float32",), rank=4)
    require(source.shape[3] == output.shape[3], node, "must not change the number of channels")
    check_window(node, node.attributes, node.attributes.size, source.shape, output.shape)


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """``AveragePool2DTask`` of ONNX Runtime: taps row by row, then one division."""
    a = node.attributes
    view, (_, counts) = windows(inputs[0], a.size, a), elements(node, graph)
    total = np.zeros((*view.shape[:3], view.shape[5]), np.float32)
    for row, column in np.ndindex(*a.size):
        total += view[:, :, :, row, column]
    return [total / counts.astype(np.float32)[:, :, np.newaxis]]


OPERATOR = HostOnly(attributes=FloatAveragePool2d, check=check, reference=reference, in_order=True)
