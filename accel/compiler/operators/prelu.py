"""Parametric ReLU: ``x`` or, where negative, ``alpha * x``, with an alpha for each channel."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...numeric.elementwise.arithmetic import ARITHMETIC
from ..ir.graph import Graph, Node
from ..ir.layer import Convolution, PostOp, copy_layer
from ..ir.tensor_layout import TensorLayout
from ._binary import check_broadcast, constant_by_channel
from ._elementwise import CODES, all_codes, lower_table, table_of, table_reference
from ._kinds import Elementwise
from ._operator import (
    affine,
    check_activation,
    check_arity,
    input_tensor,
    output_tensor,
    require,
    support,
)


@dataclass(frozen=True, kw_only=True)
class Prelu:
    """No attributes: alpha is the second input, a constant."""


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=2)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    check_activation(node, source)
    check_broadcast(node, graph)
    require(source.shape == output.shape, node, "input and output must have the same shape")
    code_table(node, graph)


def _codes(node: Node, graph: Graph, function: Callable[..., np.ndarray]) -> np.ndarray:
    """What a function of codes, alphas and the three quantizations makes of all codes."""
    source, slope = input_tensor(node, graph), input_tensor(node, graph, 1)
    output = output_tensor(node, graph)
    alpha = constant_by_channel(node, slope, source, output).astype(np.int64)[..., np.newaxis]
    scales = map(affine, (source, slope, output))
    return table_of(node, graph, all_codes, function, CODES, alpha, *scales)


def code_table(node: Node, graph: Graph) -> np.ndarray:
    return _codes(node, graph, ARITHMETIC[graph.contract].prelu)


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    """The greater of ``x`` and ``alpha * x``, or where alpha is above 1 the smaller one.

    Channels of the latter kind are computed with their codes in reverse order.
    """
    table = code_table(node, graph)
    if table.ndim == 1:
        return []
    arithmetic = ARITHMETIC[graph.contract]
    scales = affine(input_tensor(node, graph)), affine(output_tensor(node, graph))
    rescaled = table_of(node, graph, all_codes, arithmetic.rescale, CODES, *scales)
    scaled = _codes(node, graph, arithmetic.scaled)
    reverse = (np.maximum(rescaled, scaled) != table).any(axis=1)
    least = np.minimum(rescaled, scaled)[reverse]
    support(
        (least == table[reverse]).all(),
        node,
        "rounding makes it differ from both of its linear parts",
    )
    pieces = [np.where(reverse[:, None], -1 - piece, piece) for piece in (rescaled, scaled)]
    copies = [
        copy.replace(name=f"{node.name}_{index}")
        for index, piece in enumerate(pieces)
        for copy in lower_table(node, graph, layout, piece, whole=True)
    ]
    parts = f"{node.outputs[0]} ({node.name} parts)" if reverse.any() else node.outputs[0]
    copies = [copy.replace(output=parts) for copy in copies]
    copies[1] = copies[1].replace(post_op=PostOp(residual=parts, maximum=True))
    if reverse.any():
        final = copy_layer(node.name, node.name, parts, node.outputs[0], copies[1].output_shape)
        weights = np.where(reverse, -1, 1).reshape(1, 1, -1)
        copies.append(final.replace(weights=weights, bias=-1 * reverse, uniform=False))
    return copies


OPERATOR = Elementwise(
    attributes=Prelu,
    check=check,
    reference=table_reference(code_table),
    table=code_table,
    lower=lower,
)
