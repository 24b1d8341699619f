"""Worst-case delays of the iCE40 UltraPlus where nextpnr-ice40's are not the real ones.

nextpnr takes 0.1 ns for every delay of ``SB_MAC16`` and for every setup time of the memories, and
times the inputs of a look-up table as they were before the router swapped them. The figures here
are the largest of their kind in IceStorm's ``timings_up5k.txt`` (slow corner, in ps), extracted
from the vendor's tool. The cell there whose configuration is ours, operand and product registers on
and the products taken out, is ``SB_MAC16_MUL_S_8X8_ALL_PIPELINE``.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from accel.flow.timing.delays import Cell, Delays

# fmt: off
REGISTERED_8X8 = {
    "MODE_8x8": 1, "A_REG": 1, "B_REG": 1, "TOP_8x8_MULT_REG": 1, "BOT_8x8_MULT_REG": 1,
    "TOPOUTPUT_SELECT": 2, "BOTOUTPUT_SELECT": 2,
}
# fmt: on
"""The parameters of an ``SB_MAC16`` that is timed as what it is; any other gets the worst of
all."""

INTERNAL = "<inside>"
"""A port that stands for a register inside of a cell, where a path within the cell ends."""


@dataclass(frozen=True, kw_only=True)
class CellTiming:
    """Delays of a kind of cell: port (without bit number) to ps."""

    clock_to_out: Mapping[str, int] = field(default_factory=dict)
    setup: Mapping[str, int] = field(default_factory=dict)


TIMING = {
    "ICESTORM_DSP": CellTiming(
        # The internal path, operand register to product register, is bounded by the cell's
        # combinational delay (MUL_S_8X8_BYPASS, B to O).
        clock_to_out={"O": 2120, INTERNAL: 5960},
        setup={"A": 15, "B": 7, "AHOLD": 378, "BHOLD": 351},
    ),
    "ICESTORM_SPRAM": CellTiming(
        clock_to_out={"DATAOUT": 1822},
        setup={"ADDRESS": 268, "CHIPSELECT": 404, "DATAIN": 144, "MASKWREN": 144, "WREN": 289},
    ),
    "ICESTORM_RAM": CellTiming(
        clock_to_out={"RDATA": 1179},
        setup={
            "RADDR": 385,
            "RCLKE": 504,
            "RE": 186,
            "WADDR": 424,
            "WCLKE": 504,
            "WE": 252,
            "WDATA": 305,
            "MASK": 517,
        },
    ),
    "ICESTORM_LC": CellTiming(setup={"SR": 530}),
}

# By physical input of a look-up table: to its output, and to the flip-flop after it. The latter are
# nextpnr's own, which are a little longer than IceStorm's.
_LUT_PS = (1285, 1232, 1206, 875)
_LUT_SETUP_PS = (1234, 1181, 1155, 824)

# MUL_S_16X16_BYPASS, B to O: no other configuration has a longer delay.
_ANY_DSP_PS = 9050


def with_real_delays(
    delays: Delays,
    *,
    registered_dsps: Iterable[str],
    lut_inputs: Mapping[str, Mapping[str, int]],
) -> Delays:
    """Replace those of nextpnr's delays that are not the real ones.

    Parameters
    ----------
    delays : Delays
        nextpnr's.
    registered_dsps : iterable of str
        The DSP cells that are configured as ``REGISTERED_8X8``. Any other is given the longest
        delay of all configurations from and to every pin.
    lut_inputs : mapping
        By cell and port, the physical input of the look-up table that a signal arrives at.
    """
    registered = frozenset(registered_dsps)
    cells = {}
    for name, cell in delays.cells.items():
        if cell.kind == "ICESTORM_DSP" and name not in registered:
            cell = _slowest_dsp(cell)
        elif cell.kind in TIMING:
            cell = _corrected(cell, TIMING[cell.kind])
        if name in lut_inputs:
            cell = _swapped(cell, lut_inputs[name])
        cells[name] = cell
    return dataclasses.replace(delays, cells=cells)


def _swapped(cell: Cell, inputs: Mapping[str, int]) -> Cell:
    arcs = {
        (start, end): _LUT_PS[inputs[start]] if start in inputs and end == "O" else delay
        for (start, end), delay in cell.arcs.items()
    }
    setups = {
        (port, clock): _LUT_SETUP_PS[inputs[port]] if port in inputs else delay
        for (port, clock), delay in cell.setups.items()
    }
    return dataclasses.replace(cell, arcs=arcs, setups=setups)


def _corrected(cell: Cell, timing: CellTiming) -> Cell:
    arcs = {
        (start, end): max(delay, timing.clock_to_out.get(_group(end), 0))
        if _is_clock(start)
        else delay
        for (start, end), delay in cell.arcs.items()
    }
    setups = {
        (port, clock): max(delay, timing.setup.get(_group(port), 0))
        for (port, clock), delay in cell.setups.items()
    }
    falling = cell.falling
    if INTERNAL in timing.clock_to_out:
        if cell.launches_falling("CLK", INTERNAL):
            falling |= {(INTERNAL, "CLK")}
        arcs["CLK", INTERNAL] = timing.clock_to_out[INTERNAL]
        setups[INTERNAL, "CLK"] = 0
    return dataclasses.replace(cell, arcs=arcs, setups=setups, falling=falling)


def _slowest_dsp(cell: Cell) -> Cell:
    outputs = {end for _, end in cell.arcs}
    inputs = {port for port, _ in cell.setups}
    arcs = {(start, end): _ANY_DSP_PS for start in ("CLK", *inputs) for end in outputs}
    setups = dict.fromkeys(cell.setups, _ANY_DSP_PS)
    return dataclasses.replace(cell, arcs=arcs, setups=setups)


def _is_clock(port: str) -> bool:
    return port in ("CLK", "CLOCK", "RCLK", "WCLK")


def _group(port: str) -> str:
    return re.sub(r"_\d+$", "", port)
