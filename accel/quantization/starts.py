"""Scalings at a float network's input, ``x / 255`` or ``(x - mean) / std``, as its first layer.

Products, quotients, sums and differences with constants are one factor and one offset of each
channel. They go into the weights of the layer that follows where that computes the same: a factor
always, an offset where nothing is padded. Elsewhere they become a layer of their own.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

_ARITHMETIC = ("Mul", "Div", "Add", "Sub")


@dataclass(frozen=True, kw_only=True, eq=False)
class Scaling:
    """``factor * x + offset``, float64, each one number or one for each channel.

    ``tensor`` is the result's name, ``nodes`` are those that compute it.
    """

    factor: np.ndarray
    offset: np.ndarray
    tensor: str
    nodes: tuple[Any, ...]


def scaling_of(proto: Any, constants: dict[str, np.ndarray], rank: int) -> Scaling | None:
    """The arithmetic with constants that stands at the network's input, if there is any."""
    graph = proto.graph
    tensor, nodes = graph.input[0].name, []
    factor, offset = np.ones(1), np.zeros(1)
    ends = {port.name for port in graph.output}
    while tensor not in ends:
        readers = [node for node in graph.node if tensor in node.input]
        if len(readers) != 1 or readers[0].op_type not in _ARITHMETIC:
            break
        (node,) = readers
        step = _step(node, tensor, constants, rank)
        if step is None:
            break
        factor, offset = factor * step[0], offset * step[0] + step[1]
        tensor = node.output[0]
        nodes.append(node)
    return (
        Scaling(factor=factor, offset=offset, tensor=tensor, nodes=tuple(nodes)) if nodes else None
    )


def _step(
    node: Any, tensor: str, constants: dict[str, np.ndarray], rank: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Factor and offset of one operator; None where its constant is not one for each channel."""
    first = node.input[0] == tensor
    other = constants.get(node.input[1 if first else 0])
    if other is None or other.ndim > rank or not np.isfinite(other).all():
        return None
    shape = (1,) * (rank - other.ndim) + other.shape
    if any(size > 1 for axis, size in enumerate(shape) if axis != 1):
        return None
    value = other.reshape(-1).astype(np.float64)
    if node.op_type == "Mul":
        return value, np.zeros(1)
    if node.op_type == "Add":
        return np.ones(1), value
    if node.op_type == "Sub":
        return (np.ones(1), -value) if first else (-np.ones(1), value)
    return (1 / value, np.zeros(1)) if first and value.all() else None


def into_weights(
    scaling: Scaling, node: Any, weights: np.ndarray, padded: bool, transposed: bool, group: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """The weights and what is added to the bias of a layer that reads the scaling's result.

    Weights are float32 ``[out, in / group, ...]`` of Conv, ``[out, in]`` of Gemm with ``transB``
    if ``transposed``, else ``[in, out]``. None where the layer cannot compute the same.
    """
    if padded and scaling.offset.any():
        return None
    wide = weights.astype(np.float64)
    if node.op_type == "Conv":
        each = wide.shape[1]
        channels = group * each
        factor, offset = (_spread(v, channels) for v in (scaling.factor, scaling.offset))
        of_group = np.repeat(np.arange(group), len(wide) // group)
        index = of_group[:, None] * each + np.arange(each)
        axes = (len(wide), each, *[1] * (wide.ndim - 2))
        added = (wide * offset[index].reshape(axes)).reshape(len(wide), -1).sum(axis=1)
        return (wide * factor[index].reshape(axes)).astype(np.float32), added
    rows = wide if transposed else wide.T
    if wide.ndim != 2 or max(scaling.factor.size, scaling.offset.size) not in (1, rows.shape[1]):
        return None
    factor, offset = (_spread(v, rows.shape[1]) for v in (scaling.factor, scaling.offset))
    made = rows * factor
    return (made if transposed else made.T).astype(np.float32), rows @ offset


def _spread(values: np.ndarray, channels: int) -> np.ndarray:
    return np.broadcast_to(values, (channels,))
