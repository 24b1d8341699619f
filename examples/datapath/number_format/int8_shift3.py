"""int8 activations times 0, 1, 2 and 4 of either sign: 3 bits a weight, no multiplication."""

from amaranth.hdl import Module, Mux, Signal

from accel.datapath import NumberFormat, ProcessingElement


def product(activation, code):
    """``code % 4`` is 0, or 1 more than the exponent; negative weights have negative codes."""
    return activation * ((1 << code % 4) >> 1) * (1 - 2 * (code < 0))


FORMAT = NumberFormat(
    title="int8 x shift3",
    weight_bits=3,
    weights=(0, 1, 2, 4, None, -1, -2, -4),
    product=product,
)


class ShiftElement(ProcessingElement):
    """A choice of shifts and an adder that negates."""

    latency = 1
    format = "int8_shift3"

    def elaborate(self, platform):
        m = Module()
        chosen, shifted = Signal.like(self.p), Signal.like(self.p)
        m.d.comb += chosen.eq(Mux(self.b[1], Mux(self.b[0], self.a << 2, self.a << 1), self.a))
        m.d.comb += shifted.eq(Mux(self.b[:2].any(), chosen, 0))
        product = Signal.like(self.p)
        m.d.sync += product.eq(Mux(self.b[2], -shifted, shifted))
        m.d.comb += self.p.eq(product)
        return m
