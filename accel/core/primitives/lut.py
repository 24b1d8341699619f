"""A function of four bits that is to be one cell, whatever synthesis would make of it."""

from collections.abc import Callable
from itertools import product

from amaranth.hdl import *

from .family import Family

ICE40 = ("ice40up", "ice40hx")


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
    if family not in ICE40 or simulate:
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
