"""Fully connected layer; weights ``[out, in]``.

As in TFLite, the input is read as rows of ``in`` values, whatever its shape; each row gives a row
of ``out`` output values.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...numeric.rules.float_epilogue import FloatEpilogue
from ..ir.graph import Graph, Node
from ..ir.layer import Convolution
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
from ._operator import check_arity, input_tensor, output_tensor, require, support


@dataclass(frozen=True, kw_only=True)
class FullyConnected:
    """A fused activation, or an epilogue of float32 steps."""

    activation: FusedActivation = "none"
    epilogue: FloatEpilogue | None = None


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=3, optional=1)
    check_known(node, node.attributes.activation)
    q = input_tensor(node, graph, 1).quantization
    whole = q is not None and not q.per_channel  # then the kernel subtracts the weights' zero point
    check_operands(node, graph, axis=0, rank=2, asymmetric=whole)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    out, depth = input_tensor(node, graph, 1).shape
    require(output.shape[-1] == out, node, f"output must end in a dimension of {out}")
    rows = output.size // out
    what = f"{source.size} input values are not the {rows} x {depth} that the weights take"
    require(source.size == rows * depth, node, what)
    check_sums(node, *sum_bounds(node, graph), output_rule(node, graph).left_shift)


def output_rule(node: Node, graph: Graph) -> LinearRule:
    return rescale_rule(node, graph, input_tensor(node, graph, 1).shape[0])


def sum_bounds(node: Node, graph: Graph) -> tuple[np.ndarray, np.ndarray]:
    return product_bounds(node, graph, weight_values(node, graph))


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    codes, weights = inputs[0], weight_values(node, graph)
    x = centred(node, graph, codes, weights)
    products = x.reshape(-1, weights.shape[1]) @ weights.T.astype(x.dtype)
    codes_out = finish(node, graph, products, output_rule(node, graph))
    return [codes_out.reshape(len(codes), *output_tensor(node, graph).shape[1:])]


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    """A convolution whose kernel is all of the input, or one pixel where the input has rows."""
    weights = weight_values(node, graph)
    rows = output_tensor(node, graph).size // len(weights)
    values = layout.height * layout.width * layout.channels
    if layout.channels == weights.shape[1]:
        kernel = (1, 1, layout.channels)
    else:
        what = f"{rows} rows of {weights.shape[1]} cannot be taken from {layout.shape}"
        support(
            rows == 1 and values == weights.shape[1], node, what, "", "reshape the input before"
        )
        kernel = layout.shape
    weights = weights.reshape(len(weights), *kernel)
    return lowered(node, graph, layout, weights, output_rule(node, graph), macs=rows * weights.size)


OPERATOR = Linear(
    attributes=FullyConnected,
    check=check,
    reference=reference,
    output_rule=output_rule,
    sum_bounds=sum_bounds,
    lower=lower,
)
