"""Transposed convolution of float32 numbers, which the driver adds up in the runtime's own order.

The rounding of each addition decides codes near exact halves. Weights are float32
``[in, out / groups, kernel_h, kernel_w]``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...numeric.runtimes.sgemm import sgemm
from ..ir.graph import Graph, Node
from ._kinds import HostOnly
from ._operator import check_activation, check_arity, input_tensor, output_tensor, require
from ._window import Pair, extent


@dataclass(frozen=True, kw_only=True)
class FloatTransposeConv2d:
    """Pairs are (height, width); ``padding`` is as in `TransposeConv2d`."""

    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=2)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    for tensor in (source, output):
        check_activation(node, tensor, ("float32",), rank=4)
    depth, out, *_ = input_tensor(node, graph, 1).shape
    groups = node.attributes.groups
    fits = source.shape[3] == depth and depth % groups == 0 and output.shape[3] == out * groups
    require(fits, node, "must have weights that fit its channels and groups")


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """``ConvTranspose`` of ONNX Runtime: products of channels first, then windows tap by tap."""
    a, weights = node.attributes, input_tensor(node, graph, 1).values
    shape = output_tensor(node, graph).shape
    found = np.empty((len(inputs[0]), *shape[1:]), np.float32)
    for image, result in zip(inputs[0], found, strict=True):
        channels = np.split(image.transpose(2, 0, 1), a.groups)
        groups = zip(np.split(weights, a.groups), channels, strict=True)
        sums = [_group(a, w, x, (shape[1], shape[2])) for w, x in groups]
        result[:] = np.concatenate(sums).transpose(1, 2, 0)
    return [found]


def _group(a: FloatTransposeConv2d, weights: np.ndarray, x: np.ndarray, size: Pair) -> np.ndarray:
    """Sums ``[out, height, width]`` of one group."""
    depth, out, *kernel = weights.shape
    rows, columns = weights.reshape(depth, -1).T, x.reshape(depth, -1)
    products = sgemm(rows, columns, transposed_a=True).reshape(out, *kernel, *x.shape[1:])
    ends = [(n - 1) * s + 1 for n, s in zip(x.shape[1:], a.stride, strict=True)]
    reach = [
        max(end - 1 + extent(k, d), p + n)
        for end, k, d, p, n in zip(ends, kernel, a.dilation, a.padding, size, strict=True)
    ]
    total = np.zeros((out, *reach), np.float32)
    for row, column in np.ndindex(*kernel):
        above, beside = row * a.dilation[0], column * a.dilation[1]
        target = total[:, above : above + ends[0] : a.stride[0]]
        target[:, :, beside : beside + ends[1] : a.stride[1]] += products[:, row, column]
    above, beside = a.padding
    return total[:, above : above + size[0], beside : beside + size[1]]


OPERATOR = HostOnly(
    attributes=FloatTransposeConv2d, check=check, reference=reference, in_order=True
)
