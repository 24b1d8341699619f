"""Channels as squares of positions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..ir.graph import Graph, Node
from ..ir.layer import Convolution
from ..ir.tensor_layout import TensorLayout, layout_of
from ._copies import copied_part
from ._kinds import Movement
from ._moves import check_blocks
from ._operator import input_tensor, output_tensor, support_layers


@dataclass(frozen=True, kw_only=True)
class DepthToSpace:
    """``block`` is the side of a square; its rows come one after another, channels innermost.

    With ``depth_first`` the positions of a square are innermost instead.
    """

    block: int
    depth_first: bool = False


def check(node: Node, graph: Graph) -> None:
    check_blocks(node, graph, output_tensor(node, graph), input_tensor(node, graph))


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    (x, block), shape = (inputs[0], node.attributes.block), output_tensor(node, graph).shape
    if node.attributes.depth_first:
        x = np.swapaxes(x.reshape(*x.shape[:3], shape[3], block**2), 3, 4)
    pieces = x.reshape(len(x), *x.shape[1:3], block, block, shape[3])
    return [pieces.transpose(0, 1, 3, 2, 4, 5).reshape(len(x), *shape[1:])]


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    """A copy layer for each position in a square: its channels go there in every square."""
    output, block = layout_of(output_tensor(node, graph)), node.attributes.block
    support_layers(node, block * block)
    depth_first = node.attributes.depth_first
    return [
        copied_part(
            node,
            f"{node.name}_{index}",
            (node.inputs[0], layout),
            (node.outputs[0], output),
            start=(0, 0, index * (1 if depth_first else output.channels)),
            step=(1, 1, block * block if depth_first else 1),
            target=(*divmod(index, block), 0),
            size=(layout.height, layout.width, output.channels),
            output_stride=(block, block),
        )
        for index in range(block * block)
    ]


OPERATOR = Movement(attributes=DepthToSpace, check=check, reference=reference, lower=lower)
