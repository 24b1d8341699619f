"""Checks of operators with states of their own: a node reads each state, and leaves another tensor
of its shape, which the next inference reads."""

import numpy as np

from ...numeric.affine import Affine
from ..ir.graph import Node, Tensor
from ._operator import affine, check_activation, check_operand, require, support

INT32_MAX = 2**31 - 1


def check_weights(
    node: Node, tensor: Tensor, what: str, shape: tuple[int, ...], dtype: str
) -> None:
    """Require constant weights of a shape, with one scale and a zero point of 0."""
    name = f"{what} {tensor.name!r}"
    remedy = "convert it with weights that are constants"
    support(tensor.constant, node, f"{name} are computed", "", remedy)
    remedy = "convert it with full integer quantization"
    support(tensor.dtype == dtype, node, f"{name} are {tensor.dtype}, not {dtype}", "", remedy)
    require(tensor.shape == shape, node, f"{name} have shape {tensor.shape}, not {shape}")
    check_operand(node, tensor, (dtype,))
    zero = affine(tensor).zero_point
    support(zero == 0, node, f"{name} have zero point {zero}, not 0", "", "quantize them around 0")


def check_bias(node: Node, tensor: Tensor, size: int) -> None:
    fits = tensor.constant and tensor.dtype == "int32" and tensor.shape == (size,)
    what = f"bias {tensor.name!r} is no constant of int32 of shape ({size},)"
    remedy = "convert it with full integer quantization"
    support(fits, node, what, f"it is {tensor.dtype} {tensor.shape}", remedy)


def check_state(
    node: Node, read: Tensor, left: Tensor, what: str, size: int, dtypes: tuple[str, ...]
) -> None:
    """Require a state of so many codes, which is left as it is read."""
    check_activation(node, read, dtypes)
    alike = (read.shape, read.dtype) == (left.shape, left.dtype)
    require(alike, node, f"{what} {read.name!r} is not left as it is read")
    require(read.size == size, node, f"{what} {read.name!r} has {read.size} elements, not {size}")


def check_sums(
    node: Node, what: str, weights: np.ndarray, bias: np.ndarray, q: Affine, shift: int
) -> None:
    """Refuse sums of products with codes that leave 32 bits when they are shifted."""
    most = max(127 - q.zero_point, q.zero_point + 128)
    sums = np.abs(weights.astype(np.int64)).sum(axis=1) * most + np.abs(bias.astype(np.int64))
    bound = int(sums.max()) << max(shift, 0)
    why = f"they reach {bound:,}" if bound > INT32_MAX else ""
    remedy = "quantize its weights with a smaller scale"
    support(bound <= INT32_MAX, node, f"{what} leave 32 bits when they are scaled", why, remedy)
