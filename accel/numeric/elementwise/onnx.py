"""Elementwise operators in float32, as ONNX Runtime's operators on codes compute them.

Functions of one number are tables there: every code is dequantized, mapped and quantized. Where
there is no operator on codes, the same is done of the float32 operator between DequantizeLinear
and QuantizeLinear. Every function is that of `elementwise.Arithmetic`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..affine import Affine
from ..rounding import INT32_MAX
from ..runtimes import float32
from ..runtimes.float32 import fused_multiply_add, round_to_int
from .functions import FUNCTIONS


@dataclass(frozen=True)
class OnnxArithmetic:
    """The functions of the ``onnx`` contract."""

    def quantize(self, real: np.ndarray, output: Affine) -> np.ndarray:
        """``MlasQuantizeLinear``, before its bounds."""
        return float32.quantize(real, output.scale, output.zero_point)

    def rescale(self, x: np.ndarray, source: Affine, output: Affine) -> np.ndarray:
        """``QlinearBuildLookupTable`` of QLinearConcat."""
        return self.quantize(_real(x, source), output)

    def absolute(self, x: np.ndarray, source: Affine, output: Affine) -> np.ndarray:
        return self.quantize(np.abs(_real(x, source)), output)

    def logistic(self, x: np.ndarray, source: Affine, output: Affine) -> np.ndarray:
        """QLinearSigmoid, of the exact function rounded to float32."""
        return self._mapped(lambda real: 1 / (1 + np.exp(-real)), x, source, output)

    def tanh(self, x: np.ndarray, source: Affine, output: Affine) -> np.ndarray:
        """Tanh, of the exact function rounded to float32."""
        return self._mapped(np.tanh, x, source, output)

    def elu(self, x: np.ndarray, source: Affine, output: Affine) -> np.ndarray:
        """Elu, of the exact function rounded to float32."""
        return self._mapped(
            lambda real: np.where(real < 0, np.expm1(real), real), x, source, output
        )

    def function(
        self,
        x: np.ndarray,
        source: Affine,
        output: Affine,
        name: str,
        parameters: tuple[float, ...],
    ) -> np.ndarray:
        """The exact function rounded to float32."""
        return self._mapped(lambda real: FUNCTIONS[name](real, *parameters), x, source, output)

    def reciprocal_root(self, x: np.ndarray, source: Affine, output: Affine) -> np.ndarray:
        """No operator of ONNX."""
        raise ValueError("no operator of ONNX computes 1 / sqrt(x) at once")

    def squared_difference(
        self, a: np.ndarray, b: np.ndarray, first: Affine, second: Affine, output: Affine
    ) -> np.ndarray:
        """No operator of ONNX."""
        raise ValueError("no operator of ONNX computes (a - b)**2 at once")

    def divide(
        self, a: np.ndarray, b: np.ndarray, first: Affine, second: Affine, output: Affine
    ) -> np.ndarray:
        """Div, in float32 between a DequantizeLinear and a QuantizeLinear.

        0 / 0 is no number, of which the runtime's vectors make the lowest code.
        """
        dividend, divisor = np.broadcast_arrays(_real(a, first), _real(b, second))
        with np.errstate(divide="ignore", invalid="ignore"):
            found = dividend / divisor
        return self.quantize(np.where(np.isnan(found), np.float32(-np.inf), found), output)

    def _mapped(
        self,
        function: Callable[[np.ndarray], np.ndarray],
        x: np.ndarray,
        source: Affine,
        out: Affine,
    ) -> np.ndarray:
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            exact = function(_real(x, source).astype(np.float64)).astype(np.float32)
        # QuantizeLinear makes the least code of what is no number.
        return self.quantize(np.where(np.isnan(exact), -np.float32(np.inf), exact), out)

    def hard_swish(self, x: np.ndarray, source: Affine, output: Affine) -> np.ndarray:
        """HardSwish: ``x * clamp(x / 6 + 0.5, 0, 1)``."""
        real = _real(x, source)
        sixth, half = np.float32(1 / 6), np.float32(0.5)
        gate = np.clip(fused_multiply_add(real, sixth, half), np.float32(0), np.float32(1))
        return self.quantize(real * gate, output)

    def leaky_relu(self, x: np.ndarray, source: Affine, output: Affine, alpha: float) -> np.ndarray:
        """QLinearLeakyRelu."""
        real = _real(x, source)
        return self.quantize(np.where(real >= 0, real, np.float32(alpha) * real), output)

    def prelu(
        self, x: np.ndarray, alpha: np.ndarray, source: Affine, slope: Affine, output: Affine
    ) -> np.ndarray:
        """PRelu."""
        real = _real(x, source)
        return self.quantize(np.where(real > 0, real, _real(alpha, slope) * real), output)

    def scaled(
        self, x: np.ndarray, alpha: np.ndarray, source: Affine, slope: Affine, output: Affine
    ) -> np.ndarray:
        """PRelu, of negative numbers."""
        return self.quantize(_real(alpha, slope) * _real(x, source), output)

    def add(
        self, a: np.ndarray, b: np.ndarray, first: Affine, second: Affine, output: Affine
    ) -> np.ndarray:
        """``MlasQLinearAdd`` with fused multiply-add, on the file's own codes.

        ``fma(a, ra, fma(b, rb, zc - fma(ra, za, rb * zb)))`` with the ratios of the scales. Raises
        ``ValueError`` where the kernel's conversion to an integer overflows.
        """
        ratio, total = _begun(b, first, second, output)
        real = fused_multiply_add(_own(a, first), ratio, total)
        _check_convertible(real)
        return round_to_int(real) - output.offset

    def subtract(
        self, a: np.ndarray, b: np.ndarray, first: Affine, second: Affine, output: Affine
    ) -> np.ndarray:
        """Sub."""
        return self.quantize(_real(a, first) - _real(b, second), output)

    def multiply(
        self, a: np.ndarray, b: np.ndarray, first: Affine, second: Affine, output: Affine
    ) -> np.ndarray:
        """``MlasQLinearMul``: ``float(product) * (sa * sb / sc) + zc``, each rounded.

        Raises ``ValueError`` where the kernel's conversion to an integer overflows.
        """
        product = (a - first.zero_point) * (b - second.zero_point)
        real = scaled_product(product, first, second, output)
        _check_convertible(real)
        return round_to_int(real) - output.offset


def _begun(
    b: np.ndarray, first: Affine, second: Affine, output: Affine
) -> tuple[np.ndarray, np.ndarray]:
    """Of ``MlasQLinearAdd`` the first operand's factor, and what its product is added to."""
    ratio_a, ratio_b = (np.float32(s.scale) / np.float32(output.scale) for s in (first, second))
    za, zb, zc = (np.float32(s.zero_point + s.offset) for s in (first, second, output))
    fixed = zc - fused_multiply_add(ratio_a, za, ratio_b * zb)
    return np.asarray(ratio_a), fused_multiply_add(_own(b, second), ratio_b, fixed)


def unrounded_sum(
    a: np.ndarray, b: np.ndarray, first: Affine, second: Affine, output: Affine, on_codes: bool
) -> np.ndarray:
    """What ``add`` rounds, before its last rounding to float32, in output codes, float64.

    But for a constant: all codes are a non-decreasing function of it. ``on_codes`` is of
    `OnnxArithmetic`, else of `Float32Arithmetic`.
    """
    if on_codes:
        ratio, total = _begun(b, first, second, output)
        return (a + first.offset) * float(ratio) + total
    real = _real(a, first).astype(np.float64) + _real(b, second).astype(np.float64)
    return real / output.scale


def scaled_product(
    product: np.ndarray, first: Affine, second: Affine, output: Affine
) -> np.ndarray:
    """Of products of centred codes the file's own code, float32, before it is rounded."""
    ratio = np.float32(first.scale) * np.float32(second.scale) / np.float32(output.scale)
    return product.astype(np.float32) * ratio + np.float32(output.zero_point + output.offset)


def _check_convertible(real: np.ndarray) -> None:
    """The kernels convert to int32 before they saturate: beyond it, a large number becomes a small
    one."""
    if not (np.abs(real) < INT32_MAX).all():
        raise ValueError("the scales differ so much that codes overflow 32 bits")


@dataclass(frozen=True)
class Float32Arithmetic(OnnxArithmetic):
    """Operators that the runtime leaves in float32 though it has them on codes."""

    def add(
        self, a: np.ndarray, b: np.ndarray, first: Affine, second: Affine, output: Affine
    ) -> np.ndarray:
        """Add."""
        return self.quantize(_real(a, first) + _real(b, second), output)

    def multiply(
        self, a: np.ndarray, b: np.ndarray, first: Affine, second: Affine, output: Affine
    ) -> np.ndarray:
        """Mul."""
        return self.quantize(_real(a, first) * _real(b, second), output)


def _real(x: np.ndarray, source: Affine) -> np.ndarray:
    return float32.dequantize(x, source.scale, source.zero_point)


def _own(x: np.ndarray, source: Affine) -> np.ndarray:
    """The file's own codes as float32."""
    return (x + source.offset).astype(np.float32)
