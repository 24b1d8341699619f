"""Tensors one after the other along an axis, all quantized alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from ..ir.graph import Graph, Node, Tensor
from ..ir.layer import Convolution, Region
from ..ir.tensor_layout import TensorLayout, layout_of
from ._copies import as_stored, copied_part
from ._kinds import Movement
from ._moves import check_axis, check_moved, check_shape
from ._operator import (
    check_same_quantization,
    output_tensor,
    require,
    selecting,
    support,
)

# Positions of a constant input; where their values differ, each takes a layer.
MOST_POSITIONS = 16


@dataclass(frozen=True, kw_only=True)
class Concatenation:
    """``axis`` is counted from the front, with the batch as 0."""

    axis: int


def check(node: Node, graph: Graph) -> None:
    require(len(node.inputs) > 0, node, "has no input")
    require(len(node.outputs) == 1, node, f"must have 1 output, not {len(node.outputs)}")
    check_moved(node, graph)
    axis, output = node.attributes.axis, output_tensor(node, graph)
    check_axis(node, output, axis)
    tensors = [graph.tensor(name) for name in node.inputs]
    support(not all(t.constant for t in tensors), node, "all inputs are constant", "", "fold them")
    for tensor in tensors:
        check_same_quantization(node, tensor, output)
        same = len(tensor.shape) == len(output.shape)
        what = f"tensor {tensor.name!r} of {tensor.shape} does not go into {output.shape}"
        require(same, node, what)
        check_shape(node, tensor, _with(output.shape, axis, tensor.shape[axis]))
    check_shape(node, output, _with(output.shape, axis, sum(t.shape[axis] for t in tensors)))


def _with(shape: tuple[int, ...], axis: int, size: int) -> tuple[int, ...]:
    return (*shape[:axis], size, *shape[axis + 1 :])


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    samples = max(len(x) for x in inputs)
    whole = [np.broadcast_to(x, (samples, *x.shape[1:])) for x in inputs]  # constants have one
    return [np.concatenate(whole, axis=node.attributes.axis)]


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    axis, output = node.attributes.axis, layout_of(output_tensor(node, graph))
    tensors = [graph.tensor(name) for name in node.inputs]
    dims = len(output_tensor(node, graph).shape)
    support(dims <= 4, node, f"{dims} dimensions are not supported", "", "use 4 or less")
    offsets = [0, *accumulate(tensor.shape[axis] for tensor in tensors)]
    copies = [
        copied_part(
            node,
            f"{node.name}_{index}",
            (tensor.name, layout_of(tensor)),
            (node.outputs[0], output),
            target=as_stored(tuple(offsets[index] if d == axis else 0 for d in range(dims)), 0),
            size=layout_of(tensor).shape,
        )
        for index, tensor in enumerate(tensors)
    ]
    source = next(tensor for tensor in tensors if not tensor.constant)
    layers = []
    for copy, tensor in zip(copies, tensors, strict=True):
        layers += _constant(node, copy, tensor, source) if tensor.constant else [copy]
    return layers


def _constant(node: Node, copy: Convolution, tensor: Tensor, source: Tensor) -> list[Convolution]:
    """Layers that write a constant: as a bias with weights of 0 where few positions differ."""
    height, width, channels = copy.input_shape
    values = tensor.values.reshape(height, width, channels).astype(np.int64)
    small, region = layout_of(source), copy.region
    layer = copy.replace(
        source=source.name,
        input_shape=small.shape,
        weights=selecting(node, channels, 1, 1, small.channels),
        bias=values[0, 0],
        stride=(0, 0),
        padding=(0, 0),
        uniform=False,
    )
    if (values == values[0, 0]).all():
        return [layer]
    # Parts that share words must cover all positions at once, see `lowering.channel_alignment`.
    if height * width > MOST_POSITIONS or channels != copy.output_shape[2]:
        return [copy]  # of the constant as a tensor in memory, see `lowering.constant_tensors`
    return [
        layer.replace(
            name=f"{copy.name}_at{y}_{x}",
            bias=values[y, x],
            region=Region(region.top + y, region.left + x, 1, 1),
        )
        for y, x in np.ndindex(height, width)
    ]


OPERATOR = Movement(attributes=Concatenation, check=check, reference=reference, lower=lower)
