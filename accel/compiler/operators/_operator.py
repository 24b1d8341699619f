"""What an operator's file defines, and the checks that operators share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import UserError
from ...numeric.rules import Rule
from ..convolution import Convolution
from ..ir import Graph, InvalidGraph, Node, Quantization, Tensor
from ..reasons import Reason
from ..storage import Stored


class UnsupportedOperator(UserError):
    """A valid operator in a form that we do not support; ``args[0]`` is the ``Reason``."""


@dataclass(frozen=True, kw_only=True)
class Operator:
    """The meaning of one operator.

    ``attributes`` is the record that its nodes carry. ``check(node, graph)`` raises
    ``InvalidGraph`` or ``UnsupportedOperator``; it may rely on what ``verify`` says of all tensors.
    ``reference(node, graph, inputs)`` maps arrays to arrays: activations are ``[N, ...]`` batches,
    constants have their own shape, an absent input is ``None``.

    Operators whose outputs are a step function of an integer sum have two more.
    ``output_rule(node, graph)`` is that function; the sum is
    ``sum(w * (x - input zero point)) + bias``, or for pooling the plain sum of the codes.
    ``sum_bounds(node, graph)`` returns the least and the greatest sum that any input can reach,
    int64 ``[channels]`` each.

    ``lower(node, graph, storage)`` gives the convolutions that compute the node on the core from an
    input that is stored as ``storage``, where the core can. ``host`` says that the driver can
    compute it at the network's ends, and ``view`` that it only gives the input another shape.
    """

    attributes: type
    check: Callable[[Node, Graph], None]
    reference: Callable[[Node, Graph, Sequence[np.ndarray | None]], list[np.ndarray]]
    output_rule: Callable[[Node, Graph], Rule] | None = None
    sum_bounds: Callable[[Node, Graph], tuple[np.ndarray, np.ndarray]] | None = None
    lower: Callable[[Node, Graph, Stored], list[Convolution]] | None = None
    host: bool = False
    view: bool = False


def place_of(node: Node) -> str:
    """Name a node as messages do: its name, and the operator as the user's file spells it."""
    return f"{node.name} ({node.source or node.operator})"


def require(condition: bool, node: Node, what: str, why: str = "", remedy: str = "") -> None:
    """Raise ``InvalidGraph`` unless ``condition``."""
    if not condition:
        raise InvalidGraph(Reason(place=place_of(node), what=what, why=why, remedy=remedy))


def support(condition: bool, node: Node, what: str, why: str = "", remedy: str = "") -> None:
    """Raise ``UnsupportedOperator`` unless ``condition``."""
    if not condition:
        raise UnsupportedOperator(Reason(place=place_of(node), what=what, why=why, remedy=remedy))


def check_arity(node: Node, inputs: int, optional: int = 0) -> None:
    """Require ``inputs`` inputs, of which the last ``optional`` may be None, and one output."""
    given = len(node.inputs)
    require(given == inputs, node, f"must have {inputs} inputs, not {given}")
    present = all(name is not None for name in node.inputs[: inputs - optional])
    require(present, node, "lacks an input that is not optional")
    require(len(node.outputs) == 1, node, f"must have 1 output, not {len(node.outputs)}")


def check_activation(
    node: Node, tensor: Tensor, dtypes: tuple[str, ...] = ("int8",), rank: int | None = None
) -> None:
    """Require a variable tensor of one of ``dtypes``, quantized as a whole if it is an integer."""
    wanted = " or ".join(dtypes)
    remedy = f"convert the model with full integer quantization ({wanted} here)"
    support(tensor.dtype in dtypes, node, f"tensor {tensor.name!r} is {tensor.dtype}", "", remedy)
    support(not tensor.constant, node, f"tensor {tensor.name!r} is constant", "", "fold it")
    if rank is not None:
        dims = len(tensor.shape)
        support(dims == rank, node, f"tensor {tensor.name!r} has {dims} dimensions, not {rank}")
    if tensor.dtype != "float32":
        quantized = tensor.quantization is not None and not tensor.quantization.per_channel
        require(quantized, node, f"tensor {tensor.name!r} has no scale and zero point of its own")


def check_same_quantization(node: Node, a: Tensor, b: Tensor) -> None:
    same = quantization_of(a) == quantization_of(b) and a.dtype == b.dtype
    require(same, node, f"tensors {a.name!r} and {b.name!r} must have the same quantization")


def quantization_of(tensor: Tensor) -> tuple[float, int] | None:
    """Scale and zero point of a tensor quantized as a whole."""
    q = tensor.quantization
    return None if q is None else (q.scale[0], q.zero_point[0])


def code_range(dtype: str) -> tuple[int, int]:
    """The least and the greatest code of an 8-bit activation."""
    return {"int8": (-128, 127), "uint8": (0, 255)}[dtype]


def input_tensor(node: Node, graph: Graph, index: int = 0) -> Tensor:
    return graph.tensor(node.inputs[index])


def output_tensor(node: Node, graph: Graph) -> Tensor:
    return graph.tensor(node.outputs[0])


def quantization(tensor: Tensor) -> Quantization:
    """The quantization of a tensor that ``check`` has found to have one."""
    assert tensor.quantization is not None
    return tensor.quantization
