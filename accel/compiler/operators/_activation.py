"""Fused activations: the bounds that they put on output codes."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from ...numeric.elementwise.arithmetic import ARITHMETIC
from ..ir.graph import Node, Tensor
from ._operator import affine, code_range, support

# Real bounds of each activation; None stands for the bound of the output's type.
ACTIVATIONS: Mapping[str, tuple[float | None, float | None]] = MappingProxyType(
    {
        "none": (None, None),
        "relu": (0.0, None),
        "relu6": (0.0, 6.0),
        "relu_n1_to_1": (-1.0, 1.0),
    }
)


@dataclass(frozen=True)
class Clamp:
    """Real bounds that have no name; infinite where there is none."""

    low: float
    high: float


FusedActivation = str | Clamp  # a name of `ACTIVATIONS`, or any bounds


def check_known(node: Node, activation: FusedActivation) -> None:
    if isinstance(activation, Clamp):
        ordered = activation.low <= activation.high
        what = f"clamps to {activation.low:g}..{activation.high:g}"
        support(ordered, node, what, "", "use a minimum below the maximum")
        return
    known = ", ".join(ACTIVATIONS)
    what = f"fused activation {activation!r} is not supported"
    support(activation in ACTIVATIONS, node, what, "", f"use one of {known}")


def real_bounds(activation: FusedActivation) -> tuple[float | None, float | None]:
    if not isinstance(activation, Clamp):
        return ACTIVATIONS[activation]
    low, high = activation.low, activation.high
    return (low if np.isfinite(low) else None), (high if np.isfinite(high) else None)


def code_bounds(activation: FusedActivation, output: Tensor, contract: str) -> tuple[int, int]:
    """Return the least and the greatest output code.

    A real bound is quantized as the contract quantizes real numbers; one beyond the output's range
    is its nearest code. Source: TFLite's CalculateActivationRangeQuantized; in ONNX the bound comes
    before QuantizeLinear.
    """
    low, high = code_range(output.dtype)

    def code(real: float) -> int:
        return int(ARITHMETIC[contract].quantize(np.float32(real), affine(output)))

    real_low, real_high = real_bounds(activation)
    least = low if real_low is None else min(max(low, code(real_low)), high)
    most = high if real_high is None else max(min(high, code(real_high)), low)
    return least, most
