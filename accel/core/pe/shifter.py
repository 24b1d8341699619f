"""Products with powers of two: the activation, shifted and negated."""

from amaranth.hdl import Module, Mux, Signal

from ._element import ProcessingElement, each


class ShiftingElement(ProcessingElement):
    """Half of the shift and the sign before the first register, the rest of the shift after it."""

    title = "a shifter instead of a multiplier, for powers of two"
    latency = 2
    format = "int8_pow2"

    def elaborate(self, platform):
        m = Module()
        magnitude, negative = self.b[:3], self.b[3]
        exponent = Signal(3)
        m.d.comb += exponent.eq(magnitude - 1)

        # Stage 1: the activation by 1, 2, 4 or 8 with the weight's sign; nothing for a weight of 0.
        near = Signal(len(self.a) + 4)
        signed_ = Signal.like((near.as_signed() + 1), name="s1_signed", reset_less=True)
        far = Signal(name="s1_far", reset_less=True)
        shifted = (self.a << exponent[:2]).as_signed()
        m.d.comb += near.eq(Mux(magnitude == 0, 0, shifted))
        m.d.sync += [
            signed_.eq((near.as_signed() ^ negative.replicate(len(near)).as_signed()) + negative),
            far.eq(exponent[2]),
        ]

        # Stage 2: by 16 where the exponent is 4 or more
        product = Signal.like(self.p, name="s2_product", reset_less=True)
        m.d.sync += product.eq(Mux(far, signed_ << 4, signed_))
        m.d.comb += self.p.eq(product)
        return m


ELEMENT = each(ShiftingElement)
