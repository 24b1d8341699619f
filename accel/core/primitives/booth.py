"""A pipelined multiplier made of logic: radix 4, no vendor cells.

The weight's sign goes over to the activation, so that the weight's digits, each -1, 0, 1 or 2, end
with one that is not negative. A partial product then has four possible values, which is one look-up
table a bit, and each sum of two has a place left for the carry that completes the negation of one:
so the tree of sums is all there is.
"""

from typing import NamedTuple

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

_DIGIT_BITS = 2


def latency_of(weight_bits: int) -> int:
    """Cycles from operands to product: digits, partial products, and each level of sums."""
    return 2 + ceil_log2(weight_bits // _DIGIT_BITS)


class _Term(NamedTuple):
    """``value + (carry << place)``: a partial product, or a sum of some."""

    value: Signal
    carry: Signal
    place: int


class BoothMultiplier(wiring.Component):
    """``p = a * b``, exact, of two signed numbers.

    Latency: ``latency_of(weight_bits)`` cycles; throughput: one product a cycle. The registers have
    no reset.

    Parameters
    ----------
    activation_bits, weight_bits : int
        Width of the operands; the weight's is a power of two, at least 4.

    Raises
    ------
    ValueError
        If ``weight_bits`` is something else.
    """

    def __init__(self, activation_bits: int, weight_bits: int):
        if weight_bits < 4 or weight_bits & (weight_bits - 1):
            raise ValueError(f"Weight bits must be a power of two from 4, not {weight_bits!r}")
        super().__init__(
            {
                "a": In(signed(activation_bits)),
                "b": In(signed(weight_bits)),
                "p": Out(signed(activation_bits + weight_bits)),
            }
        )

    def elaborate(self, platform):
        m = Module()

        # Stage 1: the activation with the weight's sign, and the digits of the weight's magnitude.
        # The sum of a and -1 is the complement of -a.
        negative = self.b[-1]
        magnitude = Signal(signed(len(self.a) + 1), name="s1_magnitude", reset_less=True)
        total = Signal(signed(len(self.a) + 1), name="s1_total")
        m.d.comb += total.eq(self.a + Cat(negative).replicate(len(self.a) + 1).as_signed())
        m.d.sync += magnitude.eq(total ^ negative.replicate(len(total)))
        digits = self._digits(m, negative)

        # Stage 2: a partial product for each digit, as its complement where the digit is -1.
        terms = []
        for k, digit in enumerate(digits):
            product = Signal(signed(len(magnitude) + 1), name=f"s2_product_{k}", reset_less=True)
            carry = Signal(name=f"s2_carry_{k}", reset_less=True)
            with m.Switch(digit):
                with m.Case(0b00):
                    m.d.sync += product.eq(0)
                with m.Case(0b01):
                    m.d.sync += product.eq(magnitude)
                with m.Case(0b10):
                    m.d.sync += product.eq(magnitude << 1)
                with m.Case(0b11):
                    m.d.sync += product.eq(~magnitude)
            m.d.sync += carry.eq(digit == 0b11)
            terms.append(_Term(product, carry, 0))

        # Behind it: sums of two each.
        places, stage = _DIGIT_BITS, 3
        while len(terms) > 1:
            terms = [
                self._sum(m, low, high, places, f"s{stage}_{index}")
                for index, (low, high) in enumerate(zip(terms[::2], terms[1::2], strict=True))
            ]
            places, stage = 2 * places, stage + 1
        m.d.comb += self.p.eq(terms[0].value)
        return m

    def _digits(self, m, negative):
        """The digits of ``b``'s magnitude, lowest first: 0, 1, 2, or 3 for -1.

        Of a negative ``b`` they are the negated digits of ``b`` itself in -2, -1, 0 and 1.
        """
        digits = []
        carry = C(0, 1)
        for k in range(0, len(self.b), _DIGIT_BITS):
            low, high = self.b[k], self.b[k + 1]
            value = Signal(_DIGIT_BITS, name=f"value_{k}")
            digit = Signal(_DIGIT_BITS, name=f"s1_digit_{k}", reset_less=True)
            m.d.comb += value.eq(Cat(low, high) + carry)
            m.d.sync += digit.eq(Mux(negative, -value, value))
            digits.append(digit)
            carry = Mux(negative, high | (low & carry), high & (low | carry))
        return digits

    def _sum(self, m, low, high, places, name):
        """The sum of two terms, of which the higher one counts ``2**places``.

        The low one's carry goes where the high one has no bits; the high one's is left for later.
        """
        width = min(len(high.value) + places, len(self.p))
        value = Signal(signed(width), name=f"{name}_sum", reset_less=True)
        carry = Signal(name=f"{name}_carry", reset_less=True)
        free = Cat(C(0, low.place), low.carry, C(0, places - low.place - 1))
        m.d.sync += [
            value.eq(low.value + Cat(free, high.value).as_signed()),
            carry.eq(high.carry),
        ]
        return _Term(value, carry, high.place + places)


class BoothMultipliers(wiring.Component):
    """``count`` independent products, see `BoothMultiplier`.

    Members
    -------
    a, b : In(ArrayLayout(signed, count)), p : Out(ArrayLayout(signed, count))
        Operands and products.
    """

    def __init__(self, *, count: int, activation_bits: int, weight_bits: int):
        self.multipliers = [BoothMultiplier(activation_bits, weight_bits) for _ in range(count)]
        super().__init__(
            {
                "a": In(data.ArrayLayout(signed(activation_bits), count)),
                "b": In(data.ArrayLayout(signed(weight_bits), count)),
                "p": Out(data.ArrayLayout(signed(activation_bits + weight_bits), count)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        for k, multiplier in enumerate(self.multipliers):
            m.submodules[f"booth_{k}"] = multiplier
            m.d.comb += [
                multiplier.a.eq(self.a[k]),
                multiplier.b.eq(self.b[k]),
                self.p[k].eq(multiplier.p),
            ]
        return m
