"""Two products of one activation in one ``MULT18X18D``: both weights lie in one operand.

``a * (w1 * 2**GAP + w0)`` has ``a * w0`` in its low bits, and above it ``a * w1``, less 1 where the
low product is negative: one adder puts that right.
"""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from . import ecp5
from .family import Family

_HOP = 1  # a register to the cell, and one back


class PackedMultipliers(wiring.Component):
    """``count`` pairs of exact products, ``p[k][i] = a[k] * b[k][i]`` for ``i`` of 0 and 1.

    Latency: ``LATENCY`` cycles; throughput: one set of products a cycle. The registers have no
    reset.

    Parameters
    ----------
    count : int
        Number of pairs.
    activation_bits, weight_bits : int
        Widths of the operands, all signed.
    family, simulate
        ``"ecp5"`` takes ``count`` MULT18X18D, unless ``simulate`` is set; then, and elsewhere,
        synthesis makes what it likes of the same formula.

    Raises
    ------
    ValueError
        If two weights and the bits between them are wider than an operand of the cell.
    """

    LATENCY = ecp5.LATENCY + 2 * _HOP

    def __init__(
        self,
        *,
        count: int,
        activation_bits: int,
        weight_bits: int,
        family: Family = "generic",
        simulate: bool = False,
    ):
        self.count = count
        self.gap = activation_bits + weight_bits
        self.vendor = family == "ecp5" and not simulate
        if not fits(activation_bits, weight_bits):
            raise ValueError(
                f"Two weights of {weight_bits} bits with {activation_bits} between them are more "
                f"than {ecp5.OPERAND_WIDTH} bits"
            )
        pair = data.ArrayLayout(signed(weight_bits), 2)
        products = data.ArrayLayout(signed(self.gap), 2)
        super().__init__(
            {
                "a": In(data.ArrayLayout(signed(activation_bits), count)),
                "b": In(data.ArrayLayout(pair, count)),
                "p": Out(data.ArrayLayout(products, count)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        for k in range(self.count):
            activation = Signal(signed(ecp5.OPERAND_WIDTH), name=f"s0_a_{k}", reset_less=True)
            weights = Signal(signed(ecp5.OPERAND_WIDTH), name=f"s0_b_{k}", reset_less=True)
            low, high = self.b[k][0], self.b[k][1]
            m.d.sync += [activation.eq(self.a[k]), weights.eq((high << self.gap) + low)]
            both = self._product(m, k, activation, weights)

            below, above = both[: self.gap].as_signed(), both[self.gap : 2 * self.gap].as_signed()
            pair = Signal.like(self.p[k].as_value(), name=f"s4_p_{k}", reset_less=True)
            m.d.sync += pair.eq(Cat(below, (above + below[-1])[: self.gap]))
            m.d.comb += self.p[k].eq(pair)
        return m

    def _product(self, m, k, activation, weights):
        if self.vendor:
            m.submodules[f"mult_{k}"] = mult = ecp5.RegisteredMultiplier()
            m.d.comb += [mult.a.eq(activation), mult.b.eq(weights)]
            return mult.p
        product = activation * weights
        for stage in range(1, 1 + ecp5.LATENCY):
            later = Signal.like(product, name=f"s{stage}_both_{k}", reset_less=True)
            m.d.sync += later.eq(product)
            product = later
        return product


def fits(activation_bits: int, weight_bits: int) -> bool:
    """Whether two weights and an activation are no wider than the cell's operands."""
    return activation_bits + 2 * weight_bits <= ecp5.OPERAND_WIDTH
