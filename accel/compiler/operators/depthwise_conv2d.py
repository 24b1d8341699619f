"""Depthwise convolution; weights ``[1, kernel_h, kernel_w, out]``.

Output channel ``c * multiplier + m`` sees input channel ``c`` alone.
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
from ._window import Pair, check_window, windows


@dataclass(frozen=True, kw_only=True)
class DepthwiseConv2d:
    """Pairs are (height, width); padding is ((top, bottom), (left, right)) in pixels."""

    stride: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)
    multiplier: int = 1
    activation: FusedActivation = "none"
    epilogue: FloatEpilogue | None = None


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=3, optional=1)
    check_known(node, node.attributes.activation)
    check_operands(node, graph, axis=3, rank=4)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    one, height, width, out = input_tensor(node, graph, 1).shape
    for tensor in (source, output):
        dims = len(tensor.shape)
        require(dims == 4, node, f"tensor {tensor.name!r} must have 4 dimensions, not {dims}")
    require(one == 1, node, f"weights must have a leading dimension of 1, not {one}")
    multiplier = node.attributes.multiplier
    expected = source.shape[3] * multiplier
    what = f"{source.shape[3]} channels times {multiplier} must give {out} output channels"
    require(expected == out == output.shape[3], node, what)
    check_window(node, node.attributes, (height, width), source.shape, output.shape)
    check_sums(node, *sum_bounds(node, graph), output_rule(node, graph).left_shift)


def output_rule(node: Node, graph: Graph) -> LinearRule:
    return rescale_rule(node, graph, input_tensor(node, graph, 1).shape[3])


def _rows(weights: np.ndarray) -> np.ndarray:
    """Weights as ``[out, taps]``."""
    return weights.reshape(-1, weights.shape[3]).T


def sum_bounds(node: Node, graph: Graph) -> tuple[np.ndarray, np.ndarray]:
    return product_bounds(node, graph, _rows(weight_values(node, graph)))


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    codes, weights = inputs[0], weight_values(node, graph)
    x = centred(node, graph, codes, _rows(weights))
    x = np.repeat(x, node.attributes.multiplier, axis=3)
    view = windows(x, weights.shape[1:3], node.attributes)
    taps = weights[0].astype(x.dtype)
    products = np.zeros(view.shape[:3] + view.shape[5:], x.dtype)
    for row, column in np.ndindex(*weights.shape[1:3]):
        products += view[:, :, :, row, column] * taps[row, column]
    return [finish(node, graph, products, output_rule(node, graph))]


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    """Depthwise where each input channel has one output channel, else with full weights."""
    window, weights = node.attributes, weight_values(node, graph)[0]
    _, height, width, channels = output_tensor(node, graph).shape
    macs = height * width * weights.size
    weights = dilated(weights, window.dilation, (0, 1))
    if window.multiplier > 1:
        full = selecting(node, channels, *weights.shape[:2], layout.channels)
        index = np.arange(channels)
        full[index, :, :, index // window.multiplier] = weights.transpose(2, 0, 1)
        weights = full
    return lowered(
        node,
        graph,
        layout,
        weights,
        output_rule(node, graph),
        macs=macs,
        stride=window.stride,
        padding=(window.padding[0][0], window.padding[1][0]),
    )


OPERATOR = Linear(
    attributes=DepthwiseConv2d,
    check=check,
    reference=reference,
    output_rule=output_rule,
    sum_bounds=sum_bounds,
    lower=lower,
)
