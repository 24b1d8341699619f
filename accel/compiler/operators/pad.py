"""Constant padding of any dimension but the batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...numeric.rules.rules import Mean
from ..ir.graph import Graph, Node
from ..ir.layer import Convolution
from ..ir.tensor_layout import TensorLayout, layout_of
from ._kinds import Movement
from ._linear import lowered_unary
from ._moves import DTYPES
from ._operator import (
    check_activation,
    check_arity,
    check_moved_codes,
    code_range,
    input_tensor,
    output_tensor,
    require,
    selecting,
    support,
)


@dataclass(frozen=True, kw_only=True)
class Pad:
    """``amounts`` are (before, after) for each dimension.

    ``value`` is the code to put there, or in float32 the number.
    """

    amounts: tuple[tuple[int, int], ...]
    value: float


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    for tensor in (source, output):
        check_activation(node, tensor, DTYPES, quantized=False)
    check_moved_codes(node, graph, source, output)
    amounts, dims = node.attributes.amounts, len(source.shape)
    support(dims <= 4, node, f"padding of {dims} dimensions is not supported", "", "use 4 or less")
    require(
        len(amounts) == dims, node, f"has padding amounts for {len(amounts)} of {dims} dimensions"
    )
    require(all(n >= 0 for pair in amounts for n in pair), node, "amounts must not be negative")
    support(amounts[0] == (0, 0), node, "padding of the batch is not supported")
    expected = tuple(n + sum(pair) for n, pair in zip(source.shape, amounts, strict=True))
    require(output.shape == expected, node, f"output must have shape {expected}")
    if source.dtype != "float32":
        low, high = code_range(source.dtype)
        inside = low <= node.attributes.value <= high
        require(inside, node, "the padding value is not an int8 code")


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    attributes = node.attributes
    return [np.pad(inputs[0], attributes.amounts, constant_values=attributes.value)]


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    """A copy layer that reads padding outside the input.

    Channels that are added have weights of 0 and the value as their bias.
    """
    amounts, value = node.attributes.amounts, int(node.attributes.value)
    channels = layout.channels
    output = layout_of(output_tensor(node, graph))
    identity = Mean(1, -128, 127, channels=output.channels)
    top = amounts[1][0] if len(amounts) == 4 else 0
    left = amounts[-2][0] if len(amounts) > 2 else 0
    (copy,) = lowered_unary(node, layout, output, identity, 0, value, (top, left))
    if output.channels == channels:
        return [copy]
    first = amounts[-1][0]
    weights, bias = (
        selecting(node, output.channels, 1, 1, channels),
        np.full(output.channels, value),
    )
    weights[first + np.arange(channels), 0, 0, np.arange(channels)] = 1
    bias[first : first + channels] = 0
    return [copy.replace(weights=weights, bias=bias, uniform=False)]


OPERATOR = Movement(attributes=Pad, check=check, reference=reference, lower=lower)
