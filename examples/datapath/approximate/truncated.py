"""An approximate multiplier: partial products lose their bits below 2**LOST.

The format says what a product is, bit by bit of the weight, and the element makes it: the compiler
proves with it, the machine computes by it and the RTL is held to it, though no contract is.
"""

from amaranth.hdl import Module, Signal

from accel.datapath import NumberFormat, ProcessingElement

BITS, LOST = 8, 4


def partial_products(activation, code):
    """The activation by each bit of the weight, the sign's last; of the low ones less is kept."""
    for bit in range(BITS):
        lost = max(LOST - bit, 0)
        yield ((activation >> lost) << lost) * ((code >> bit) & 1) << bit


def product(activation, code):
    """Of integers, arrays and Amaranth values."""
    *positive, sign = partial_products(activation, code)
    return sum(positive) - sign


FORMAT = NumberFormat(title=f"int8 x int8 less {LOST} bits", weight_bits=BITS, product=product)


class TruncatedElement(ProcessingElement):
    """Sums of two partial products, of two of those, and of the rest, each after a register."""

    latency = 3
    format = "int8_truncated"

    def elaborate(self, platform):
        m = Module()
        terms = []
        for bit in range(BITS):
            lost = max(LOST - bit, 0)
            kept = Signal.like(self.p, name=f"kept_{bit}")
            m.d.comb += kept.eq(self.a[lost:].as_signed() << lost + bit)
            chosen = kept & self.b[bit].replicate(len(kept))
            terms.append(-chosen.as_signed() if bit == BITS - 1 else chosen.as_signed())
        while len(terms) > 1:
            sums = []
            for index, (first, second) in enumerate(zip(terms[::2], terms[1::2], strict=True)):
                sums.append(Signal.like(self.p, name=f"sum_{len(terms)}_{index}"))
                m.d.sync += sums[-1].eq(first + second)
            terms = sums
        m.d.comb += self.p.eq(terms[0])
        return m
