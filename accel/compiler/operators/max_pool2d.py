"""Maximum pooling: the largest code under a window, padding left out."""

from collections.abc import Sequence

import numpy as np

from ..ir import Graph, Node
from ._activation import code_bounds
from ._operator import Operator, check_same_quantization, input_tensor, output_tensor
from ._pool import Pool2d, check_pool
from ._window import windows


class MaxPool2d(Pool2d):
    """A window; padding counts as the least code."""


def check(node: Node, graph: Graph) -> None:
    check_pool(node, graph)
    check_same_quantization(node, input_tensor(node, graph), output_tensor(node, graph))


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray | None]) -> list[np.ndarray]:
    attributes = node.attributes
    largest = windows(inputs[0], attributes.size, attributes, fill=-128).max(axis=(3, 4))
    bounds = code_bounds(attributes.activation, output_tensor(node, graph), graph.contract)
    return [np.clip(largest, *bounds).astype(np.int8)]


OPERATOR = Operator(attributes=MaxPool2d, check=check, reference=reference)
