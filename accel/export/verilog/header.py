"""The comment at the beginning of an exported core."""

import accel
from accel.export.verilog import licence
from accel.export.verilog.facts import Facts

CELLS = {
    "generic": "generic Verilog, for any FPGA",
    "ice40up": "cells of the Lattice iCE40 UltraPlus (SB_MAC16, SB_SPRAM256KA, SB_LUT4, SB_CARRY)",
    "ice40hx": "cells of the Lattice iCE40 HX and LP (SB_LUT4, SB_CARRY)",
    "ecp5": "cells of the Lattice ECP5 (MULT18X18D, DP16KD, CCU2C, TRELLIS_FF)",
}
"""What a family's cores are made of."""

_ICE40 = """;
        but an iCE40's block RAMs read as zeros at first: hold rst for 15 us after configuration"""
_LATE = {"generic": "", "ice40up": _ICE40, "ice40hx": _ICE40, "ecp5": ""}
_BUS = {
    "axis": "two AXI4-Streams of bytes, s_axis to the core and m_axis from it",
    "wishbone": "Wishbone B4 in standard cycles, 32 bits: four registers",
    "axi4lite": "AXI4-Lite, 32 bits: four registers",
}


def header(facts: Facts) -> str:
    """What the file is, its clock and reset, and the licence."""
    config = facts.config
    text = f"""\
{facts.module}: a {config.rows}x{config.columns} {config.format} core for quantized neural networks

Made by accel {accel.__version__}. README.md beside this file says how to use it.

Clock:  clk, the only one; all registers take its rising edge.
Reset:  rst, synchronous and active-high, for one cycle or more. Registers also have initial
        values, so a core that was just configured works without a reset{_LATE[config.family]}.
Bus:    {_BUS[facts.bus]}
Cells:  {CELLS[config.family]}

SPDX-License-Identifier: {licence.NAME}

This hardware is generated from accel's sources and is under their licence. You may use it, change
it, and ship it in products of your own, as the licence says:

{licence.TEXT}"""
    lines = (f"// {line}".rstrip() for line in text.rstrip("\n").splitlines())
    return "\n".join(lines) + "\n\n"
