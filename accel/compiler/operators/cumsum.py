"""Sums of all values up to each, along an axis."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...numeric.affine import Affine
from ...numeric.rounding import quantize_multiplier, rescale_tflm
from ..ir.graph import Graph, Node
from ._kinds import HostOnly
from ._operator import (
    affine,
    check_activation,
    check_arity,
    input_tensor,
    output_tensor,
    require,
    support,
)

SHIFT = 20  # bits to the left that values are shifted before scaling


@dataclass(frozen=True, kw_only=True)
class Cumsum:
    """``exclusive`` leaves each value itself out, ``reverse`` begins at the end."""

    axis: int
    exclusive: bool = False
    reverse: bool = False


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    for tensor in (source, output):
        check_activation(node, tensor)
    require(source.shape == output.shape, node, "input and output must have the same shape")
    axis = node.attributes.axis
    require(0 < axis < len(source.shape), node, f"has an axis {axis} of {len(source.shape)}")
    _, shift = _multiplier(affine(source), affine(output))
    support(shift <= 0, node, f"output scale {affine(output).scale!r} is too small for its sums")


def _multiplier(source: Affine, output: Affine) -> tuple[int, int]:
    return quantize_multiplier(2 * source.scale / ((1 << SHIFT) * output.scale))


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """``reference_ops::CumSum``, which begins with the code of 0, scaled, and not with 0.

    Its sums have 32 bits, and wrap around where more than 15 large values are added.
    """
    a: Cumsum = node.attributes
    source, output = affine(input_tensor(node, graph)), affine(output_tensor(node, graph))

    def scaled(values: np.ndarray) -> np.ndarray:
        half, shift = quantize_multiplier(0.5)
        return rescale_tflm(values << SHIFT, np.int64(half), np.int64(shift))

    values = np.moveaxis(inputs[0].astype(np.int64), a.axis, -1)
    values = scaled((values[..., ::-1] if a.reverse else values) - source.zero_point)
    sums = np.cumsum(values, axis=-1)
    sums = (sums - values if a.exclusive else sums) + scaled(np.int64(-source.zero_point))
    sums = sums.astype(np.int32).astype(np.int64)
    multiplier, shift = _multiplier(source, output)
    codes = rescale_tflm(sums, np.int64(multiplier), np.int64(shift)) + output.zero_point
    codes = np.clip(codes[..., ::-1] if a.reverse else codes, -128, 127)
    return [np.moveaxis(codes, -1, a.axis).astype(np.int8)]


OPERATOR = HostOnly(attributes=Cumsum, check=check, reference=reference)
