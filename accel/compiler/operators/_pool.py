"""What pooling operators share: the window, and the checks of their tensors."""

from dataclasses import dataclass

from ...numeric.rounding import CONTRACTS
from ..ir.graph import Graph, Node
from ._activation import FusedActivation, check_known
from ._operator import (
    check_activation,
    check_arity,
    check_same_quantization,
    input_tensor,
    output_tensor,
    quantization,
    require,
)
from ._window import Pair, check_window

# TFLite Micro pools codes unchanged, and refuses scales that differ by more than this.
MAX_SCALE_DIFFERENCE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Pool2d:
    """Pairs are (height, width); padding is ((top, bottom), (left, right)) in pixels."""

    size: Pair
    stride: Pair
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    activation: FusedActivation = "none"
    dilation: Pair = (1, 1)


def check_pool(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    check_known(node, node.attributes.activation)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    for tensor in (source, output):
        check_activation(node, tensor, rank=4)
    require(
        source.shape[3] == output.shape[3],
        node,
        "input and output must have the same number of channels",
    )
    check_window(node, node.attributes, node.attributes.size, source.shape, output.shape)


def check_pooled_codes(node: Node, graph: Graph) -> None:
    """Require input and output to be quantized alike, so that codes can be pooled unchanged."""
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    a, b = quantization(source), quantization(output)
    near = a.zero_point == b.zero_point and abs(a.scale[0] - b.scale[0]) <= MAX_SCALE_DIFFERENCE
    if CONTRACTS[graph.contract].floating or not near:
        check_same_quantization(node, source, output)
