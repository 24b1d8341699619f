"""Elementwise operators in integers, as TFLite's reference kernels for int8 compute them.

Every function is that of `elementwise.Arithmetic`; the docstrings name the kernel.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..affine import Affine, quantize, round_half_away
from ..rounding import INT32_MAX, quantize_multiplier, rounding_divide_by_pot, signed_multiplier
from ..runtimes import gemmlowp
from ..runtimes.libm import expf
from . import pairs_tflm
from .hard_swish import HardSwish

SUM_SHIFT = 20  # bits to the left that operands of a sum are shifted before scaling
INPUT_BITS = 4  # integer bits of the argument of logistic and tanh


@dataclass(frozen=True)
class TfliteArithmetic:
    """``scale(values, multiplier, shift)`` is the contract's rounding, see `rounding`."""

    scale: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

    def quantize(self, real: np.ndarray, output: Affine) -> np.ndarray:
        """``AffineQuantize``, before its bounds."""
        limit = 2**31
        return quantize(real, output.scale, output.zero_point, -limit, limit)

    def rescale(self, x: np.ndarray, source: Affine, output: Affine) -> np.ndarray:
        """``ReluQuantized``, before its bounds, and ``Requantize``."""
        return self._times(x - source.zero_point, source.scale / output.scale) + output.zero_point

    def absolute(self, x: np.ndarray, source: Affine, output: Affine) -> np.ndarray:
        """``AbsEvalQuantized``."""
        magnitude = np.abs(x - source.zero_point)
        return self._times(magnitude, source.scale / output.scale) + output.zero_point

    def logistic(self, x: np.ndarray, source: Affine, output: Affine) -> np.ndarray:
        """``reference_integer_ops::Logistic``; the output's scale is taken to be 1/256."""
        if output.zero_point != -128:
            raise ValueError(f"output must have zero point -128, not {output.zero_point}")
        q4, saturated = self._argument(x, source)
        codes = rounding_divide_by_pot(gemmlowp.logistic(q4), 31 - 8) - 128
        return np.where(saturated == 0, codes, saturated)

    def tanh(self, x: np.ndarray, source: Affine, output: Affine) -> np.ndarray:
        """``reference_integer_ops::Tanh``; the output is taken to be quantized (1/128, 0)."""
        q4, saturated = self._argument(x, source)
        codes = rounding_divide_by_pot(gemmlowp.tanh(q4), 31 - 7)
        return np.where(saturated == 0, codes, saturated)

    def _argument(self, x: np.ndarray, source: Affine) -> tuple[np.ndarray, np.ndarray]:
        """Values in q4, and -128 or 127 where they lie beyond its range, else 0."""
        real = source.scale * 2.0 ** (31 - INPUT_BITS)
        _, shift = math.frexp(real)  # where a multiplier would be 0, too
        if shift < 0:
            raise ValueError(f"input scale must be at least 2**-28, not {source.scale!r}")
        radius = math.floor((2**INPUT_BITS - 1) * 2.0 ** (31 - INPUT_BITS) / 2.0**shift)
        x = x - source.zero_point
        saturated = np.where(x <= -radius, -128, np.where(x >= radius, 127, 0))
        return self._times(np.where(saturated == 0, x, 0), real), saturated

    def elu(self, x: np.ndarray, source: Affine, output: Affine) -> np.ndarray:
        """``PopulateLookupTable`` of the ELU kernel, in float32."""
        inverse = np.float32(1) / np.float32(output.scale)
        real = np.float32(source.scale) * (x - source.zero_point).astype(np.float32)
        real = np.where(real < 0, expf(np.minimum(real, 0)) - np.float32(1), real)
        rounded = round_half_away(real * inverse).astype(np.float32)
        codes = rounded + np.float32(output.zero_point)
        if not (np.abs(codes) < INT32_MAX).all():
            raise ValueError("the scales differ so much that codes overflow 32 bits")
        return codes.astype(np.int64)

    def function(
        self,
        x: np.ndarray,
        source: Affine,
        output: Affine,
        name: str,
        parameters: tuple[float, ...],
    ) -> np.ndarray:
        """None has a kernel for int8."""
        raise ValueError(f"no kernel of TensorFlow Lite Micro computes {name} of codes")

    def hard_swish(self, x: np.ndarray, source: Affine, output: Affine) -> np.ndarray:
        """``reference_ops::HardSwish``, the same in every contract."""
        return HardSwish(source.scale, output.scale).compute(x - source.zero_point) + (
            output.zero_point
        )

    def leaky_relu(self, x: np.ndarray, source: Affine, output: Affine, alpha: float) -> np.ndarray:
        """``QuantizeLeakyRelu``."""
        x = x - source.zero_point
        positive = self._times(np.maximum(x, 0), source.scale / output.scale)
        slope = source.scale * float(np.float32(alpha)) / output.scale
        negative = self._times(np.minimum(x, 0), slope)
        return np.where(x >= 0, positive, negative) + output.zero_point

    def prelu(
        self, x: np.ndarray, alpha: np.ndarray, source: Affine, slope: Affine, output: Affine
    ) -> np.ndarray:
        """``BroadcastPrelu4DSlow``."""
        below = np.minimum(x, source.zero_point)
        negative = self.scaled(below, alpha, source, slope, output)
        positive = self.rescale(np.maximum(x, source.zero_point), source, output)
        return np.where(x >= source.zero_point, positive, negative)

    def scaled(
        self, x: np.ndarray, alpha: np.ndarray, source: Affine, slope: Affine, output: Affine
    ) -> np.ndarray:
        """``BroadcastPrelu4DSlow``, of negative numbers."""
        product = (x - source.zero_point) * (alpha - slope.zero_point)
        return self._times(product, source.scale * slope.scale / output.scale) + output.zero_point

    def add(
        self, a: np.ndarray, b: np.ndarray, first: Affine, second: Affine, output: Affine
    ) -> np.ndarray:
        """``AddElementwise``: both operands on a scale twice as large as the larger one."""
        return self._sum(a, b, first, second, output, 1)

    def subtract(
        self, a: np.ndarray, b: np.ndarray, first: Affine, second: Affine, output: Affine
    ) -> np.ndarray:
        """``SubElementwise``: as ADD, with one operand's sign changed when it is scaled."""
        return self._sum(a, b, first, second, output, -1)

    def _sum(
        self, a: np.ndarray, b: np.ndarray, first: Affine, second: Affine, output: Affine, sign: int
    ) -> np.ndarray:
        twice = 2 * max(first.scale, second.scale)
        last = twice / (2.0**SUM_SHIFT * output.scale)
        if quantize_multiplier(last)[1] > 0:
            least = twice / 2.0**SUM_SHIFT
            raise ValueError(f"output scale must exceed {least!r}, not {output.scale!r}")
        a = self._times((a - first.zero_point) << SUM_SHIFT, first.scale / twice)
        b = self._times((b - second.zero_point) << SUM_SHIFT, second.scale / twice)
        return self._times(a + sign * b, last) + output.zero_point

    def multiply(
        self, a: np.ndarray, b: np.ndarray, first: Affine, second: Affine, output: Affine
    ) -> np.ndarray:
        """``MulElementwise``."""
        product = (a - first.zero_point) * (b - second.zero_point)
        return self._times(product, first.scale * second.scale / output.scale) + output.zero_point

    def reciprocal_root(self, x: np.ndarray, source: Affine, output: Affine) -> np.ndarray:
        """``RsqrtEvalQuantized``."""
        return pairs_tflm.reciprocal_root(x, source, output, self.scale)

    def divide(
        self, a: np.ndarray, b: np.ndarray, first: Affine, second: Affine, output: Affine
    ) -> np.ndarray:
        """``Div``."""
        return pairs_tflm.quotient(a, b, first, second, output)

    def squared_difference(
        self, a: np.ndarray, b: np.ndarray, first: Affine, second: Affine, output: Affine
    ) -> np.ndarray:
        """``SquaredDifference``."""
        return pairs_tflm.squared_difference(a, b, first, second, output, self.scale)

    def _times(self, values: np.ndarray, real: float) -> np.ndarray:
        """``values * real`` as an integer. Raises ``ValueError`` where the kernel overflows."""
        multiplier, shift = signed_multiplier(real)
        largest = int(np.abs(values).max(initial=0))
        if shift > 0 and largest << shift > INT32_MAX:
            raise ValueError(f"values of {largest} times {real!r} overflow 32 bits")
        return self.scale(values, np.int64(multiplier), np.int64(shift))
