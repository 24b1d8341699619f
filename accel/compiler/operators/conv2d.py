"""Two-dimensional convolution; weights ``[out, kernel_h, kernel_w, in]``.

Where ``in`` is less than the input's channels, it is a grouped convolution: each group of output
channels reads ``in`` input channels of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...numeric.rules.float_epilogue import FloatEpilogue
from ..ir.graph import Graph, Node
from ..ir.layer import Convolution, dilated
from ..ir.tensor_layout import TensorLayout
from ._activation import FusedActivation, check_known
from ._kinds import Linear
from ._linear import (
    LinearRule,
    centred,
    check_operands,
    check_sums,
    finish,
    lowered,
    product_bounds,
    rescale_rule,
    weight_values,
)
from ._operator import (
    check_arity,
    input_tensor,
    output_tensor,
    require,
    selecting,
)
from ._window import Pair, by_blocks, check_window, windows


@dataclass(frozen=True, kw_only=True)
class Conv2d:
    """Pairs are (height, width); padding is ((top, bottom), (left, right)) in pixels."""

    stride: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)
    activation: FusedActivation = "none"
    epilogue: FloatEpilogue | None = None


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=3, optional=1)
    check_known(node, node.attributes.activation)
    check_operands(node, graph, axis=0, rank=4)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    out, height, width, depth = input_tensor(node, graph, 1).shape
    for tensor in (source, output):
        dims = len(tensor.shape)
        require(dims == 4, node, f"tensor {tensor.name!r} must have 4 dimensions, not {dims}")
    groups = source.shape[3] // depth
    channels = f"weights for {depth} input channels, but {source.shape[3]} come in"
    require(source.shape[3] == groups * depth, node, channels)
    require(out % groups == 0, node, f"{out} output channels are not a multiple of {groups} groups")
    require(output.shape[3] == out, node, f"{out} output channels, but the output has another size")
    check_window(node, node.attributes, (height, width), source.shape, output.shape)
    check_sums(node, *sum_bounds(node, graph), output_rule(node, graph).left_shift)


def output_rule(node: Node, graph: Graph) -> LinearRule:
    return rescale_rule(node, graph, input_tensor(node, graph, 1).shape[0])


def sum_bounds(node: Node, graph: Graph) -> tuple[np.ndarray, np.ndarray]:
    weights = weight_values(node, graph)
    return product_bounds(node, graph, weights.reshape(len(weights), -1))


def _ungrouped(node: Node, graph: Graph) -> np.ndarray:
    """The weights over all input channels: 0 for those outside an output channel's own group."""
    weights, channels = weight_values(node, graph), input_tensor(node, graph).shape[3]
    out, *kernel, depth = weights.shape
    groups = channels // depth
    if groups == 1:
        return weights
    whole = selecting(node, groups, out // groups, *kernel, groups, depth)
    index = np.arange(groups)
    whole[index, :, :, :, index] = weights.reshape(groups, out // groups, *kernel, depth)
    return whole.reshape(out, *kernel, channels)


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    codes, weights = inputs[0], _ungrouped(node, graph)
    rows = weights.reshape(len(weights), -1)
    x = centred(node, graph, codes, rows)
    view = windows(x, weights.shape[1:3], node.attributes)
    taps = rows.T.astype(x.dtype)
    products = by_blocks(view, lambda part: part.reshape(*part.shape[:3], -1) @ taps)
    return [finish(node, graph, products, output_rule(node, graph))]


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    window, weights = node.attributes, _ungrouped(node, graph)
    macs = weight_values(node, graph).size
    _, height, width, _ = output_tensor(node, graph).shape
    return lowered(
        node,
        graph,
        layout,
        dilated(weights, window.dilation, (1, 2)),
        output_rule(node, graph),
        macs=height * width * macs,
        stride=window.stride,
        padding=(window.padding[0][0], window.padding[1][0]),
    )


OPERATOR = Linear(
    attributes=Conv2d,
    check=check,
    reference=reference,
    output_rule=output_rule,
    sum_bounds=sum_bounds,
    lower=lower,
)
