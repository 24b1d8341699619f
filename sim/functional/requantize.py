"""`numeric.division` in float64: the same codes, several times as quickly.

All is exact. Dividends are integers below 2**50 and so are floats; a quotient that is no integer is
at least 1/divisor below the next one, relatively more than 2**-50, while a float's division errs by
2**-53 of it at most: rounding never reaches an integer that the quotient does not.
"""

import numpy as np

from accel.numeric.division.division import Division

_SIGN = np.uint8(0x80)


class Requantizer:
    """Computes codes of raw sums with the constants of a division, whose arrays broadcast against
    them."""

    def __init__(self, division: Division):
        self._division = division
        fraction = division.fraction
        self._ties = bool(np.any(division.tie))
        self._low, self._high = float(division.low + 128), float(division.high + 128)
        self._scale = _narrow((1 << fraction).astype(np.float64))
        self._divisor = division.divisor.astype(np.float64)
        self._bias = (division.bias << fraction).astype(np.float64)
        self._offset = division.offset.astype(np.float64)
        self._offset_negative = division.offset_negative.astype(np.float64)
        # Where even the largest negative sum is clamped it does not matter how it is rounded.
        offsets = np.maximum(division.offset, division.offset_negative)
        largest = (offsets - (1 << fraction)) // division.divisor
        same = division.offset == division.offset_negative
        self._signed = not np.all(same | (largest <= division.low + 128))

    def compute(self, sums: np.ndarray) -> np.ndarray:
        """Bytes to store, uint8, of raw sums, float arrays of integers below 2**31."""
        if self._ties:
            return self._division.compute(sums.astype(np.int64)).astype(np.int8).view(np.uint8)
        value = np.multiply(sums, self._scale, dtype=np.float64)
        if self._signed:
            value += self._bias
            value += np.where(value < 0, self._offset_negative, self._offset)
        else:
            value += self._bias + self._offset
        value /= self._divisor
        np.clip(value, self._low, self._high, out=value)
        codes = value.astype(np.uint8)  # not below 0, where this rounds down
        codes ^= _SIGN
        return codes


def _narrow(constants: np.ndarray) -> np.ndarray:
    """One value instead of many equal ones, which costs less to broadcast."""
    first = constants.flat[0]
    return np.float64(first) if np.all(constants == first) else constants
