"""Cells of the iCE40: a LUT that is one whatever synthesis would make of it, and multipliers.

One ``SB_MAC16`` of the UltraPlus computes two independent 8x8 products.

FPGA-TN-02007 "DSP Function Usage Guide for iCE40 Devices"; port and parameter names are those of
the "iCE Technology Library".
"""

from collections.abc import Callable
from itertools import product

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..signals import idle_high
from .family import Family

FAMILIES = ("ice40up", "ice40hx")
OPERAND_WIDTH = 8
LATENCY = 2

_DUAL_8X8 = {
    "p_MODE_8x8": Const(1, 1),
    "p_A_REG": Const(1, 1),
    "p_B_REG": Const(1, 1),
    "p_TOP_8x8_MULT_REG": Const(1, 1),
    "p_BOT_8x8_MULT_REG": Const(1, 1),
    "p_TOPOUTPUT_SELECT": Const(2, 2),
    "p_BOTOUTPUT_SELECT": Const(2, 2),
}


class DualMultiplier(wiring.Component):
    """Two products of 8-bit numbers in one ``SB_MAC16``.

    ``p[k] = a[k] * b[k]``, two cycles later, one a cycle: the operands' registers and the products'
    registers are those of the cell. The registers keep their values while ``en`` is 0 and have no
    reset.

    Parameters
    ----------
    a_shape, b_shape : Shape
        Shape of the operands, ``signed(8)`` or ``unsigned(8)`` each.
    """

    def __init__(self, a_shape: Shape, b_shape: Shape):
        self.a_shape = a_shape
        self.b_shape = b_shape
        super().__init__(
            {
                "en": idle_high(In),
                "a": In(data.ArrayLayout(a_shape, 2)),
                "b": In(data.ArrayLayout(b_shape, 2)),
                "p": Out(data.ArrayLayout(unsigned(16), 2)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.mac16 = Instance(
            "SB_MAC16",
            **_DUAL_8X8,
            p_A_SIGNED=Const(self.a_shape.signed, 1),
            p_B_SIGNED=Const(self.b_shape.signed, 1),
            i_CLK=ClockSignal(),
            i_CE=self.en,
            i_A=self.a.as_value(),
            i_B=self.b.as_value(),
            i_C=Const(0, 16),
            i_D=Const(0, 16),
            **{f"i_{name}": Const(0, 1) for name in _UNUSED_CONTROLS},
            o_O=self.p.as_value(),
        )
        return m


_UNUSED_CONTROLS = (
    *("AHOLD", "BHOLD", "CHOLD", "DHOLD", "OHOLDTOP", "OHOLDBOT"),
    *("IRSTTOP", "IRSTBOT", "ORSTTOP", "ORSTBOT", "OLOADTOP", "OLOADBOT"),
    *("ADDSUBTOP", "ADDSUBBOT", "CI", "ACCUMCI", "SIGNEXTIN"),
)


def lut_init(function: Callable[..., int]) -> int:
    """The contents of an iCE40's LUT, whose inputs I0 to I3 are the arguments."""
    return sum(
        (function(*reversed(bits)) & 1) << index
        for index, bits in enumerate(product(range(2), repeat=4))
    )


def chosen(m: Module, name: str, choose, one, masked, other, *, family: Family, simulate: bool):
    """``Mux(choose, one | masked, other)``, on an iCE40 in one cell for each bit.

    Where ``other`` is a choice, too, synthesis shares parts of both choices between several of
    these, and takes cells for the parts.
    """
    if family not in FAMILIES or simulate:
        return Mux(choose, one | masked, other)
    init = lut_init(lambda choose, one, masked, other: one | masked if choose else other)
    result = Signal(len(one), name=name)
    for bit in range(len(one)):
        m.submodules[f"{name}_{bit}"] = Instance(
            "SB_LUT4",
            p_LUT_INIT=Const(init, 16),
            i_I0=choose,
            i_I1=one[bit],
            i_I2=masked[bit],
            i_I3=other[bit],
            o_O=result[bit],
        )
    return result
