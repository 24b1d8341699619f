"""Padding by the tensor's own elements: mirrored, repeated, or from its other end."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from ..ir.graph import Graph, Node
from ..ir.layer import Convolution
from ..ir.tensor_layout import TensorLayout, layout_of
from ._copies import copied_part, runs
from ._kinds import Movement
from ._moves import check_moved, check_shape
from ._operator import (
    check_arity,
    check_variable,
    input_tensor,
    output_tensor,
    require,
    selecting,
    support,
    support_layers,
)

# By mode: the most elements that can be added at an end of an axis of so many.
MODES = {
    "reflect": lambda size: size - 1,  # the end itself is not repeated
    "symmetric": lambda size: size,
    "edge": lambda size: 2**16,
    "wrap": lambda size: size,
}


@dataclass(frozen=True, kw_only=True)
class MirrorPad:
    """``amounts`` are (before, after) for each dimension, ``mode`` is one of ``MODES``."""

    amounts: tuple[tuple[int, int], ...]
    mode: str = "reflect"


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    check_moved(node, graph)
    source, (amounts, mode) = input_tensor(node, graph), _fields(node)
    check_variable(node, source)
    dims = len(source.shape)
    require(mode in MODES, node, f"has an unknown mode {mode!r}")
    what = f"has padding amounts for {len(amounts)} of {dims} dimensions"
    require(len(amounts) == dims, node, what)
    support(amounts[0] == (0, 0), node, "padding of the batch is not supported")
    for size, pair in zip(source.shape, amounts, strict=True):
        inside = all(0 <= n <= MODES[mode](size) for n in pair)
        require(inside, node, f"cannot pad {size} elements by {pair} in mode {mode!r}")
    expected = tuple(n + sum(pair) for n, pair in zip(source.shape, amounts, strict=True))
    check_shape(node, output_tensor(node, graph), expected)


def _fields(node: Node) -> tuple[tuple[tuple[int, int], ...], str]:
    return node.attributes.amounts, node.attributes.mode


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    amounts, mode = _fields(node)
    return [np.pad(inputs[0], amounts, mode=mode)]  # type: ignore[call-overload]


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    """A copy for each pair of runs of equally spaced input rows and columns."""
    amounts, mode = _fields(node)
    support(len(amounts) <= 4, node, f"{len(amounts)} dimensions are not supported", "", "use 4")
    output = layout_of(output_tensor(node, graph))
    stored = (*((0, 0),) * (4 - len(amounts)), *amounts[1:])
    rows, columns, channels = (
        np.pad(np.arange(size), pair, mode=mode).tolist()  # type: ignore[call-overload]
        for size, pair in zip(layout.shape, stored, strict=True)
    )
    parts = list(product(runs(rows), runs(columns)))
    support_layers(node, len(parts))
    copies = [
        copied_part(
            node,
            f"{node.name}_{index}" if len(parts) > 1 else node.name,
            (node.inputs[0], layout),
            (node.outputs[0], output),
            start=(rows[y], columns[x], 0),
            step=(down, along, 1),
            target=(y, x, 0),
            size=(height, width, layout.channels),
        )
        for index, ((y, height, down), (x, width, along)) in enumerate(parts)
    ]
    if len(channels) == layout.channels:
        return copies
    weights = selecting(node, len(channels), 1, 1, layout.channels)
    weights[np.arange(len(channels)), 0, 0, channels] = 1
    return [_picking(copy, weights) for copy in copies]


def _picking(copy: Convolution, weights: np.ndarray) -> Convolution:
    """A copy whose output channels are those of the input that weights of 1 pick."""
    count = len(weights)
    return copy.replace(
        weights=weights,
        bias=np.zeros(count, np.int64),
        rule=copy.rule.take([0] * count),
        uniform=False,
    )


OPERATOR = Movement(attributes=MirrorPad, check=check, reference=reference, lower=lower)
