"""To int8 (or uint8) codes, from float32 values or from codes of another scale."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...numeric import affine
from ...numeric.rounding import quantize_multiplier
from ...numeric.rules import Rescale
from ..convolution import Convolution
from ..ir import Graph, Node
from ..storage import Stored
from ._elementwise import CODES
from ._linear import check_sums, lowered_unary
from ._operator import (
    Operator,
    check_activation,
    check_arity,
    code_range,
    input_tensor,
    output_tensor,
    quantization,
    require,
    support,
)


@dataclass(frozen=True, kw_only=True)
class Quantize:
    """The tensors' quantization says all."""


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    check_activation(node, source, ("float32", "int8", "uint8"))
    check_activation(node, output, ("int8", "uint8"))
    require(source.shape == output.shape, node, "input and output must have the same shape")
    if source.dtype == "float32":
        support(output.dtype == "int8", node, "float32 to uint8 is not supported", "", "use int8")
    else:
        both = source.dtype == output.dtype == "uint8"
        support(not both, node, "uint8 to uint8 is not supported", "", "use int8")
        check_sums(node, *sum_bounds(node, graph), output_rule(node, graph).left_shift)


def output_rule(node: Node, graph: Graph) -> Rescale:
    """The rule for codes; the sum is ``x - input zero point`` (TFLite's ``Requantize``)."""
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    real = quantization(source).scale[0] / quantization(output).scale[0]
    table = np.tile(np.array(quantize_multiplier(real), np.int64), (output.shape[-1], 1))
    zero_point, (low, high) = quantization(output).zero_point[0], code_range(output.dtype)
    return Rescale(graph.contract, table[:, 0].copy(), table[:, 1].copy(), zero_point, low, high)


def sum_bounds(node: Node, graph: Graph) -> tuple[np.ndarray, np.ndarray]:
    source = input_tensor(node, graph)
    channels = output_tensor(node, graph).shape[-1]
    low, high = (code - quantization(source).zero_point[0] for code in code_range(source.dtype))
    return np.full(channels, low, np.int64), np.full(channels, high, np.int64)


def unary(node: Node, graph: Graph) -> np.ndarray:
    """The output codes of all input codes, of int8 to int8."""
    both = input_tensor(node, graph).dtype == output_tensor(node, graph).dtype == "int8"
    support(both, node, "it is not from int8 to int8")
    acc = CODES - quantization(input_tensor(node, graph)).zero_point[0]
    return output_rule(node, graph).channel(0).compute(acc[:, np.newaxis])[:, 0].astype(np.int8)


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray | None]) -> list[np.ndarray]:
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    if source.dtype == "float32":
        q = quantization(output)
        codes = affine.quantize(inputs[0], q.scale[0], q.zero_point[0], *code_range(output.dtype))
    else:
        acc = inputs[0].astype(np.int64) - quantization(source).zero_point[0]
        codes = output_rule(node, graph).compute(acc)
    return [codes.astype(output.dtype)]


def lower(node: Node, graph: Graph, storage: Stored) -> list[Convolution]:
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    both = source.dtype == output.dtype == "int8"
    what = f"{source.dtype} to {output.dtype} is not supported inside the network"
    support(both, node, what, "", "keep it at the network's ends")
    zero_point = quantization(source).zero_point[0]
    rule = output_rule(node, graph).take([0] * storage.channels)
    return lowered_unary(node, storage, storage, rule, bias=-zero_point, pad=zero_point)


OPERATOR = Operator(
    attributes=Quantize,
    check=check,
    reference=reference,
    output_rule=output_rule,
    sum_bounds=sum_bounds,
    unary=unary,
    lower=lower,
    host=True,
)
