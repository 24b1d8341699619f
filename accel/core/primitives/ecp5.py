"""Multipliers of the ECP5: one ``MULT18X18D`` with all three of its registers.

FPGA-TN-02205 "ECP5 and ECP5-5G sysDSP Usage Guide". Yosys infers the cell but never packs registers
into it, hence the instance.
"""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..signals import idle_high

OPERAND_WIDTH = 18
PRODUCT_WIDTH = 36
LATENCY = 3

_ALL_REGISTERS = {
    f"p_REG_{register}_{control}": value
    for register in ("INPUTA", "INPUTB", "PIPELINE", "OUTPUT")
    for control, value in (("CLK", "CLK0"), ("CE", "CE0"), ("RST", "RST0"))
}


class RegisteredMultiplier(wiring.Component):
    """One signed product of 18-bit numbers in one ``MULT18X18D``.

    ``p = a * b``, three cycles later (operand, pipeline and output register), one a cycle. The
    registers keep their values while ``en`` is 0 and have no reset.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "en": idle_high(In),
                "a": In(signed(OPERAND_WIDTH)),
                "b": In(signed(OPERAND_WIDTH)),
                "p": Out(signed(PRODUCT_WIDTH)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.mult = Instance(
            "MULT18X18D",
            **_ALL_REGISTERS,
            p_GSR="DISABLED",
            p_RESETMODE="SYNC",
            i_CLK0=ClockSignal(),
            i_CE0=self.en,
            i_RST0=Const(0, 1),
            i_SIGNEDA=Const(1, 1),
            i_SIGNEDB=Const(1, 1),
            i_SOURCEA=Const(0, 1),
            i_SOURCEB=Const(0, 1),
            **_bits("i_A", self.a),
            **_bits("i_B", self.b),
            **_bits("i_C", Const(0, OPERAND_WIDTH)),
            **_bits("o_P", self.p),
        )
        return m


def _bits(prefix, value):
    return {f"{prefix}{index}": value[index] for index in range(len(value))}
