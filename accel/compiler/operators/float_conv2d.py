"""Convolution of float32 numbers, which the driver adds up in the runtime's own order.

The rounding of each addition decides codes near exact halves. Weights are float32
``[out, in / groups, kernel_h, kernel_w]``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...numeric.runtimes.sgemm import convolved, sgemm
from ..ir.graph import Graph, Node
from ._kinds import HostOnly
from ._operator import check_activation, check_arity, input_tensor, output_tensor, require
from ._window import Pair, check_window, windows


@dataclass(frozen=True, kw_only=True)
class FloatConv2d:
    """Pairs are (height, width); ``shortcuts`` says that the file has strides of 1 and no
    padding."""

    stride: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)
    groups: int = 1
    shortcuts: bool = False


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=2)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    for tensor in (source, output):
        check_activation(node, tensor, ("float32",), rank=4)
    out, depth, *kernel = input_tensor(node, graph, 1).shape
    groups = node.attributes.groups
    fits = source.shape[3] == depth * groups and output.shape[3] == out and out % groups == 0
    require(fits, node, "must have weights that fit its channels and groups")
    taps = (kernel[0], kernel[1])
    check_window(node, node.attributes, taps, source.shape, output.shape)


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """``MlasConv`` of ONNX Runtime."""
    a, weights = node.attributes, input_tensor(node, graph, 1).values
    shape = output_tensor(node, graph).shape
    found = np.empty((len(inputs[0]), *shape[1:]), np.float32)
    for image, result in zip(inputs[0], found, strict=True):
        patches = windows(image[np.newaxis], weights.shape[2:], a)[0].transpose(4, 2, 3, 0, 1)
        sums = [
            _group(a, rows, part, image.shape[1])
            for rows, part in zip(
                np.split(weights, a.groups), np.split(patches, a.groups), strict=True
            )
        ]
        result[:] = np.concatenate(sums).reshape(shape[3], *shape[1:3]).transpose(1, 2, 0)
    return [found]


def _group(a: FloatConv2d, weights: np.ndarray, patches: np.ndarray, width: int) -> np.ndarray:
    """Sums ``[out, positions]`` of one group; MLAS has shorter ways for some windows."""
    out, depth, *kernel = weights.shape
    rows, columns = weights.reshape(out, -1), patches.reshape(depth * kernel[0] * kernel[1], -1)
    if a.shortcuts:
        if kernel == [1, 1]:
            return sgemm(rows, columns)
        if depth == 1 and a.dilation == (1, 1):
            if kernel[1] == width:
                return sgemm(rows, columns, transposed_b=True)
            if kernel[1] == 1 and patches.shape[3] == 1:
                return sgemm(rows, columns)
    return convolved(rows, columns)


OPERATOR = HostOnly(attributes=FloatConv2d, check=check, reference=reference, in_order=True)
