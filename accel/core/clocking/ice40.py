"""Clocks of the iCE40: its PLL, and the UltraPlus's oscillator.

FPGA-TN-02052 "iCE40 sysCLOCK PLL Design and Usage Guide"; FPGA-DS-02008 "iCE40 UltraPlus Family
Data Sheet", table "sysCLOCK PLL Timing".
"""

from dataclasses import dataclass

from amaranth.hdl import *

OSCILLATOR_MHZ = 48.0

_PFD_MHZ = (10, 133)
_VCO_MHZ = (533, 1066)
_OUTPUT_MHZ = (16, 275)
# Upper limit of the phase detector's frequency for every value of FILTER_RANGE but the last.
_FILTER_RANGES = ((17, 1), (26, 2), (44, 3), (66, 4), (101, 5))


@dataclass(frozen=True, kw_only=True)
class Dividers:
    """Settings of a PLL with simple feedback: ``input (f + 1) / ((r + 1) 2**q)``."""

    input_mhz: float
    r: int
    f: int
    q: int

    @property
    def detector_mhz(self) -> float:
        return self.input_mhz / (self.r + 1)

    @property
    def vco_mhz(self) -> float:
        return self.detector_mhz * (self.f + 1)

    @property
    def output_mhz(self) -> float:
        return self.vco_mhz / 2**self.q

    @property
    def filter_range(self) -> int:
        return next((value for limit, value in _FILTER_RANGES if self.detector_mhz < limit), 6)


def find_dividers(input_mhz: float, output_mhz: float) -> Dividers:
    """The allowed dividers that come nearest to ``output_mhz``; of equals, the fastest detector.

    Raises ``ValueError`` if the PLL cannot work with ``input_mhz`` at all.
    """
    candidates = [
        dividers
        for r in range(min(16, int(input_mhz / _PFD_MHZ[0])))
        for f in range(128)
        for q in range(1, 7)
        if _allowed(dividers := Dividers(input_mhz=input_mhz, r=r, f=f, q=q))
    ]
    if not candidates:
        low, high = _PFD_MHZ
        raise ValueError(f"PLL input must be {low} to {high} MHz, not {input_mhz:g} MHz")
    return min(candidates, key=lambda dividers: (abs(dividers.output_mhz - output_mhz), dividers.r))


def _allowed(dividers: Dividers) -> bool:
    return all(
        low <= value <= high
        for value, (low, high) in (
            (dividers.detector_mhz, _PFD_MHZ),
            (dividers.vco_mhz, _VCO_MHZ),
            (dividers.output_mhz, _OUTPUT_MHZ),
        )
    )


def add_pll(m, dividers: Dividers, port, *, pll_pad: bool, clk, locked):
    """Add the PLL, fed from ``port``, an input of the device.

    With ``pll_pad`` the port is the pad of the PLL itself, and no input buffer can be used there;
    otherwise ``port`` is the output of one.
    """
    m.submodules.pll = Instance(
        "SB_PLL40_PAD" if pll_pad else "SB_PLL40_CORE",
        p_FEEDBACK_PATH="SIMPLE",
        p_PLLOUT_SELECT="GENCLK",
        p_DIVR=Const(dividers.r, 4),
        p_DIVF=Const(dividers.f, 7),
        p_DIVQ=Const(dividers.q, 3),
        p_FILTER_RANGE=Const(dividers.filter_range, 3),
        i_RESETB=Const(1, 1),
        i_BYPASS=Const(0, 1),
        **{"i_PACKAGEPIN" if pll_pad else "i_REFERENCECLK": port},
        o_PLLOUTGLOBAL=clk,
        o_LOCK=locked,
    )


def add_oscillator(m, exponent: int, *, clk):
    """Add the UltraPlus's oscillator, divided by ``2**exponent``."""
    m.submodules.oscillator = Instance(
        "SB_HFOSC",
        p_CLKHF_DIV=f"0b{exponent:02b}",
        i_CLKHFPU=Const(1, 1),
        i_CLKHFEN=Const(1, 1),
        o_CLKHF=clk,
    )
