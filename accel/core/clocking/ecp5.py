"""The PLL of the ECP5.

FPGA-TN-02200 "ECP5 and ECP5-5G sysCLOCK PLL/DLL Design and Usage Guide"; FPGA-DS-02012 "ECP5 and
ECP5-5G Family Data Sheet", table "sysCLOCK PLL Timing".
"""

from dataclasses import dataclass

from amaranth.hdl import *

_INPUT_MHZ = (8, 400)
_PFD_MHZ = (10, 400)
_VCO_MHZ = (400, 800)
_OUTPUT_MHZ = (3.125, 400)
_VCO_MIDDLE_MHZ = 600


@dataclass(frozen=True, kw_only=True)
class Dividers:
    """Settings of a PLL with an output of its own for the feedback.

    The oscillator runs at ``input * multiple / reference``; ``multiple`` is the divider of that
    output (CLKOP), ``output`` that of the one which is used (CLKOS).
    """

    input_mhz: float
    reference: int
    multiple: int
    output: int

    @property
    def detector_mhz(self) -> float:
        return self.input_mhz / self.reference

    @property
    def vco_mhz(self) -> float:
        return self.detector_mhz * self.multiple

    @property
    def output_mhz(self) -> float:
        return self.vco_mhz / self.output


def find_dividers(input_mhz: float, output_mhz: float) -> Dividers:
    """The allowed dividers that come nearest to ``output_mhz``.

    Of equals, those with the fastest detector, then with the oscillator nearest to its middle.
    Raises ``ValueError`` if the PLL cannot work with ``input_mhz`` at all.
    """
    candidates = [
        dividers
        for reference in range(1, 41)
        for multiple in range(1, 81)
        for output in _around(input_mhz * multiple / reference / output_mhz)
        if _allowed(
            dividers := Dividers(
                input_mhz=input_mhz, reference=reference, multiple=multiple, output=output
            )
        )
    ]
    if not candidates:
        low, high = _PFD_MHZ
        raise ValueError(f"PLL input must be {low} to {high} MHz, not {input_mhz:g} MHz")
    return min(
        candidates,
        key=lambda dividers: (
            abs(dividers.output_mhz - output_mhz),
            dividers.reference,
            abs(dividers.vco_mhz - _VCO_MIDDLE_MHZ),
        ),
    )


def _around(quotient: float) -> range:
    """The output dividers that can be best."""
    return range(max(1, int(quotient)), min(128, int(quotient) + 1) + 1)


def _allowed(dividers: Dividers) -> bool:
    return all(
        low <= value <= high
        for value, (low, high) in (
            (dividers.input_mhz, _INPUT_MHZ),
            (dividers.detector_mhz, _PFD_MHZ),
            (dividers.vco_mhz, _VCO_MHZ),
            (dividers.output_mhz, _OUTPUT_MHZ),
        )
    )


# What the dividers leave open: the charge pump and the loop filter are as Lattice's tools set them,
# and nothing shifts phases or puts the PLL to sleep.
_FIXED = {
    "a_ICP_CURRENT": "12",
    "a_LPF_RESISTOR": "8",
    "a_MFG_ENABLE_FILTEROPAMP": "1",
    "a_MFG_GMCREF_SEL": "2",
    "p_PLLRST_ENA": "DISABLED",
    "p_INTFB_WAKE": "DISABLED",
    "p_STDBY_ENABLE": "DISABLED",
    "p_DPHASE_SOURCE": "DISABLED",
    "p_OUTDIVIDER_MUXA": "DIVA",
    "p_OUTDIVIDER_MUXB": "DIVB",
    "p_FEEDBK_PATH": "CLKOP",
}
_UNUSED_INPUTS = (
    *("RST", "STDBY", "PHASESEL0", "PHASESEL1", "PHASEDIR", "PHASESTEP"),
    *("PHASELOADREG", "PLLWAKESYNC", "ENCLKOP"),
)


def add_pll(m, dividers: Dividers, signal, *, clk, locked):
    """Add the PLL, fed from ``signal``, the output of the clock's input buffer."""
    feedback = Signal()
    m.submodules.pll = Instance(
        "EHXPLLL",
        **_FIXED,
        p_CLKI_DIV=dividers.reference,
        p_CLKFB_DIV=1,
        **_output("CLKOP", dividers.multiple),
        **_output("CLKOS", dividers.output),
        i_CLKI=signal,
        i_CLKFB=feedback,
        **{f"i_{name}": Const(0, 1) for name in _UNUSED_INPUTS},
        o_CLKOP=feedback,
        o_CLKOS=clk,
        o_LOCK=locked,
    )


def _output(name: str, divider: int) -> dict[str, int | str]:
    """The parameters of an output whose edges fall on the oscillator's."""
    return {
        f"p_{name}_DIV": divider,
        f"p_{name}_ENABLE": "ENABLED",
        f"p_{name}_CPHASE": divider - 1,
        f"p_{name}_FPHASE": 0,
    }
