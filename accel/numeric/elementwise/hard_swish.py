"""int8 hard-swish in 16-bit fixed point, bit for bit as TFLite's reference kernel.

Source: ``reference_ops::HardSwish`` and ``HardSwishPrepare``.
"""

from dataclasses import dataclass

import numpy as np

from ..rounding import quantize_multiplier, rounding_divide_by_pot

INT16_MIN, INT16_MAX = -(2**15), 2**15 - 1
HIGH_RESOLUTION_BITS = 7  # that an input is shifted to the left


@dataclass(frozen=True)
class HardSwish:
    """``x * clamp(x + 3, 0, 6) / 6`` on int8 codes; scales are float32 values.

    Raises ``ValueError`` where the kernel does not work: an output scale below 1/128 of the
    input's, or shifts beyond 16 bits.
    """

    input_scale: float
    output_scale: float

    def __post_init__(self) -> None:
        if not -15 <= self._output[1] <= 0:
            scales = f"{self.output_scale!r} for an input of {self.input_scale!r}"
            raise ValueError(f"output scale must be 2**-7 to 2**8 of the input's, not {scales}")
        if not -15 <= self._reluish[1] <= 15:
            raise ValueError(f"input scale must be 2**-22 to 2**8, not {self.input_scale!r}")

    @property
    def _high_resolution_scale(self) -> np.float32:
        return np.float32(1 / 2**HIGH_RESOLUTION_BITS) * np.float32(self.input_scale)

    @property
    def _output(self) -> tuple[int, int]:
        return _multiplier_16(self._high_resolution_scale / np.float32(self.output_scale))

    @property
    def _reluish(self) -> tuple[int, int]:
        return _multiplier_16(self._high_resolution_scale / np.float32(3 / 2**15))

    def compute(self, x: np.ndarray) -> np.ndarray:
        """Map int64 codes less the zero point to codes less the output's, before clamping."""
        value = np.asarray(x, np.int64) << HIGH_RESOLUTION_BITS
        multiplier, exponent = self._output
        on_output_scale = _rounding_high_mul(value, multiplier)
        product = _truncating_high_mul(self._share(value), on_output_scale)
        return rounding_divide_by_pot(product, -exponent)

    def _share(self, value: np.ndarray) -> np.ndarray:
        """``clamp(x + 3, 0, 6) / 6`` in 15 fractional bits."""
        multiplier, exponent = self._reluish
        if exponent > 0:
            value = _saturate(value << (exponent - 1))
        value = _rounding_high_mul(value, multiplier)
        if exponent > 0:
            value = _saturate(value << 1)
        if exponent < 0:
            value = rounding_divide_by_pot(value, -exponent)
        return (value + 2**15) >> 1


def _multiplier_16(real: np.float32) -> tuple[int, int]:
    """A multiplier of 16 bits and its exponent: ``DownScaleInt32ToInt16Multiplier``."""
    multiplier, exponent = quantize_multiplier(float(real))
    return min((multiplier + 2**15) >> 16, INT16_MAX), exponent


def _saturate(x: np.ndarray) -> np.ndarray:
    return np.clip(x, INT16_MIN, INT16_MAX)


def _rounding_high_mul(a: np.ndarray, b: int) -> np.ndarray:
    """``a * b / 2**15`` rounded half up: gemmlowp's ``SaturatingRoundingDoublingHighMul``."""
    return (a * b + 2**14) >> 15


def _truncating_high_mul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``a * b / 2**15`` rounded towards zero: ``SaturatingDoublingHighMul``."""
    product = a * b
    return np.where(product < 0, -(-product >> 15), product >> 15)
