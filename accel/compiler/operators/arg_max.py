"""The index of the largest or the smallest element along an axis, the first where several are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...numeric.rules.rules import Mean, Table
from ..ir.graph import Graph, Node
from ..ir.layer import Convolution, PostOp, copy_layer
from ..ir.tensor_layout import TensorLayout, layout_of
from ._copies import negated
from ._kinds import Index
from ._moves import check_axis, check_shape
from ._operator import (
    check_activation,
    check_arity,
    input_tensor,
    output_tensor,
    support,
)

# Channels to choose from: each layer has a weight for each pair of them.
MOST_CLASSES = 32


@dataclass(frozen=True, kw_only=True)
class ArgMax:
    """``axis`` is counted from the front, with the batch as 0; ``smallest`` asks for the minimum.

    ``driver`` leaves the node to the driver even where the core could compute it.
    """

    axis: int
    smallest: bool = False
    driver: bool = False


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    source, output, axis = (
        input_tensor(node, graph),
        output_tensor(node, graph),
        node.attributes.axis,
    )
    check_activation(node, source, ("int8", "float32"), quantized=False)
    integer = output.dtype in ("int32", "int64")
    support(integer, node, f"tensor {output.name!r} is {output.dtype}", "", "use int32 indices")
    check_axis(node, source, axis)
    check_shape(node, output, (*source.shape[:axis], *source.shape[axis + 1 :]))


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    find = np.argmin if node.attributes.smallest else np.argmax
    indices = find(inputs[0], axis=node.attributes.axis)
    return [indices.astype(output_tensor(node, graph).dtype)]


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    """A running maximum over the channels, then the number of channels where it is not complete.

    In ``steps`` layers every channel becomes the maximum of itself and all channels before it.
    Exactly the channels before the first greatest code are then less than the last channel: they
    are counted.
    """
    source, attributes = input_tensor(node, graph), node.attributes
    inside = source.dtype == "int8" and attributes.axis == len(source.shape) - 1
    support(inside, node, "an index other than that of int8 channels is left to the driver")
    support(not attributes.driver, node, "it is left to the driver")
    shape, channels = layout_of(source).shape, source.shape[-1]
    what = f"{channels} channels to choose from are more than {MOST_CLASSES}"
    support(channels <= MOST_CLASSES, node, what, "", "end the network here")
    output = node.outputs[0]
    greatest, layers = source.name, []
    steps = (channels - 1).bit_length()
    for step in range(steps):
        target = f"{output} ({node.name} {step})"
        copy = copy_layer(f"{node.name}_copy{step}", node.name, greatest, target, shape)
        shifted = copy.replace(
            name=f"{node.name}_greatest{step}",
            weights=_shift(channels, 1 << step),
            uniform=False,
            post_op=PostOp(residual=target, maximum=True),
        )
        # The smallest is the greatest of codes in reverse order.
        reverse = attributes.smallest and step == 0
        layers += [negated(layer) if reverse else layer for layer in (copy, shifted)]
        greatest = target
    return [*layers, *_count(node, greatest, shape)]


def _shift(channels: int, by: int) -> np.ndarray:
    """Weights that pick for each channel the one ``by`` before it, or the first."""
    weights = np.zeros((channels, 1, 1, channels), np.int64)
    index = np.arange(channels)
    weights[index, 0, 0, np.maximum(index - by, 0)] = 1
    return weights


def _count(node: Node, greatest: str, shape: tuple[int, int, int]) -> list[Convolution]:
    """The number of channels below the last one, minus 128; they become -128, others -127."""
    channels, output = shape[2], node.outputs[0]
    marks = f"{output} ({node.name} marks)"
    weights = np.zeros((channels, 1, 1, channels), np.int64)
    index = np.arange(channels)
    weights[index, 0, 0, index] += 1
    weights[index, 0, 0, -1] -= 1
    marked = np.where(np.arange(-128, 128) < 0, -128, -127)
    compared = copy_layer(f"{node.name}_compared", node.name, greatest, marks, shape).replace(
        weights=weights, rule=Table(np.tile(marked, (channels, 1)), -128), uniform=False
    )
    counted = copy_layer(node.name, node.name, marks, output, shape).replace(
        output_shape=(*shape[:2], 1),
        weights=np.full((1, 1, 1, channels), -1),
        bias=np.array([-127 * channels - 128]),
        rule=Mean(1, -128, 127),
        uniform=False,
    )
    return [compared, counted]


def decode(node: Node, graph: Graph, codes: np.ndarray) -> np.ndarray:
    """Indices from the codes that the core stores."""
    output = output_tensor(node, graph)
    return (codes.astype(np.int64) + 128).astype(output.dtype)


OPERATOR = Index(
    attributes=ArgMax, check=check, reference=reference, lower=lower, decode=decode, host=True
)
