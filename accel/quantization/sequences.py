"""Dense layers on sequences, ``[N, ..., in]``, as convolutions of kernels of size 1.

The runtime's optimizer makes of a MatMul and an Add a Gemm between two Reshapes, which would take
the steps of a sequence for samples of a batch.
"""

from typing import Any

import numpy as np

RANKS = (3, 4)  # that a convolution can have


def shapes_of(proto: Any) -> dict[str, tuple[int, ...]]:
    """The shapes of tensors, as far as they are known and fixed."""
    ports = (*proto.graph.value_info, *proto.graph.input, *proto.graph.output)
    found = {}
    for port in ports:
        shape = tuple(dim.dim_value for dim in port.type.tensor_type.shape.dim)
        if shape and all(size > 0 for size in shape):
            found[port.name] = shape
    return found


def dense_layers(proto: Any) -> list[tuple[Any, Any, Any, tuple[int, ...]]]:
    """Each Reshape, Gemm and Reshape that are a dense layer, and the shape of its input."""
    graph, shapes, found = proto.graph, shapes_of(proto), []
    ends = {port.name for port in graph.output}
    makers = {name: node for node in graph.node for name in node.output}
    for gemm in [node for node in graph.node if node.op_type == "Gemm"]:
        before = makers.get(gemm.input[0])
        after = [node for node in graph.node if gemm.output[0] in node.input]
        if before is None or before.op_type != "Reshape" or gemm.output[0] in ends:
            continue
        if len(after) != 1 or after[0].op_type != "Reshape":
            continue
        shape, made = (shapes.get(n) for n in (before.input[0], after[0].output[0]))
        flat, rows = (shapes.get(n) for n in (gemm.input[0], gemm.output[0]))
        if shape is None or made is None or flat is None or rows is None or shape[0] != 1:
            continue
        if len(shape) in RANKS and shape[-1] == flat[-1] and made == (*shape[:-1], rows[-1]):
            found.append((before, gemm, after[0], shape))
    return found


def orders(rank: int) -> tuple[list[int], list[int]]:
    """The orders of dimensions that bring the last one to the channels' place, and back."""
    return [0, rank - 1, *range(1, rank - 1)], [0, *range(2, rank), 1]


def kernel(weights: np.ndarray, transposed: bool, rank: int) -> np.ndarray:
    """The weights of a Gemm as those of a convolution, ``[out, in, 1, ...]``."""
    rows = weights if transposed else weights.T
    return np.ascontiguousarray(rows).reshape(*rows.shape, *(1,) * (rank - 2))
