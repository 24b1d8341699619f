"""Requantization as a division by a constant, and the proof that it equals a rounding contract.

From an int32 sum to an int8 code every contract is a monotone step function of at most 255 steps,
all equally wide but for rounding. With the sum's bias added, ``biased``, the hardware computes

    code + 128 = clamp(((biased << F) + offset) // divisor, low, high)

where ``offset`` is one of two constants, for ``biased >= 0`` and ``biased < 0``, since TFLite
rounds half away from zero, and ``F`` are the fraction bits of the channel's *form*: a divisor of 33
bits has 17 of them for steps up to 2**16 sums wide, and 8 for those of 2**25. Both offsets are
multiples of 64, and equal in their highest bits, which are stored once.

A *tie* channel rounds halves to even, as float32 does. Where ``tie_parity``
is 0, an odd quotient with a remainder below ``2**TIE_BITS`` becomes one less; where it is 1, an
even one with a remainder that lacks at most as much to the divisor becomes one more: in either case
its lowest bit is inverted. A remainder of exactly 0 would not do: a product that float32 rounds to
a half to even lies up to ``2**-18`` of a code beside it, and more in units of sums.

`solver` finds the constants, for steps of up to 2**25 sums: with n codes in reach a divisor needs
about twice as many fraction bits as n has bits, and offsets must be finer than an n-th of a sum.
"""

from dataclasses import dataclass

import numpy as np

FORM_SHIFTS = (1, 3, 5)  # to the left, of a biased sum, for each bit of a form
FORMS = 1 << len(FORM_SHIFTS)
LEAST_FRACTION_BITS = 8
FRACTION_BITS = tuple(  # of each form
    LEAST_FRACTION_BITS + sum(s for bit, s in enumerate(FORM_SHIFTS) if form >> bit & 1)
    for form in range(FORMS)
)
DIVISOR_BITS = 33
OFFSET_BITS = DIVISOR_BITS + 8
OFFSET_DROPPED_BITS = 6  # lowest bits of an offset, which are 0
OFFSET_SHARED_BITS = 3  # highest bits of an offset, which are those of the other one, too
BIAS_BITS = 24
TOTAL_BITS = 32  # of a sum with its bias
TIE_BITS = 12


@dataclass(frozen=True, eq=False)
class Division:
    """The constants of some output channels; every field is an int64 array ``[channels]``.

    ``bias`` replaces the bias of the network; it differs where negative sums end elsewhere than at
    0. It can have more than ``BIAS_BITS`` bits, which takes several layers that add up their sums.
    ``form`` is an index of ``FRACTION_BITS``. ``tie`` is 1 in channels that round halves to even,
    ``tie_parity`` the lowest bit of code + 128 of what is even: 0 or 1 for all of them.
    """

    bias: np.ndarray
    divisor: np.ndarray
    offset: np.ndarray
    offset_negative: np.ndarray
    form: np.ndarray
    low: int
    high: int
    tie: np.ndarray | int = 0
    tie_parity: int = 0

    @property
    def fraction(self) -> np.ndarray:
        """Fraction bits of each channel."""
        return np.asarray(FRACTION_BITS)[self.form]

    def compute(self, sums: np.ndarray) -> np.ndarray:
        """Map raw sums, int64 ``[..., channels]``, to codes -128..127, as the hardware does."""
        biased = sums + self.bias
        offset = np.where(biased < 0, self.offset_negative, self.offset)
        dividend = (biased << self.fraction) + offset
        quotient, remainder = dividend // self.divisor, dividend % self.divisor
        if np.any(self.tie):
            rest = self.divisor - 1 - remainder if self.tie_parity else remainder
            quotient = quotient ^ (
                self.tie & (rest >> TIE_BITS == 0) & (quotient ^ self.tie_parity)
            )
        return np.clip(quotient, self.low + 128, self.high + 128) - 128
