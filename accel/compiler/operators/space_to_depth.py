"""Squares of positions side by side in the channels."""

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
class SpaceToDepth:
    """``block`` is the side of a square; its rows come one after another, channels innermost."""

    block: int


def check(node: Node, graph: Graph) -> None:
    check_blocks(node, graph, input_tensor(node, graph), output_tensor(node, graph))


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    (x, block), shape = (inputs[0], node.attributes.block), output_tensor(node, graph).shape
    pieces = x.reshape(len(x), shape[1], block, shape[2], block, x.shape[3])
    return [pieces.transpose(0, 1, 3, 2, 4, 5).reshape(len(x), *shape[1:])]


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    """A copy layer for each position in a square: it reads that position of every square."""
    output, block = layout_of(output_tensor(node, graph)), node.attributes.block
    support_layers(node, block * block)
    return [
        copied_part(
            node,
            f"{node.name}_{index}",
            (node.inputs[0], layout),
            (node.outputs[0], output),
            start=(*divmod(index, block), 0),
            step=(block, block, 1),
            target=(0, 0, index * layout.channels),
            size=(output.height, output.width, layout.channels),
        )
        for index in range(block * block)
    ]


OPERATOR = Movement(attributes=SpaceToDepth, check=check, reference=reference, lower=lower)
