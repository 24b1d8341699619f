"""An image resized by copying the nearest input position to each output position."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from ..ir.graph import Graph, Node
from ..ir.layer import Convolution
from ..ir.tensor_layout import TensorLayout, layout_of
from ._copies import MOST_STEP, copied_part, runs
from ._kinds import Movement
from ._moves import check_moved
from ._operator import (
    check_arity,
    check_rank,
    check_variable,
    input_tensor,
    output_tensor,
    require,
    support,
)

MOST_PAIRS = 16  # of copies along height and along width
MOST_COPIES = 256

# First output, distance and number of outputs, and the distance of their inputs.
Phase = tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class ResizeNearest:
    """As in TFLite: ``align_corners`` maps corners to corners, ``half_pixel`` pixel centres.

    ``indices`` are the input's rows and columns for each of the output's, where they are given.
    """

    align_corners: bool = False
    half_pixel: bool = False
    indices: tuple[tuple[int, ...], tuple[int, ...]] | None = None


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    check_moved(node, graph)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    for tensor in (source, output):
        check_variable(node, tensor)
        check_rank(node, tensor, 4)
    channels = source.shape[3] == output.shape[3]
    require(channels, node, "input and output must have the same number of channels")
    if node.attributes.indices is not None:
        axes = zip(node.attributes.indices, source.shape[1:3], output.shape[1:3], strict=True)
        for indices, size, outputs in axes:
            known = len(indices) == outputs and all(0 <= index < size for index in indices)
            require(known, node, f"indices must be {outputs} of 0..{size - 1}")


def _indices(node: Node, size: int, outputs: int) -> np.ndarray:
    """The input's index for each of the output's along an axis: TFLite's ``GetNearestNeighbor``."""
    a = node.attributes
    corners = a.align_corners and outputs > 1
    scale = (
        np.float32(size - 1) / np.float32(outputs - 1)
        if corners
        else (np.float32(size) / np.float32(outputs))
    )
    offset = np.float32(0.5 if a.half_pixel else 0)
    at = (np.arange(outputs).astype(np.float32) + offset) * scale
    rounded = np.floor(at + np.float32(0.5)) if a.align_corners else np.floor(at)
    return np.clip(rounded.astype(np.int64), 0, size - 1)


def _both(node: Node, graph: Graph) -> list[np.ndarray]:
    if node.attributes.indices is not None:
        return [np.array(indices, np.int64) for indices in node.attributes.indices]
    shapes = (input_tensor(node, graph).shape, output_tensor(node, graph).shape)
    return [_indices(node, *(shape[axis] for shape in shapes)) for axis in (1, 2)]


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    rows, columns = _both(node, graph)
    return [inputs[0][:, rows[:, None], columns]]


def _phases(indices: np.ndarray) -> list[Phase]:
    """Few arithmetic sequences of outputs whose inputs are equally far apart."""
    for apart in range(1, min(MOST_PAIRS, len(indices)) + 1):
        phases = [indices[first::apart] for first in range(apart)]
        steps = [np.unique(np.diff(phase)) for phase in phases]
        if all(len(step) <= 1 and step.max(initial=0) <= MOST_STEP for step in steps):
            return [
                (first, apart, len(phase), int(step[0]) if len(step) else 1)
                for first, (phase, step) in enumerate(zip(phases, steps, strict=True))
            ]
    return [(first, 1, count, step) for first, count, step in runs(tuple(indices.tolist()))]


def _copies(
    node: Node,
    operands: tuple[tuple[str, TensorLayout], tuple[str, TensorLayout]],
    indices: tuple[np.ndarray, np.ndarray],
    first: int,
) -> list[Convolution]:
    """A copy layer for each pair of `_phases` along height and width; ``first`` numbers them."""
    rows, columns = indices
    return [
        copied_part(
            node,
            f"{node.name}_{index}",
            *operands,
            start=(int(rows[y[0]]), int(columns[x[0]]), 0),
            step=(y[3], x[3], 1),
            target=(y[0], x[0], 0),
            size=(y[2], x[2], operands[1][1].channels),
            output_stride=(y[1], x[1]),
        )
        for index, (y, x) in enumerate(product(_phases(rows), _phases(columns)), first)
    ]


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    """Copies for pairs of phases; where these are many, copies of rows, and then of columns."""
    output, (rows, columns) = layout_of(output_tensor(node, graph)), _both(node, graph)
    source, target = (node.inputs[0], layout), (node.outputs[0], output)
    counts = len(_phases(rows)), len(_phases(columns))
    if counts[0] * counts[1] <= MOST_PAIRS:
        return _copies(node, (source, target), (rows, columns), 0)
    what = f"{sum(counts)} copies are more than {MOST_COPIES}"
    support(
        sum(counts) <= MOST_COPIES, node, what, "", "resize by whole numbers, or by smaller ones"
    )
    between = (
        f"{node.outputs[0]} ({node.name} rows)",
        TensorLayout(output.height, layout.width, layout.channels),
    )
    every = np.arange(layout.width), np.arange(output.height)
    first = _copies(node, (source, between), (rows, every[0]), 0)
    return [*first, *_copies(node, (between, target), (every[1], columns), len(first))]


OPERATOR = Movement(attributes=ResizeNearest, check=check, reference=reference, lower=lower)
