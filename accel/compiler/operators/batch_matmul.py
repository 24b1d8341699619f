"""Products of matrices of which no factor need be constant: the last two dimensions of each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...numeric.rounding import CONTRACTS
from ..ir.graph import Graph, Node, Tensor
from ._kinds import HostOnly
from ._operator import (
    affine,
    check_activation,
    check_arity,
    check_operand,
    input_tensor,
    output_tensor,
    require,
    support,
)

MAX_DEPTH = 2**15 - 1  # products of 9 bits by 9 bits whose sum is sure to stay within 32 bits


@dataclass(frozen=True, kw_only=True)
class BatchMatmul:
    """Whether the matrices of the first and of the second operand are transposed first.

    An operand of two dimensions in the file of which the first is 1 is one row, and has no
    dimension for it here. Dimensions before the last two broadcast.
    """

    transpose_first: bool = False
    transpose_second: bool = False


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=2)
    tensors = input_tensor(node, graph), input_tensor(node, graph, 1)
    for tensor in tensors:
        check_operand(node, tensor)
    support(not all(t.constant for t in tensors), node, "multiplies two constants", "", "fold it")
    output = output_tensor(node, graph)
    check_activation(node, output)
    first, second = (_matrices(np.zeros((1, *_own(t))), t, one) for t, one in _pairs(node, tensors))
    fits = first.shape[-1] == second.shape[-2]
    shapes = f"{tensors[0].shape} and {tensors[1].shape}"
    require(fits, node, f"multiplies matrices of {shapes}, which do not fit")
    depth = first.shape[-1]
    support(depth <= MAX_DEPTH, node, f"adds {depth:,} products, more than {MAX_DEPTH:,}")
    try:
        made = np.broadcast_shapes(first.shape[:-2], second.shape[:-2])
    except ValueError:
        made = ()
    whole = (*made, first.shape[-2], second.shape[-1]) if made else (0,)
    what = f"makes {output.shape} of {shapes}, which is another number of elements"
    require(int(np.prod(whole)) == output.size, node, what)
    scales = (affine(tensor).scale for tensor in (*tensors, output))
    try:
        CONTRACTS[graph.contract].multiplier(*scales)
    except ValueError as error:
        support(False, node, str(error))


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """``reference_ops::BatchMatMul`` of TFLite Micro; ONNX Runtime's ``QLinearMatMul``.

    Sums are exact in float64: products have 17 bits, and there are fewer than 2**15.
    """
    tensors = input_tensor(node, graph), input_tensor(node, graph, 1)
    output, contract = output_tensor(node, graph), CONTRACTS[graph.contract]
    first, second = (
        _matrices(codes.astype(np.float64) - affine(tensor).zero_point, tensor, transposed)
        for codes, (tensor, transposed) in zip(inputs, _pairs(node, tensors), strict=True)
    )
    sums = (first @ second).astype(np.int64)
    scales = (affine(tensor).scale for tensor in (*tensors, output))
    multiplier, shift = map(np.int64, contract.multiplier(*scales))
    codes = contract.rescale(sums, multiplier, shift) + affine(output).zero_point
    shape = (len(sums), *output.shape[1:])
    return [np.clip(codes, -128, 127).astype(np.int8).reshape(shape)]


def _pairs(node: Node, tensors: tuple[Tensor, Tensor]) -> tuple[tuple[Tensor, bool], ...]:
    a: BatchMatmul = node.attributes
    return (tensors[0], a.transpose_first), (tensors[1], a.transpose_second)


def _own(tensor: Tensor) -> tuple[int, ...]:
    """The shape of one sample; all of a constant, but for leading dimensions of 1."""
    shape = tensor.shape if tensor.constant else tensor.shape[1:]
    while tensor.constant and len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    return shape


def _matrices(values: np.ndarray, tensor: Tensor, transposed: bool) -> np.ndarray:
    """An operand as ``[samples, 1, ..., rows, columns]`` of six dimensions."""
    own = _own(tensor)
    samples = 1 if tensor.constant else len(values)
    own = (1,) * (2 - len(own)) + own
    values = values.reshape(samples, *(1,) * (5 - len(own)), *own)
    return np.swapaxes(values, -1, -2) if transposed else values


OPERATOR = HostOnly(attributes=BatchMatmul, check=check, reference=reference)
