"""What elementwise operators compute on codes, by contract: a row of `ARITHMETIC` for each.

An operator's file says which function it is and which codes its activation allows; what integers
come out is said here.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

import numpy as np

from ..affine import Affine
from ..rounding import rescale_single, rescale_tflm
from .onnx import Float32Arithmetic, OnnxArithmetic
from .tflite import TfliteArithmetic


class Arithmetic(Protocol):
    """The functions of one contract.

    Codes are int64 arrays, which broadcast; ``source``, ``first``, ``second`` and ``output`` are
    their quantizations. All return int64 codes that the caller clamps to the output's range, and
    raise ``ValueError`` where the contract does not define the result for these quantizations.
    """

    def quantize(self, real: np.ndarray, output: Affine) -> np.ndarray:
        """Codes of float32 numbers; raises ``ValueError`` for NaN."""

    def rescale(self, x: np.ndarray, source: Affine, output: Affine) -> np.ndarray:
        """The same number: RELU and QUANTIZE."""

    def absolute(self, x: np.ndarray, source: Affine, output: Affine) -> np.ndarray:
        """``abs(x)``."""

    def logistic(self, x: np.ndarray, source: Affine, output: Affine) -> np.ndarray:
        """``1 / (1 + exp(-x))``."""

    def tanh(self, x: np.ndarray, source: Affine, output: Affine) -> np.ndarray:
        """``tanh(x)``."""

    def elu(self, x: np.ndarray, source: Affine, output: Affine) -> np.ndarray:
        """``x`` or, where negative, ``exp(x) - 1``."""

    def function(
        self,
        x: np.ndarray,
        source: Affine,
        output: Affine,
        name: str,
        parameters: tuple[float, ...],
    ) -> np.ndarray:
        """Another function, by its name in `functions`."""

    def hard_swish(self, x: np.ndarray, source: Affine, output: Affine) -> np.ndarray:
        """``x * clamp(x + 3, 0, 6) / 6``."""

    def leaky_relu(self, x: np.ndarray, source: Affine, output: Affine, alpha: float) -> np.ndarray:
        """``x`` or, where negative, ``alpha * x``; alpha is a float32 value."""

    def prelu(
        self, x: np.ndarray, alpha: np.ndarray, source: Affine, slope: Affine, output: Affine
    ) -> np.ndarray:
        """``x`` or, where negative, ``alpha * x``; alpha are codes of quantization ``slope``."""

    def scaled(
        self, x: np.ndarray, alpha: np.ndarray, source: Affine, slope: Affine, output: Affine
    ) -> np.ndarray:
        """``alpha * x``, as `prelu` has it of negative numbers."""

    def add(
        self, a: np.ndarray, b: np.ndarray, first: Affine, second: Affine, output: Affine
    ) -> np.ndarray:
        """``a + b``."""

    def subtract(
        self, a: np.ndarray, b: np.ndarray, first: Affine, second: Affine, output: Affine
    ) -> np.ndarray:
        """``a - b``."""

    def multiply(
        self, a: np.ndarray, b: np.ndarray, first: Affine, second: Affine, output: Affine
    ) -> np.ndarray:
        """``a * b``."""

    def reciprocal_root(self, x: np.ndarray, source: Affine, output: Affine) -> np.ndarray:
        """``1 / sqrt(x)``."""

    def divide(
        self, a: np.ndarray, b: np.ndarray, first: Affine, second: Affine, output: Affine
    ) -> np.ndarray:
        """``a / b``."""

    def squared_difference(
        self, a: np.ndarray, b: np.ndarray, first: Affine, second: Affine, output: Affine
    ) -> np.ndarray:
        """``(a - b)**2``."""


ARITHMETIC: Mapping[str, Arithmetic] = MappingProxyType(
    {
        "tflm": TfliteArithmetic(rescale_tflm),
        "single": TfliteArithmetic(rescale_single),
        "onnx": OnnxArithmetic(),
        "qonnx": OnnxArithmetic(),
    }
)

# The onnx contract where the runtime leaves an operator between DequantizeLinear and
# QuantizeLinear.
FLOAT32: Arithmetic = Float32Arithmetic()
