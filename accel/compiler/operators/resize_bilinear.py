"""An image resized by weighting the four positions around each output position."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..ir.graph import Graph, Node
from ._kinds import HostOnly
from ._operator import (
    check_activation,
    check_arity,
    check_moved_codes,
    input_tensor,
    output_tensor,
    require,
    support,
)

BITS = 10  # of a position's fraction
MOST_SIZE = 2**20  # of a side, whose positions stay within 32 bits


@dataclass(frozen=True, kw_only=True)
class ResizeBilinear:
    """As in TFLite: ``align_corners`` maps corners to corners, ``half_pixel`` pixel centres."""

    align_corners: bool = False
    half_pixel: bool = False


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    for tensor in (source, output):
        check_activation(node, tensor, rank=4)
    check_moved_codes(node, graph, source, output)
    channels = source.shape[3] == output.shape[3]
    require(channels, node, "input and output must have the same number of channels")
    sides = max(*source.shape[1:3], *output.shape[1:3])
    support(sides <= MOST_SIZE, node, f"a side of {sides:,} is more than {MOST_SIZE:,}")


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """``reference_ops::ResizeBilinearInteger``, in fixed point of 10 bits each way."""
    sides = zip(inputs[0].shape[1:3], output_tensor(node, graph).shape[1:3], strict=True)
    (top, bottom, down), (left, right, along) = (_between(node, *pair) for pair in sides)
    codes = inputs[0].astype(np.int64)
    down, along = down[:, None, None], along[:, None]
    upper = codes[:, top][:, :, left] * (_ONE - along) + codes[:, top][:, :, right] * along
    lower = codes[:, bottom][:, :, left] * (_ONE - along) + codes[:, bottom][:, :, right] * along
    sums = upper * (_ONE - down) + lower * down
    half = np.int64(1 << 2 * BITS - 1)
    rounded = np.where(sums > 0, sums + half, sums - half)
    return [(np.sign(rounded) * (np.abs(rounded) >> 2 * BITS)).astype(np.int8)]


_ONE = 1 << BITS


def _between(node: Node, size: int, outputs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The positions before and after each of the output's, and how far it is from the former."""
    a: ResizeBilinear = node.attributes
    scale = (size * _ONE + outputs // 2) // outputs
    if a.align_corners and outputs > 1:
        scale = (_ONE * (size - 1) + (outputs - 1) // 2) // (outputs - 1)
    at = np.arange(outputs, dtype=np.int64) * scale
    at = at + scale // 2 - _ONE // 2 if a.half_pixel else at
    low = np.maximum(np.sign(at) * (np.abs(at) >> BITS), 0)
    above = at + _ONE - 1
    high = np.minimum(np.sign(above) * (np.abs(above) >> BITS), size - 1)
    return np.minimum(low, size - 1), high, at - _ONE * low


OPERATOR = HostOnly(attributes=ResizeBilinear, check=check, reference=reference)
