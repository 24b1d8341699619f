"""What pooling operators share: the window, and the checks of their tensors."""

from dataclasses import dataclass

from ..ir import Graph, Node
from ._activation import check_known
from ._operator import (
    check_activation,
    check_arity,
    input_tensor,
    output_tensor,
    require,
)
from ._window import Pair, check_window


@dataclass(frozen=True, kw_only=True)
class Pool2d:
    """Pairs are (height, width); padding is ((top, bottom), (left, right)) in pixels."""

    size: Pair
    stride: Pair
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    activation: str = "none"

    @property
    def dilation(self) -> Pair:
        return (1, 1)


def check_pool(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    check_known(node, node.attributes.activation)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    for tensor in (source, output):
        check_activation(node, tensor, rank=4)
    require(source.shape[3] == output.shape[3], node, "input and output channels must be as many")
    check_window(node, node.attributes, node.attributes.size, source.shape, output.shape)
