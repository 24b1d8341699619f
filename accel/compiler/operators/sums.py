"""Real numbers from exact integer sums, which the core stores as several codes each.

A sum that exceeds 8 bits is computed by several output channels. Each covers a range of its own and
saturates outside it, so that the codes, counted from the least one, add up to the sum.
"""

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

CODES_OF_A_PART = 255  # steps from the least to the greatest code


@dataclass(frozen=True, kw_only=True, eq=False)
class Sums:
    """``parts`` channels of codes for each channel of numbers; all first parts come first.

    ``least`` is the sum where all codes are the least, int64 ``[channels]``; ``unit`` is the real
    value of a sum of 1, float64; ``steps`` follow in float32. ``rounds`` says that the oracle
    rounds its sums.
    """

    parts: int = 1
    least: np.ndarray = field(default_factory=lambda: np.zeros(1, np.int64))
    unit: np.ndarray = field(default_factory=lambda: np.ones(1))
    steps: tuple[float_epilogue.EpilogueStep, ...] = ()
    rounds: bool = False


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    check_activation(node, source)
    check_activation(node, output, ("float32",))
    wanted = (*output.shape[:-1], output.shape[-1] * node.attributes.parts)
    require(source.shape == wanted, node, f"input must have shape {wanted}")


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    attributes, codes = node.attributes, inputs[0].astype(np.int64) + 128
    channels = codes.shape[-1] // attributes.parts
    parts = codes.reshape(*codes.shape[:-1], attributes.parts, channels)
    real = (parts.sum(axis=-2) + attributes.least) * attributes.unit
    with np.errstate(over="ignore"):
        return [float_epilogue.run(attributes.steps, real.astype(np.float32))]


OPERATOR = HostOnly(attributes=Sums, check=check, reference=reference)
