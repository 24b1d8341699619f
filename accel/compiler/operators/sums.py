"""Real numbers from exact integer sums: those that the core stores, or codes of few of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...numeric.rules import float_epilogue
from ..ir.graph import Graph, Node
from ._kinds import HostOnly
from ._operator import (
    check_activation,
    check_arity,
    input_tensor,
    output_tensor,
    require,
)

MOST_CODES = 255  # steps from the least to the greatest code


@dataclass(frozen=True, kw_only=True, eq=False)
class Sums:
    """``least`` is the sum where a code is the least, int64 ``[channels]``, and 0 where the input
    is the sums; ``unit`` is the real value of a sum of 1, float64; ``steps`` follow in float32.
    ``rounds`` says that the oracle rounds its sums.
    """

    least: np.ndarray = field(default_factory=lambda: np.zeros(1, np.int64))
    unit: np.ndarray = field(default_factory=lambda: np.ones(1))
    steps: tuple[float_epilogue.EpilogueStep, ...] = ()
    rounds: bool = False


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    check_activation(node, source, ("int8", "int32"), quantized=source.dtype == "int8")
    check_activation(node, output, ("float32",))
    require(source.shape == output.shape, node, f"input must have shape {output.shape}")


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    attributes, numbers = node.attributes, inputs[0].astype(np.int64)
    counted = numbers + 128 if inputs[0].dtype == np.int8 else numbers
    real = (counted + attributes.least) * attributes.unit
    with np.errstate(over="ignore"):
        return [float_epilogue.run(attributes.steps, real.astype(np.float32))]


OPERATOR = HostOnly(attributes=Sums, check=check, reference=reference)
