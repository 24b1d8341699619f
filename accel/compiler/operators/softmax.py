"""Softmax over the last dimension: in gemmlowp's fixed point or in float32, by the contract."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...numeric.rounding import CONTRACTS
from ...numeric.runtimes import softmax_tflm as fixed_point
from ...numeric.runtimes.softmax_onnx import CodeSoftmax, float_softmax
from ..ir.graph import Graph, Node
from ._kinds import HostOnly
from ._operator import (
    affine,
    check_activation,
    check_arity,
    input_tensor,
    output_tensor,
    quantization_of,
    require,
    support,
)

MAX_DEPTH = 4095  # of unit exponentials, a sum in q12 overflows beyond it


@dataclass(frozen=True, kw_only=True)
class Softmax:
    """``softmax(beta * x)``; beta is a float32 value."""

    beta: float = 1.0


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    floating = CONTRACTS[graph.contract].floating
    for tensor in (source, output):
        check_activation(node, tensor, ("int8", "float32") if floating else ("int8",))
    require(source.shape == output.shape, node, "input and output must have the same shape")
    require(source.dtype == output.dtype, node, "input and output must have the same type")
    if floating:
        require(node.attributes.beta == 1.0, node, "beta must be 1")
        if source.dtype == "float32":
            return
    else:
        fixed = quantization_of(output) == (1 / 256, -128)
        require(fixed, node, "output must have scale 1/256 and zero point -128")
        depth = source.shape[-1]
        support(depth <= MAX_DEPTH, node, f"{depth} classes are more than {MAX_DEPTH}")
    try:
        _definition(node, graph)
    except ValueError as error:
        support(False, node, str(error))


def _definition(node: Node, graph: Graph) -> fixed_point.Softmax | CodeSoftmax:
    source, output = affine(input_tensor(node, graph)), affine(output_tensor(node, graph))
    if CONTRACTS[graph.contract].floating:
        return CodeSoftmax(source.scale, output.scale, output.zero_point)
    return fixed_point.Softmax(source.scale, node.attributes.beta)


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    if input_tensor(node, graph).dtype == "float32":
        return [float_softmax(inputs[0])]
    return [_definition(node, graph).compute(inputs[0])]


OPERATOR = HostOnly(attributes=Softmax, check=check, reference=reference)
