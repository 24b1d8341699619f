"""The greatest or the least of all elements along some axes, in the input's own quantization."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..ir.graph import Graph, Node
from ..ir.layer import Convolution, PostOp, copy_layer
from ..ir.tensor_layout import TensorLayout, layout_of
from ._copies import copied_part, negated, positions_as_channels
from ._kinds import Movement
from ._moves import check_moved, check_reduced
from ._operator import (
    check_activation,
    check_arity,
    check_same_quantization,
    input_tensor,
    output_tensor,
    support,
)


@dataclass(frozen=True, kw_only=True)
class ReduceMax:
    """``axes`` are counted from the front, with the batch as 0; ``keep`` leaves them as 1s.

    ``smallest`` asks for the least.
    """

    axes: tuple[int, ...]
    keep: bool = False
    smallest: bool = False


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    check_moved(node, graph)
    source = input_tensor(node, graph)
    check_activation(node, source, quantized=False)
    check_same_quantization(node, source, output_tensor(node, graph))
    check_reduced(node, source, output_tensor(node, graph))


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    reduce = np.min if node.attributes.smallest else np.max
    found = reduce(inputs[0], axis=node.attributes.axes)
    return [found.reshape(len(found), *output_tensor(node, graph).shape[1:])]


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    """A pair of layers keeps the greater codes of a dimension's two halves, until one is left.

    For the least codes, their order is reversed before and after.
    """
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    axes, dims = node.attributes.axes, len(source.shape)
    support(2 <= dims <= 4, node, f"the maximum of {dims} dimensions is not supported inside")
    reduced = [axis - dims + 3 for axis in axes]  # as stored: height, width and channels
    size = list(layout_of(source).shape)
    depth = 1 if 2 in reduced else size[2]
    if depth != layout_of(output).channels:
        return _into_channels(node, graph, layout)
    halvings = [axis for axis in reduced for _ in range((size[axis] - 1).bit_length())]
    layers: list[Convolution] = []
    name = source.name
    for step, axis in enumerate(halvings):
        before, target = TensorLayout(*size), f"{output.name} ({node.name} {step})"
        half = -(-size[axis] // 2)
        second = [0, 0, 0]
        second[axis] = size[axis] - half
        size[axis] = half
        after = TensorLayout(*size)
        pair = [
            copied_part(
                node,
                f"{node.name}_{2 * step + part}",
                (name, before),
                (target, after),
                start=(start[0], start[1], start[2]),
                size=after.shape,
            )
            for part, start in enumerate(([0, 0, 0], second))
        ]
        pair[1] = pair[1].replace(post_op=PostOp(residual=target, maximum=True))
        layers += pair
        name = target
    result = copy_layer(node.name, node.name, name, output.name, TensorLayout(*size).shape)
    if not layers:
        return [result]
    if not node.attributes.smallest:
        return [*layers[:-2], *_renamed(layers[-2:], output.name)]
    return [*map(negated, layers[:2]), *layers[2:], negated(result)]


def _into_channels(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    """The same with the axes kept, then positions become channels."""
    source, output, a = input_tensor(node, graph), output_tensor(node, graph), node.attributes
    shape = tuple(1 if axis in a.axes else size for axis, size in enumerate(source.shape))
    kept = replace(output, name=f"{output.name} ({node.name} kept)", shape=shape)
    same = replace(node, outputs=(kept.name,), attributes=replace(a, keep=True))
    layers = lower(same, graph.replace(tensors={**graph.tensors, kept.name: kept}), layout)
    moved = (kept.name, layout_of(kept)), (output.name, layout_of(output))
    return [*layers, *positions_as_channels(node, *moved)]


def _renamed(pair: list[Convolution], output: str) -> list[Convolution]:
    """The last two layers, which write the output itself."""
    greater = PostOp(residual=output, maximum=True)
    return [pair[0].replace(output=output), pair[1].replace(output=output, post_op=greater)]


OPERATOR = Movement(attributes=ReduceMax, check=check, reference=reference, lower=lower)
