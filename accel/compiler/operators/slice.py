"""A part of a tensor: along each axis some elements, equally far apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from ..ir.graph import Graph, Node
from ..ir.layer import Convolution
from ..ir.tensor_layout import TensorLayout, layout_of
from ._copies import MOST_STEP, as_stored, copied_part, positions_as_channels
from ._kinds import Movement, Operand
from ._moves import check_moved
from ._operator import (
    check_arity,
    check_variable,
    input_tensor,
    output_tensor,
    require,
    support,
    support_layers,
)


@dataclass(frozen=True, kw_only=True)
class Slice:
    """For each dimension: the first index, how many elements, and the step, which may be negative.

    Where one element is taken, the step is 1. The output may leave out dimensions of size 1.
    """

    starts: tuple[int, ...]
    sizes: tuple[int, ...]
    steps: tuple[int, ...]


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    check_moved(node, graph)
    source, output, a = input_tensor(node, graph), output_tensor(node, graph), node.attributes
    check_variable(node, source)
    dims = len(source.shape)
    lengths = {len(a.starts), len(a.sizes), len(a.steps)}
    require(
        lengths == {dims}, node, f"must have starts, sizes and steps for each of {dims} dimensions"
    )
    for axis, size in enumerate(source.shape):
        start, count, step = a.starts[axis], a.sizes[axis], a.steps[axis]
        last = start + (count - 1) * step
        walks = step == 1 if count == 1 else step != 0
        inside = count > 0 and walks and 0 <= start < size and 0 <= last < size
        what = (
            f"{count} elements from {start} by {step} are not all among the {size} of axis {axis}"
        )
        require(inside, node, what)
    support(a.sizes[0] == 1, node, "the batch dimension cannot be cut")
    what = f"output must have shape {a.sizes}, with or without its 1s, not {output.shape}"
    require(_without_ones(a.sizes) == _without_ones(output.shape), node, what)


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    a, x = node.attributes, inputs[0]
    for axis in range(1, x.ndim):
        indices = a.starts[axis] + a.steps[axis] * np.arange(a.sizes[axis])
        x = np.take(x, indices, axis=axis)
    return [x.reshape(len(x), *output_tensor(node, graph).shape[1:])]


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    """A copy layer, or one for each index where steps are too long for one.

    Where the output leaves out the channels, of which one is taken, positions become channels.
    """
    a, dims = node.attributes, len(input_tensor(node, graph).shape)
    support(dims <= 4, node, f"tensors of {dims} dimensions are not supported", "", "use 4 or less")
    kept, target = TensorLayout(*as_stored(a.sizes, 1)), layout_of(output_tensor(node, graph))
    source, output = (node.inputs[0], layout), (node.outputs[0], kept)
    if kept.channels == target.channels:  # the same words where other 1s are left out
        return _copies(node, source, output)
    what = "an output of other channels moves values between words"
    support(kept.channels == 1, node, what, "", "give it the shape of the part, and reshape it")
    picked = (f"{node.outputs[0]} ({node.name} picked)", kept)
    return [
        *_copies(node, source, picked),
        *positions_as_channels(node, picked, (node.outputs[0], target)),
    ]


def _copies(node: Node, source: Operand, output: Operand) -> list[Convolution]:
    a = node.attributes
    start, step, size = as_stored(a.starts, 0), as_stored(a.steps, 1), as_stored(a.sizes, 1)
    parts = [_at_once(size[axis], step[axis]) for axis in (0, 1)]
    support_layers(node, len(parts[0]) * len(parts[1]))
    layers: list[Convolution] = []
    for y, x in product(*parts):
        at = (y.start, x.start, 0)
        layers.append(
            copied_part(
                node,
                f"{node.name}_{len(layers)}" if len(parts[0]) * len(parts[1]) > 1 else node.name,
                source,
                output,
                start=(start[0] + at[0] * step[0], start[1] + at[1] * step[1], start[2]),
                step=(step[0] if len(y) > 1 else 1, step[1] if len(x) > 1 else 1, step[2]),
                target=at,
                size=(len(y), len(x), size[2]),
            )
        )
    return layers


def _at_once(count: int, step: int) -> list[range]:
    """The indices that one layer can copy: all, or each alone where they are far apart."""
    if abs(step) <= MOST_STEP:
        return [range(count)]
    return [range(index, index + 1) for index in range(count)]


OPERATOR = Movement(attributes=Slice, check=check, reference=reference, lower=lower)
