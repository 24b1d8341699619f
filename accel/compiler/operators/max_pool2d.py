"""Maximum pooling: the largest code under a window, padding left out."""

from collections.abc import Sequence

import numpy as np

from ..ir.graph import Graph, Node
from ..ir.layer import Convolution, PostOp, Region, copy_layer
from ..ir.tensor_layout import TensorLayout, layout_of
from ._activation import code_bounds
from ._kinds import Movement
from ._operator import output_tensor, support_layers
from ._pool import Pool2d, check_pool, check_pooled_codes
from ._window import windows


class MaxPool2d(Pool2d):
    """A window; padding counts as the least code."""


def check(node: Node, graph: Graph) -> None:
    check_pool(node, graph)
    check_pooled_codes(node, graph)


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    attributes = node.attributes
    largest = windows(inputs[0], attributes.size, attributes, fill=-128).max(axis=(3, 4))
    bounds = code_bounds(attributes.activation, output_tensor(node, graph), graph.contract)
    return [np.clip(largest, *bounds).astype(np.int8)]


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    """A copy layer for each tap of the window, which keeps the maximum with the taps before it."""
    window, output = node.attributes, layout_of(output_tensor(node, graph))
    low, high = code_bounds(window.activation, output_tensor(node, graph), graph.contract)
    copies: list[Convolution] = []
    support_layers(node, window.size[0] * window.size[1])
    for tap_y in range(window.size[0]):
        for tap_x in range(window.size[1]):
            name = f"{node.name}_{len(copies)}"
            copy = copy_layer(name, node.name, node.inputs[0], node.outputs[0], layout.shape)
            copy = copy.replace(
                output_shape=output.shape,
                pad=-128,
                stride=window.stride,
                padding=(
                    window.padding[0][0] - tap_y * window.dilation[0],
                    window.padding[1][0] - tap_x * window.dilation[1],
                ),
                region=Region(0, 0, output.height, output.width),
                post_op=PostOp(
                    residual=node.outputs[0] if copies else None,
                    maximum=bool(copies),
                    low=low,
                    high=high,
                ),
            )
            copies.append(copy)
    return copies


OPERATOR = Movement(attributes=MaxPool2d, check=check, reference=reference, lower=lower)
