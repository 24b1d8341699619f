"""Products with -1, 0 and 1: the activation, its negative or nothing."""

from amaranth.hdl import Module, Mux, Signal

from ._element import ProcessingElement, each


class TernaryElement(ProcessingElement):
    """A choice and a carry, in a row of adders after one register."""

    title = "an adder that negates, for ternary weights"
    latency = 1
    format = "int8_ternary"

    def elaborate(self, platform):
        m = Module()
        negative, chosen = self.b[1], Signal.like(self.p)
        m.d.comb += chosen.eq(Mux(self.b[0], self.a, 0))
        product = Signal.like(self.p, reset_less=True)
        m.d.sync += product.eq((chosen ^ negative.replicate(len(chosen))) + negative)
        m.d.comb += self.p.eq(product)
        return m


ELEMENT = each(TernaryElement)
