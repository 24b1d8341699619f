"""Average pooling: the mean of the codes under a window."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from ...numeric.rounding import CONTRACTS, INT32_MAX, float_mean
from ...numeric.rules.floating import FloatMean, RealMean
from ...numeric.rules.rules import Mean, Rule
from ..ir.graph import Graph, Node
from ..ir.layer import Convolution, Region, dilated
from ..ir.tensor_layout import TensorLayout, layout_of
from ._activation import code_bounds
from ._kinds import Linear
from ._operator import (
    affine,
    input_tensor,
    output_tensor,
    quantization,
    require,
    support,
    support_layers,
)
from ._pool import Pool2d, check_pool, check_pooled_codes
from ._window import Pair, windows

MOST_CODES = 256  # a code and a zero point differ by less


@dataclass(frozen=True, kw_only=True)
class AveragePool2d(Pool2d):
    """A window; ``count_include_pad`` counts padding as zeros. ``computed`` is as in `_binary`.

    ``beyond`` is how much of the padding below and to the right only the last window reaches, where
    it is larger than the file's (``ceil_mode``). In float32 the runtime does not count that.
    """

    count_include_pad: bool = False
    beyond: Pair = (0, 0)
    computed: str = "codes"


def check(node: Node, graph: Graph) -> None:
    check_pool(node, graph)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    if not CONTRACTS[graph.contract].floating:
        check_pooled_codes(node, graph)
        require(not node.attributes.count_include_pad, node, "padding cannot be counted")
        return
    first, result = affine(source).scale, affine(output).scale
    try:
        float_mean(first, result, 1)
    except ValueError as error:
        support(False, node, str(error), "", "quantize the model anew")
    sums = MOST_CODES * float(_counts(node, graph).max()) * first
    what = f"sums of numbers of scale {first!r} overflow float32"
    support(sums < float(np.finfo(np.float32).max), node, what, "", "quantize the model anew")
    if node.attributes.computed != "float32":
        # The kernel converts to int32 before it saturates: a large number becomes a small one.
        fits = MOST_CODES * (first / result + 1) < INT32_MAX
        what = (
            f"scale {first!r} is so large for an output of {result!r} that codes overflow 32 bits"
        )
        support(fits, node, what, "", "quantize the model anew")


def _taps(node: Node, graph: Graph, paddings: bool) -> np.ndarray:
    """Taps of each window over pixels, or also over the file's padding, ``[out_h, out_w]``."""
    a, (_, height, width, _) = node.attributes, input_tensor(node, graph).shape
    per_axis = []
    for axis, size in enumerate((height, width)):
        outputs = output_tensor(node, graph).shape[1 + axis]
        before, after = a.padding[axis]
        start = np.arange(outputs)[:, np.newaxis] * a.stride[axis] - before
        taps = start + np.arange(a.size[axis]) * a.dilation[axis]
        end = size + (after - a.beyond[axis] if paddings else 0)
        per_axis.append(((taps >= (-before if paddings else 0)) & (taps < end)).sum(axis=1))
    return np.outer(*per_axis)


def _counts(node: Node, graph: Graph) -> np.ndarray:
    """Pixels under each window, ``[out_h, out_w]``."""
    return _taps(node, graph, paddings=False)


def elements(node: Node, graph: Graph) -> tuple[np.ndarray, np.ndarray]:
    """Pixels under each window, and of how many elements its mean is, ``[out_h, out_w]``."""
    a, pixels = node.attributes, _counts(node, graph)
    if not a.count_include_pad:
        return pixels, np.maximum(pixels, 1)
    if a.computed == "float32":
        return pixels, np.maximum(_taps(node, graph, paddings=True), 1)
    return pixels, np.full_like(pixels, a.size[0] * a.size[1])


def _rule(node: Node, graph: Graph, pixels: int, count: int) -> Rule:
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    low, high = code_bounds(node.attributes.activation, output, graph.contract)
    channels = output.shape[3]
    if not CONTRACTS[graph.contract].floating:
        offset = quantization(output).offset
        return Mean(int(pixels), low, high, channels=channels, offset=offset)
    first, result = affine(source), affine(output)
    if node.attributes.computed == "float32":
        return RealMean(first, result, int(pixels), int(count), low, high, channels)
    if node.attributes.computed == "uint8":
        result = replace(result, offset=128)
    return FloatMean(first, result, int(pixels), int(count), low, high, channels)


def output_rule(node: Node, graph: Graph) -> Rule:
    """The rule of all windows; raises ``UnsupportedOperator`` where padding makes them differ."""
    pixels, counts = elements(node, graph)
    what = "windows at the border average fewer pixels than others"
    alike = len(np.unique(pixels)) == len(np.unique(counts)) == 1
    support(alike, node, what, "", "use VALID padding")
    return _rule(node, graph, pixels[0, 0], counts[0, 0])


def sum_bounds(node: Node, graph: Graph) -> tuple[np.ndarray, np.ndarray]:
    largest = np.full(output_tensor(node, graph).shape[3], _counts(node, graph).max(), np.int64)
    return largest * -128, largest * 127


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    codes = inputs[0].astype(np.int64)
    sums = windows(codes, node.attributes.size, node.attributes).sum(axis=(3, 4))
    pixels, counts = elements(node, graph)
    result = np.empty(sums.shape, np.int8)
    for kind in sorted(set(zip(pixels.flat, counts.flat, strict=True))):
        where = (pixels == kind[0]) & (counts == kind[1])
        result[:, where] = _rule(node, graph, *kind).compute(sums[:, where])
    return [result]


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    """A sum of all taps: one layer for each region whose windows have equally many pixels."""
    window, (pixels, counts) = node.attributes, elements(node, graph)
    output = layout_of(output_tensor(node, graph))
    convolutions: list[Convolution] = []
    regions = _uniform_regions(pixels * (counts.max() + 1) + counts)
    support_layers(node, len(regions))
    weights = np.ones((*window.size, layout.channels), np.int64)
    weights = dilated(weights, window.dilation, (0, 1))
    for region in regions:
        convolutions.append(
            Convolution(
                name=node.name if not convolutions else f"{node.name}_{len(convolutions)}",
                node=node.name,
                source=node.inputs[0],
                output=node.outputs[0],
                input_shape=layout.shape,
                output_shape=output.shape,
                weights=weights,
                bias=np.zeros(layout.channels, np.int64),
                rule=_rule(node, graph, *(a[region.top, region.left] for a in (pixels, counts))),
                pad=0,
                stride=window.stride,
                padding=(window.padding[0][0], window.padding[1][0]),
                region=region,
                uniform=True,
            )
        )
    return convolutions


def _uniform_regions(counts: np.ndarray) -> list[Region]:
    """Rectangles of equal counts, which follow from row and column: runs of equal ones of each."""

    def runs(differs: np.ndarray) -> list[tuple[int, int]]:
        edges = [0, *(np.flatnonzero(differs) + 1), len(differs) + 1]
        return [(int(a), int(b - a)) for a, b in pairwise(edges)]

    rows = runs((counts[1:] != counts[:-1]).any(axis=1))
    columns = runs((counts[:, 1:] != counts[:, :-1]).any(axis=0))
    return [Region(top, left, h, w) for top, h in rows for left, w in columns]


OPERATOR = Linear(
    attributes=AveragePool2d,
    check=check,
    reference=reference,
    output_rule=output_rule,
    sum_bounds=sum_bounds,
    lower=lower,
)
