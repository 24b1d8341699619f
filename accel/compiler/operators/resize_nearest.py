"""An image resized by copying the nearest input position to each output position."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from ..ir.graph import Graph, Node
from ..ir.layer import Convolution
from ..ir.tensor_layout import TensorLayout, layout_of
from ._copies import copied_part
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

MOST_COPIES = 16


@dataclass(frozen=True, kw_only=True)
class ResizeNearest:
    """As in TFLite: ``align_corners`` maps corners to corners, ``half_pixel`` pixel centres."""

    align_corners: bool = False
    half_pixel: bool = False


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    check_moved(node, graph)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    for tensor in (source, output):
        check_variable(node, tensor)
        check_rank(node, tensor, 4)
    channels = source.shape[3] == output.shape[3]
    require(channels, node, "input and output channels must be as many")


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
    shapes = (input_tensor(node, graph).shape, output_tensor(node, graph).shape)
    return [_indices(node, *(shape[axis] for shape in shapes)) for axis in (1, 2)]


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    rows, columns = _both(node, graph)
    return [inputs[0][:, rows[:, None], columns]]


def _phases(node: Node, indices: np.ndarray) -> list[tuple[int, int, int, int]]:
    """The least number of arithmetic sequences of outputs whose inputs are equally far apart.

    For each: first output, distance and number of outputs, and the distance of their inputs.
    """
    for apart in range(1, min(MOST_COPIES, len(indices)) + 1):
        phases = [indices[first::apart] for first in range(apart)]
        steps = [np.unique(np.diff(phase)) for phase in phases]
        if all(len(step) <= 1 for step in steps):
            return [
                (first, apart, len(phase), int(step[0]) if len(step) else 1)
                for first, (phase, step) in enumerate(zip(phases, steps, strict=True))
            ]
    what = f"indices of {len(indices)} positions from {indices[-1] + 1} repeat in no short pattern"
    support(False, node, what, "", "resize by whole numbers")
    raise AssertionError


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    """A copy layer for each pair of `_phases` along height and width."""
    output, (rows, columns) = layout_of(output_tensor(node, graph)), _both(node, graph)
    pairs = list(product(_phases(node, rows), _phases(node, columns)))
    what = f"{len(pairs)} copies are more than {MOST_COPIES}"
    support(len(pairs) <= MOST_COPIES, node, what, "", "resize by less at a time")
    return [
        copied_part(
            node,
            f"{node.name}_{index}",
            (node.inputs[0], layout),
            (node.outputs[0], output),
            start=(int(rows[y[0]]), int(columns[x[0]]), 0),
            step=(y[3], x[3], 1),
            target=(y[0], x[0], 0),
            size=(y[2], x[2], output.channels),
            output_stride=(y[1], x[1]),
        )
        for index, (y, x) in enumerate(pairs)
    ]


OPERATOR = Movement(attributes=ResizeNearest, check=check, reference=reference, lower=lower)
