"""Fused activations: the bounds that they put on output codes."""

from collections.abc import Mapping
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


def check_known(node: Node, activation: str) -> None:
    known = ", ".join(ACTIVATIONS)
    what = f"fused activation {activation!r} is not supported"
    support(activation in ACTIVATIONS, node, what, "", f"use one of {known}")


def code_bounds(activation: str, output: Tensor, contract: str) -> tuple[int, int]:
    """Return the least and the greatest output code.

    A real bound is quantized as the contract quantizes real numbers. Source: TFLite's
    CalculateActivationRangeQuantized; in ONNX the bound comes before QuantizeLinear.
    """
    low, high = code_range(output.dtype)

    def code(real: float) -> int:
        return int(ARITHMETIC[contract].quantize(np.float32(real), affine(output)))

    real_low, real_high = ACTIVATIONS[activation]
    return (
        low if real_low is None else max(low, code(real_low)),
        high if real_high is None else min(high, code(real_high)),
    )
