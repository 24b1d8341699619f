"""The mean along some axes, in the output's own quantization."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...numeric.rounding import CONTRACTS
from ...numeric.rules.rules import Rescale
from ..ir.graph import Graph, Node
from ..ir.layer import Convolution, Region
from ..ir.tensor_layout import TensorLayout, layout_of
from ._kinds import Linear
from ._linear import check_sums
from ._moves import check_reduced
from ._operator import (
    check_activation,
    check_arity,
    code_range,
    input_tensor,
    output_tensor,
    quantization,
    support,
)


@dataclass(frozen=True, kw_only=True)
class Mean:
    """``axes`` are counted from the front, with the batch as 0; ``keep`` leaves them as 1s."""

    axes: tuple[int, ...]
    keep: bool = False


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    for tensor in (source, output):
        check_activation(node, tensor)
    check_reduced(node, source, output)
    check_sums(node, *sum_bounds(node, graph), output_rule(node, graph).left_shift)


def _count(node: Node, graph: Graph) -> int:
    """Elements that each mean is of."""
    shape = input_tensor(node, graph).shape
    return int(np.prod([shape[axis] for axis in node.attributes.axes], dtype=np.int64))


def output_rule(node: Node, graph: Graph) -> Rescale:
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    scales = quantization(source).scale[0], quantization(output).scale[0]
    try:
        multiplier, shift = CONTRACTS[graph.contract].mean(*scales, _count(node, graph))
    except ValueError:
        what = f"scale {scales[0]!r} is too large for an output of {scales[1]!r}"
        support(False, node, what, "", "quantize the model anew")
        raise
    channels = np.ones(output.shape[-1], np.int64)
    zero_point, bounds = quantization(output).zero_point[0], code_range(output.dtype)
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
    what = "a mean over channels that moves positions into channels is not supported"
    support(positions, node, what, "", "keep the dimensions")
    kernel = (height if over_height else 1, width if over_width else 1)
    depth = 1 if over_channels else channels
    shape = (1 if over_height else height, 1 if over_width else width, depth)
    weights = np.ones((1, *kernel, channels) if over_channels else (*kernel, channels), np.int64)
    zero_point = quantization(source).zero_point[0]
    return [
        Convolution(
            name=node.name,
            node=node.name,
            source=node.inputs[0],
            output=node.outputs[0],
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


def _stored_axes(dims: int) -> tuple[int, int, int]:
    """The axes of a tensor that are stored as height, width and channels; -1 for none."""
    return {2: (-1, -1, 1), 3: (-1, 1, 2), 4: (1, 2, 3)}[dims]


OPERATOR = Linear(
    attributes=Mean,
    check=check,
    reference=reference,
    output_rule=output_rule,
    sum_bounds=sum_bounds,
    lower=lower,
)
