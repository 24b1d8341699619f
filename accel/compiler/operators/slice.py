"""A part of a tensor: along each axis some elements, equally far apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..ir.graph import Graph, Node
from ..ir.layer import Convolution
from ..ir.tensor_layout import TensorLayout, layout_of
from ._copies import as_stored, copied_part
from ._kinds import Movement
from ._moves import check_moved
from ._operator import (
    check_arity,
    check_variable,
    input_tensor,
    output_tensor,
    require,
    support,
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
    require(lengths == {dims}, node, f"must say what to take of each of {dims} dimensions")
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
    a, dims = node.attributes, len(input_tensor(node, graph).shape)
    support(dims <= 4, node, f"parts of {dims} dimensions are not supported", "", "use 4 or less")
    backwards = any(step < 0 for step in a.steps[:-1])
    support(not backwards, node, "negative steps are supported along the channels only")
    size = as_stored(a.sizes, 1)
    output = TensorLayout(*size)  # the same words where dimensions of size 1 are left out
    same = output.channels == layout_of(output_tensor(node, graph)).channels
    support(same, node, "leaving out the channels moves values between words", "", "keep them")
    return [
        copied_part(
            node,
            node.name,
            (node.inputs[0], layout),
            (node.outputs[0], output),
            start=as_stored(a.starts, 0),
            step=as_stored(a.steps, 1),
            size=size,
        )
    ]


OPERATOR = Movement(attributes=Slice, check=check, reference=reference, lower=lower)
