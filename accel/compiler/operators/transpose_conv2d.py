"""Transposed convolution; weights ``[out, kernel_h, kernel_w, in]``.

Each input position adds its products to a window of the output; windows are a stride apart.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from ...numeric.rules.float_epilogue import FloatEpilogue
from ..ir.graph import Graph, Node
from ..ir.layer import Convolution, Region
from ..ir.tensor_layout import TensorLayout, layout_of
from ._activation import FusedActivation, check_known
from ._kinds import Linear
from ._linear import (
    LinearRule,
    centred,
    check_operands,
    check_sums,
    finish,
    gives_sums,
    lowered,
    product_bounds,
    rescale_rule,
    weight_values,
)
from ._operator import (
    check_arity,
    input_tensor,
    output_tensor,
    require,
    support,
    support_layers,
)
from ._window import MAX_STEP, Pair


@dataclass(frozen=True, kw_only=True)
class TransposeConv2d:
    """Pairs are (height, width). ``padding`` is how much of the first window lies above and to the
    left of the output; what lies below and to the right of it is left out too."""

    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    activation: FusedActivation = "none"
    epilogue: FloatEpilogue | None = None


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=3, optional=1)
    check_known(node, node.attributes.activation)
    check_operands(node, graph, axis=0, rank=4)
    what = f"tensor {node.outputs[0]!r} is int32"
    support(not gives_sums(node, graph), node, what, "", "quantize it")
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    out, *kernel, depth = input_tensor(node, graph, 1).shape
    for tensor in (source, output):
        dims = len(tensor.shape)
        require(dims == 4, node, f"tensor {tensor.name!r} must have 4 dimensions, not {dims}")
    channels = f"weights for {depth} input channels, but {source.shape[3]} come in"
    require(source.shape[3] == depth, node, channels)
    require(output.shape[3] == out, node, f"{out} output channels, but the output has another size")
    for axis, name in enumerate(("height", "width")):
        stride, padding = node.attributes.stride[axis], node.attributes.padding[axis]
        support(1 <= stride <= MAX_STEP, node, f"stride {stride} in {name} is out of range")
        inside = 0 <= padding < kernel[axis]
        require(inside, node, f"padding {padding} in {name} must be below the kernel's size")
    check_sums(node, *sum_bounds(node, graph), output_rule(node, graph).left_shift)


def output_rule(node: Node, graph: Graph) -> LinearRule:
    return rescale_rule(node, graph, input_tensor(node, graph, 1).shape[0])


def sum_bounds(node: Node, graph: Graph) -> tuple[np.ndarray, np.ndarray]:
    """The bounds if every tap of the kernel reached an output, which is more than do."""
    weights = weight_values(node, graph)
    return product_bounds(node, graph, weights.reshape(len(weights), -1))


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    weights, a = weight_values(node, graph), node.attributes
    out, *kernel, _ = weights.shape
    x = centred(node, graph, inputs[0], weights.reshape(out, -1))
    sizes = output_tensor(node, graph).shape[1:3]
    reach = [
        max(p + size, (n - 1) * s + k)
        for n, s, k, p, size in zip(x.shape[1:3], a.stride, kernel, a.padding, sizes, strict=True)
    ]
    sums = np.zeros((len(x), *reach, out), x.dtype)
    ends = [n * s for n, s in zip(x.shape[1:3], a.stride, strict=True)]
    for i, j in product(*map(range, kernel)):
        taps = weights[:, i, j].T.astype(x.dtype)
        sums[:, i : i + ends[0] : a.stride[0], j : j + ends[1] : a.stride[1]] += x @ taps
    rows, columns = (slice(p, p + n) for p, n in zip(a.padding, sizes, strict=True))
    return [finish(node, graph, sums[:, rows, columns], output_rule(node, graph))]


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    """A convolution for each output phase (position modulo stride), by the taps that reach it.

    Taps are in reverse order.
    """
    weights, a = weight_values(node, graph), node.attributes
    output, rule = layout_of(output_tensor(node, graph)), output_rule(node, graph)
    support_layers(node, math.prod(map(min, a.stride, output.shape)))
    phases = [
        list(_phases(*axis))
        for axis in zip(
            a.stride, a.padding, weights.shape[1:3], (output.height, output.width), strict=True
        )
    ]
    convolutions = []
    for index, ((top, rows, up), (left, columns, before)) in enumerate(product(*phases)):
        taps = np.zeros(
            (len(weights), max(1, len(rows)), max(1, len(columns)), weights.shape[3]), np.int64
        )
        if rows and columns:
            taps = weights[:, rows][:, :, columns]
        (c,) = lowered(
            node, graph, layout, taps, rule, macs=layout.height * layout.width * taps.size
        )
        counts = (
            -(-(n - first) // s)
            for n, first, s in zip(output.shape[:2], (top, left), a.stride, strict=True)
        )
        convolutions.append(
            c.replace(
                name=f"{node.name}_{index}",
                padding=(up + top, before + left),
                region=Region(top, left, *counts),
                output_stride=a.stride,
            )
        )
    return convolutions


def _phases(
    stride: int, padding: int, kernel: int, size: int
) -> Iterator[tuple[int, list[int], int]]:
    """The phases along an axis: first output position, taps from the last to the first, and how
    many of them lie before the input."""
    for first in range(min(stride, size)):
        taps = list(range((first + padding) % stride, kernel, stride))[::-1]
        met = (first + padding) // stride
        yield first, taps, len(taps) - 1 - met if taps else 0


OPERATOR = Linear(
    attributes=TransposeConv2d,
    check=check,
    reference=reference,
    output_rule=output_rule,
    sum_bounds=sum_bounds,
    lower=lower,
)
