"""The mean along some axes, in the output's own quantization."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...numeric.rounding import CONTRACTS
from ...numeric.rules.rules import Rescale
from ..ir.graph import Graph, Node
from ..ir.layer import Convolution, Region
from ..ir.tensor_layout import TensorLayout, layout_of
from ._copies import positions_as_channels
from ._kinds import Linear
from ._linear import check_sums
from ._moves import check_reduced
from ._operator import (
    affine,
    check_activation,
    check_arity,
    code_range,
    input_tensor,
    output_tensor,
    quantization,
    support,
)


@dataclass(frozen=True, kw_only=True)
class ReduceMean:
    """``axes`` are counted from the front, with the batch as 0; ``keep`` leaves them as 1s."""

    axes: tuple[int, ...]
    keep: bool = False
    divides: ClassVar[bool] = True  # by the number of elements


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    for tensor in (source, output):
        check_activation(node, tensor)
    check_reduced(node, source, output)
    check_sums(node, *sum_bounds(node, graph), output_rule(node, graph).left_shift)


def _count(node: Node, graph: Graph) -> int:
    """Elements that are summed for each output."""
    shape = input_tensor(node, graph).shape
    return int(np.prod([shape[axis] for axis in node.attributes.axes], dtype=np.int64))


def output_rule(node: Node, graph: Graph) -> Rescale:
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    scales, bounds = (affine(source).scale, affine(output).scale), code_range(output.dtype)
    divisor = _count(node, graph) if node.attributes.divides else 1
    try:
        multiplier, shift = CONTRACTS[graph.contract].mean(*scales, divisor)
    except ValueError:
        what = f"scale {scales[0]!r} is too large for an output of {scales[1]!r}"
        support(False, node, what, "", "quantize the model anew")
        raise
    channels, zero_point = np.ones(output.shape[-1], np.int64), affine(output).zero_point
    return Rescale(graph.contract, multiplier * channels, shift * channels, zero_point, *bounds)


def sum_bounds(node: Node, graph: Graph) -> tuple[np.ndarray, np.ndarray]:
    source, channels = input_tensor(node, graph), output_tensor(node, graph).shape[-1]
    low, high = (
        (code - quantization(source).zero_point[0]) * _count(node, graph)
        for code in code_range(source.dtype)
    )
    return np.full(channels, low, np.int64), np.full(channels, high, np.int64)


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    zero_point = quantization(input_tensor(node, graph)).zero_point[0]
    centred = inputs[0].astype(np.int64) - zero_point
    sums = centred.sum(axis=node.attributes.axes).reshape(
        len(centred), *output_tensor(node, graph).shape[1:]
    )
    return [output_rule(node, graph).compute(sums).astype(np.int8)]


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    """A sum over a window that covers the axes, for each channel or over all channels."""
    source = input_tensor(node, graph)
    axes, dims = node.attributes.axes, len(source.shape)
    support(2 <= dims <= 4, node, f"the mean of {dims} dimensions is not supported inside")
    height, width, channels = layout_of(source).shape
    over_height, over_width, over_channels = (axis in axes for axis in _stored_axes(dims))
    one_position = (over_height or height == 1) and (over_width or width == 1)
    positions = not over_channels or node.attributes.keep or one_position
    kernel = (height if over_height else 1, width if over_width else 1)
    depth = 1 if over_channels else channels
    shape = (1 if over_height else height, 1 if over_width else width, depth)
    target = layout_of(output_tensor(node, graph))
    kept = node.outputs[0] if positions else f"{node.outputs[0]} ({node.name} kept)"
    weights = np.ones((1, *kernel, channels) if over_channels else (*kernel, channels), np.int64)
    zero_point = quantization(source).zero_point[0]
    layers = [
        Convolution(
            name=node.name,
            node=node.name,
            source=node.inputs[0],
            output=kept,
            input_shape=(height, width, channels),
            output_shape=shape,
            weights=weights,
            bias=np.full(depth, -zero_point * _count(node, graph), np.int64),
            rule=output_rule(node, graph).take([0] * depth),
            pad=zero_point,
            region=Region(0, 0, *shape[:2]),
            uniform=True,
        )
    ]
    if not positions:
        moved = (kept, TensorLayout(*shape)), (node.outputs[0], target)
        layers += positions_as_channels(node, *moved)
    return layers


def _stored_axes(dims: int) -> tuple[int, int, int]:
    """The axes of a tensor that are stored as height, width and channels; -1 for none."""
    return {2: (-1, -1, 1), 3: (-1, 1, 2), 4: (1, 2, 3)}[dims]


OPERATOR = Linear(
    attributes=ReduceMean,
    check=check,
    reference=reference,
    output_rule=output_rule,
    sum_bounds=sum_bounds,
    lower=lower,
)
