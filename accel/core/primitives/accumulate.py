"""An accumulator's adder that can also begin a sum, in nothing but the cells of its carry chain.

On an iCE40 a cell's LUT has the choice as an input beside both operands and the carry. Synthesis
finds that for all bits but the lowest, which has no carry and so gets a cell for its sum and
another one for its carry.

FPGA-TN-02002 "ECP5 sysIO / PFU": each half of a CCU2C is a LUT of four inputs that the carry is
XORed to, and a LUT of two of them that makes a carry where the first one says that none passes.
Synthesis gives the adder two of the inputs and puts the choice into cells of its own after it.
"""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .family import Family
from .ice40 import lut_init

# Bit ``A + 2 B + 4 C + 8 D`` of either half, with D always 1: A is a bit of the sum, B of the
# product, and C begins a sum. Where C is 0 the carry is added to ``A ^ B``, else to B. Where no
# carry passes, B makes one, which it never does after a C of 1.
_SUM = 0b1100_0110 << 8
_CARRY = 0b1100


_ICE40 = lut_init(lambda begin, b, a, carry: b if begin else a ^ b ^ carry)


class BeginOrAdd(wiring.Component):
    """``o`` is ``b`` where ``begin`` is set, else ``a + b``, modulo its width, at once."""

    def __init__(self, width: int, *, family: Family = "ecp5", simulate: bool = False):
        self.width = width
        self.family = family
        self.simulate = simulate
        super().__init__(
            {
                "begin": In(1),
                "a": In(signed(width)),
                "b": In(signed(width)),
                "o": Out(signed(width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        if self.simulate:
            m.d.comb += self.o.eq(Mux(self.begin, self.b, self.a + self.b))
        elif self.family == "ecp5":
            self._add_ecp5(m)
        else:
            self._add_ice40(m)
        return m

    def _add_ice40(self, m):
        carry = C(0, 1)
        for bit in range(self.width):
            a, b = self.a[bit], self.b[bit]
            m.submodules[f"lut_{bit}"] = Instance(
                "SB_LUT4",
                p_LUT_INIT=Const(_ICE40, 16),
                i_I0=self.begin,
                i_I1=b,
                i_I2=a,
                i_I3=carry,
                o_O=self.o[bit],
            )
            if bit < self.width - 1:
                following = Signal(name=f"carry_{bit}")
                m.submodules[f"carry_{bit}"] = Instance(
                    "SB_CARRY", i_I0=b, i_I1=a, i_CI=carry, o_CO=following
                )
                carry = following

    def _add_ecp5(self, m):
        carry = C(0, 1)
        for low in range(0, self.width, 2):
            following, sums = Signal(name=f"carry_{low}"), Signal(2, name=f"sums_{low}")
            ports = {}
            for half in range(2):
                index = low + half
                inside = index < self.width
                ports |= {
                    f"p_INIT{half}": Const(_SUM | _CARRY, 16),
                    f"p_INJECT1_{half}": "NO",
                    f"i_A{half}": self.a[index] if inside else Const(0, 1),
                    f"i_B{half}": self.b[index] if inside else Const(0, 1),
                    f"i_C{half}": self.begin,
                    f"i_D{half}": Const(1, 1),
                    f"o_S{half}": sums[half],
                }
            m.submodules[f"cell_{low}"] = Instance("CCU2C", i_CIN=carry, o_COUT=following, **ports)
            m.d.comb += self.o[low : low + 2].eq(sums)
            carry = following
