"""Requantization as a division by a constant, and the proof that it equals a rounding contract.

From an int32 sum to an int8 code every contract is a monotone step function of at most 255 steps,
all equally wide but for rounding. With the sum's bias added, ``biased``, the hardware computes

    code + 128 = clamp(((biased << F) + offset) // divisor, low, high)

where ``offset`` is one of two constants, for ``biased >= 0`` and ``biased < 0``, since TFLite
rounds half away from zero, and ``F`` is 14, or 11 in a *coarse* channel.

A *tie* channel rounds halves to even, as float32 does. Where ``tie_parity``
is 0, an odd quotient with a remainder below ``2**TIE_BITS`` becomes one less; where it is 1, an
even one with a remainder that lacks at most as much to the divisor becomes one more: in either case
its lowest bit is inverted. A remainder of exactly 0 would not do: a product that float32 rounds to
a half to even lies up to ``2**-18`` of a code beside it, and more in units of sums.

`division_solver` finds the constants. What they may be: a divisor of 14 fractional bits for steps
up to 2**15 sums wide, of 11 for wider ones, and a 32nd of a sum, or a quarter in coarse channels,
in which halves are ties.
"""

from dataclasses import dataclass

import numpy as np

FRACTION_BITS = 14
COARSE_FRACTION_BITS = 11
DIVISOR_BITS = 29
OFFSET_BITS = 37
OFFSET_DROPPED_BITS = 4
BIAS_BITS = 26
TIE_BITS = 9


@dataclass(frozen=True, eq=False)
class Division:
    """The constants of some output channels; every field is an int64 array ``[channels]``.

    ``bias`` replaces the bias of the network; it differs where negative sums end elsewhere than at
    0. ``tie`` is 1 in channels that round halves to even, ``tie_parity`` the lowest bit of code +
    128 of what is even: 0 or 1 for all of them.
    """

    bias: np.ndarray
    divisor: np.ndarray
    offset: np.ndarray
    offset_negative: np.ndarray
    coarse: np.ndarray
    low: int
    high: int
    tie: np.ndarray | int = 0
    tie_parity: int = 0

    def compute(self, sums: np.ndarray) -> np.ndarray:
        """Map raw sums, int64 ``[..., channels]``, to codes -128..127, as the hardware does."""
        biased = sums + self.bias
        fraction = np.where(self.coarse, COARSE_FRACTION_BITS, FRACTION_BITS)
        dividend = (biased << fraction) + np.where(biased < 0, self.offset_negative, self.offset)
        quotient, remainder = dividend // self.divisor, dividend % self.divisor
        if np.any(self.tie):
            rest = self.divisor - 1 - remainder if self.tie_parity else remainder
            quotient = quotient ^ (
                self.tie & (rest >> TIE_BITS == 0) & (quotient ^ self.tie_parity)
            )
        return np.clip(quotient, self.low + 128, self.high + 128) - 128
