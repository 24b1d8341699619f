"""Products of matrices of which no factor need be constant: the last two dimensions of each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...config import AcceleratorConfig
from ...numeric.rounding import CONTRACTS
from ...numeric.rules.rules import Rescale
from ..ir.graph import Graph, Node, Tensor
from ..ir.layer import Convolution
from ._kinds import Product
from ._matmul_layers import Factor, product_layers
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

_IN_DRIVER = "the driver can"
MAX_DEPTH = 2**15 - 1  # products of 9 bits by 9 bits whose sum is sure to stay within 32 bits


@dataclass(frozen=True, kw_only=True)
class BatchMatmul:
    """Whether the matrices of the first and of the second operand are transposed first.

    An operand of two dimensions in the file of which the first is 1 is one row, and has no
    dimension for it here. Dimensions before the last two broadcast. ``on_core`` says that the core
    computes it; a pass decides that.
    """

    transpose_first: bool = False
    transpose_second: bool = False
    on_core: bool = False


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


def lower(node: Node, graph: Graph, config: AcceleratorConfig) -> list[Convolution]:
    """Layers whose weights are the second factor's codes, see `_matmul_layers`."""
    output = output_tensor(node, graph)
    factors = []
    for index, (tensor, transposed) in enumerate(
        _pairs(node, (input_tensor(node, graph), input_tensor(node, graph, 1)))
    ):
        support(not tensor.constant, node, "multiplies by a constant", "", _IN_DRIVER)
        own = _own(tensor)
        support(len(own) >= 2, node, "multiplies by a vector", "", _IN_DRIVER)
        factors.append(
            Factor(
                name=node.inputs[index],
                before=own[:-2],
                rows=own[-2],
                columns=own[-1],
                zero_point=affine(tensor).zero_point,
                transposed=transposed,
            )
        )
    first, second = factors
    same = output.shape[-1] == second.width
    support(same, node, "makes a tensor of other channels", "", _IN_DRIVER)
    one, other = (affine(input_tensor(node, graph, i)).scale for i in (0, 1))
    constants = CONTRACTS[graph.contract].multiplier(one, other, affine(output).scale)
    multiplier, shift = (np.full(second.width, value, np.int64) for value in constants)
    zero_point = affine(output).zero_point
    rule = Rescale(graph.contract, multiplier, shift, zero_point, -128, 127)
    return product_layers(node, first, second, rule, config)


OPERATOR = Product(attributes=BatchMatmul, check=check, reference=reference, lower=lower)
