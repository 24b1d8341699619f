"""Logarithms of softmax over the last dimension, of float32 values."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...numeric.rounding import CONTRACTS
from ...numeric.runtimes.libm import expf, logf
from ...numeric.runtimes.softmax_onnx import float_log_softmax
from ..ir.graph import Graph, Node
from ._kinds import HostOnly
from ._operator import (
    check_activation,
    check_arity,
    input_tensor,
    output_tensor,
    require,
)


@dataclass(frozen=True, kw_only=True)
class LogSoftmax:
    """No attributes."""


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    for tensor in (source, output):
        check_activation(node, tensor, ("float32",))
    require(source.shape == output.shape, node, "input and output must have the same shape")


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """``reference_ops::LogSoftmax``: exponentials are summed in order, in float32.

    ONNX Runtime sums them up in vectors.
    """
    if CONTRACTS[graph.contract].floating:
        return [float_log_softmax(inputs[0])]
    with np.errstate(invalid="ignore"):  # infinite numbers make NaN, as in the kernel
        difference = inputs[0] - inputs[0].max(axis=-1, keepdims=True)
    total = np.cumsum(expf(difference), axis=-1, dtype=np.float32)[..., -1:]
    return [difference - logf(total)]


OPERATOR = HostOnly(attributes=LogSoftmax, check=check, reference=reference)
