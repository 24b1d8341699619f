"""Removes taps of convolutions that are over padding at every position: their products are 0.

Kernels have such taps where dilation or padding is larger than the image. The kernel that remains
spans little more than twice the image, so that a small file cannot make us allocate huge arrays.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..ir.graph import Graph, Node, Tensor

_WINDOWED = ("conv2d", "depthwise_conv2d")  # weights [..., height, width, ...], images alike


@dataclass(frozen=True)
class _Cut:
    """What remains of a kernel along one axis: taps ``first`` to ``last``, or a single tap of 0."""

    first: int
    last: int
    dilation: int
    padding: tuple[int, int]
    zeros: tuple[int, int] = (0, 0)  # taps of 0 added before and after, where padding cannot

    def weights(self, data: np.ndarray, axis: int) -> np.ndarray:
        taps = np.moveaxis(data, axis, 0)
        kept = taps[self.first : self.last] if self.first < self.last else 0 * taps[:1]
        if self.zeros != (0, 0):
            dilated = np.zeros(((len(kept) - 1) * self.dilation + 1, *kept.shape[1:]), data.dtype)
            dilated[:: self.dilation] = kept
            kept = np.pad(dilated, (self.zeros, *((0, 0) for _ in kept.shape[1:])))
        return np.moveaxis(kept, 0, axis)


def crop_taps(graph: Graph) -> Graph:
    """Crop the kernels of convolutions to the taps that meet the image."""
    nodes, tensors = [], dict(graph.tensors)
    for node in graph:
        cuts = _cuts(node, graph) if node.operator in _WINDOWED else None
        if cuts:
            weights = _cropped(graph.tensor(node.inputs[1]), cuts, f"{node.name}_taps", tensors)
            tensors[weights.name] = weights
            node = replace(
                node,
                inputs=(node.inputs[0], weights.name, *node.inputs[2:]),
                attributes=replace(
                    node.attributes,
                    padding=tuple(cut.padding for cut in cuts),
                    dilation=tuple(1 if cut.zeros != (0, 0) else cut.dilation for cut in cuts),
                ),
            )
        nodes.append(node)
    return graph.replace(nodes=tuple(nodes), tensors=tensors)


def _cuts(node: Node, graph: Graph) -> tuple[_Cut, ...] | None:
    """What remains of a kernel along both axes; None where nothing is removed."""
    source, weights, output = (
        graph.tensor(name).shape for name in (*node.inputs[:2], node.outputs[0])
    )
    a = node.attributes
    cuts = tuple(
        _cut(source[i], weights[i], a.stride[i - 1], a.dilation[i - 1], a.padding[i - 1], output[i])
        for i in (1, 2)
    )
    whole = all((cut.first, cut.last) == (0, weights[i]) for i, cut in enumerate(cuts, 1))
    # Weights with a zero point have no code of 0 in all channels; they stay as they are.
    q = graph.tensor(node.inputs[1]).quantization
    return None if whole or (q is not None and any(q.zero_point)) else cuts


def _cut(
    size: int, kernel: int, stride: int, dilation: int, padding: tuple[int, int], outputs: int
) -> _Cut:
    last_begin = (outputs - 1) * stride  # distance of the last window from the first one
    first = max(0, -(-(padding[0] - last_begin) // dilation))
    last = min(kernel, (size + padding[0] - 1) // dilation + 1)
    if (first, last) == (0, kernel):
        return _Cut(0, kernel, dilation, padding)
    reach = max(0, last - first - 1) * dilation + 1
    before = padding[0] - first * dilation if first < last else 0
    # Padding must not be negative and must be less than the kernel spans; taps of 0 are added else.
    lead = max(0, -before, last_begin - before - size + 1)
    trail = max(0, before - reach + 1)
    before, reach = before + lead, reach + lead + trail
    after = last_begin + reach - size - before
    if after < 0 and (size + before - reach) // stride + 1 != outputs:
        trail -= after
    dilation = dilation if last - first > 1 else 1
    return _Cut(first, last, dilation, (before, max(0, after)), (lead, trail))


def _cropped(
    weights: Tensor, cuts: tuple[_Cut, ...], name: str, taken: dict[str, Tensor]
) -> Tensor:
    data = weights.values
    for axis, cut in enumerate(cuts, 1):
        data = cut.weights(data, axis)
    while name in taken:
        name += "_"
    data = np.ascontiguousarray(data)
    data.flags.writeable = False
    return replace(weights, name=name, shape=data.shape, data=data)
