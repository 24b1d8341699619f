"""The checks that operators share, and their access to tensors; their kinds are in `_kinds`."""

import math

import numpy as np

from ...errors import UserError
from ...numeric.affine import Affine
from ...numeric.rounding import CONTRACTS
from ..diagnostics import Reason
from ..ir.graph import Graph, InvalidGraph, Node, Quantization, Tensor

INDICES = ("int32", "int64")
NUMBERS = ("float32", *INDICES)  # types whose values are not codes


class UnsupportedOperator(UserError):
    """A valid operator in a form that we do not support; ``args[0]`` is the ``Reason``."""


def place_of(node: Node) -> str:
    """Name a node as messages do: its number in the user's file, and the operator as spelled there.

    A conversion of an input or output goes by that, a node of no file by its own name.
    """
    kind = node.source or node.operator
    if node.number is not None:
        return f"operator {node.number} ({kind})"
    if kind in ("input", "output"):
        return f"{kind} {(node.inputs if kind == 'input' else node.outputs)[0]!r}"
    return f"{node.name} ({kind})"


def require(condition: bool, node: Node, what: str, why: str = "", remedy: str = "") -> None:
    """Raise ``InvalidGraph`` unless ``condition``."""
    if not condition:
        raise InvalidGraph(Reason(place=place_of(node), what=what, why=why, remedy=remedy))


def support(condition: bool, node: Node, what: str, why: str = "", remedy: str = "") -> None:
    """Raise ``UnsupportedOperator`` unless ``condition``."""
    if not condition:
        raise UnsupportedOperator(Reason(place=place_of(node), what=what, why=why, remedy=remedy))


MAX_LAYERS = 2**12  # for one node; each layer is many words of program
MAX_SELECTED = 2**23  # weights of a layer that picks some of the input's channels


def support_layers(node: Node, count: int) -> None:
    """Refuse a node that takes more layers than a program can hold, before they are made."""
    what = f"takes {count:,} layers of the core, more than {MAX_LAYERS:,}"
    support(count <= MAX_LAYERS, node, what, "", "make its shape or its window smaller")


def selecting(node: Node, *shape: int) -> np.ndarray:
    """Weights of 0, int64 ``shape``, for a layer that will pick channels by weights of 1."""
    what = f"picks channels by {math.prod(shape):,} weights, more than {MAX_SELECTED:,}"
    support(math.prod(shape) <= MAX_SELECTED, node, what, "", "use fewer channels")
    return np.zeros(shape, np.int64)


def check_arity(node: Node, inputs: int, optional: int = 0) -> None:
    """Require ``inputs`` inputs, of which the last ``optional`` may be absent, and one output."""
    given, least = len(node.inputs), inputs - optional
    wanted = f"{least} to {inputs}" if optional else f"{inputs}"
    require(least <= given <= inputs, node, f"must have {wanted} inputs, not {given}")
    require(len(node.outputs) == 1, node, f"must have 1 output, not {len(node.outputs)}")


def check_activation(
    node: Node,
    tensor: Tensor,
    dtypes: tuple[str, ...] = ("int8",),
    rank: int | None = None,
    quantized: bool = True,
) -> None:
    """Require a variable tensor of one of ``dtypes``, with one scale if it holds codes.

    Operators that only move codes pass ``quantized=False``: the scale may be missing.
    """
    check_variable(node, tensor)
    check_operand(node, tensor, dtypes, quantized)
    if rank is not None:
        check_rank(node, tensor, rank)


def check_variable(node: Node, tensor: Tensor) -> None:
    support(not tensor.constant, node, f"tensor {tensor.name!r} is constant", "", "fold it")


def check_rank(node: Node, tensor: Tensor, rank: int) -> None:
    dims = len(tensor.shape)
    support(dims == rank, node, f"tensor {tensor.name!r} has {dims} dimensions, not {rank}")


def check_operand(
    node: Node, tensor: Tensor, dtypes: tuple[str, ...] = ("int8",), quantized: bool = True
) -> None:
    """As `check_activation`, but the tensor may be constant."""
    wanted = " or ".join(dtype for dtype in dtypes if dtype not in INDICES)
    remedy = f"convert the model with full integer quantization ({wanted} here)"
    support(tensor.dtype in dtypes, node, f"tensor {tensor.name!r} is {tensor.dtype}", "", remedy)
    q = tensor.quantization
    if tensor.dtype not in NUMBERS and (quantized or q is not None):
        whole = q is not None and not q.per_channel
        what = f"tensor {tensor.name!r} does not have one scale and one zero point"
        require(whole, node, what, remedy="convert the model with full integer quantization")


def check_same_quantization(node: Node, a: Tensor, b: Tensor) -> None:
    same = quantization_of(a) == quantization_of(b) and a.dtype == b.dtype
    remedy = "quantize both alike"
    what = f"tensors {a.name!r} and {b.name!r} must have the same quantization"
    require(same, node, what, remedy=remedy)


def check_moved_codes(node: Node, graph: Graph, a: Tensor, b: Tensor) -> None:
    """Require two tensors of one type between which codes are copied unchanged.

    TFLite Micro copies them whatever the quantizations are; elsewhere these must be equal.
    """
    if CONTRACTS[graph.contract].floating:
        check_same_quantization(node, a, b)
    what = f"tensors {a.name!r} and {b.name!r} must have the same type"
    require(a.dtype == b.dtype, node, what)


def quantization_of(tensor: Tensor) -> tuple[float, int] | None:
    """Scale and zero point of a tensor that has one of each, or none."""
    q = tensor.quantization
    return None if q is None else (q.scale[0], q.zero_point[0])


def code_range(dtype: str) -> tuple[int, int]:
    """The least and the greatest code of an 8-bit activation."""
    return {"int8": (-128, 127), "uint8": (0, 255)}[dtype]


def input_tensor(node: Node, graph: Graph, index: int = 0) -> Tensor:
    return graph.tensor(node.inputs[index])


def output_tensor(node: Node, graph: Graph) -> Tensor:
    return graph.tensor(node.outputs[0])


def affine(tensor: Tensor) -> Affine:
    """Scale and zero point of a tensor that ``check`` has found to have one of each."""
    q = quantization(tensor)
    return Affine(q.scale[0], q.zero_point[0], q.offset)


def quantization(tensor: Tensor) -> Quantization:
    """The quantization of a tensor that ``check`` has found to have one."""
    assert tensor.quantization is not None
    return tensor.quantization
