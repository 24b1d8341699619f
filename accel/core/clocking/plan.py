"""The clock that a board's core is to run from, and what can be made of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from accel.core.clocking import ecp5, ice40

_FINDERS: dict[str, Callable[[float, float], ice40.Dividers | ecp5.Dividers]] = {
    "ice40": ice40.find_dividers,
    "ice40up": ice40.find_dividers,
    "ecp5": ecp5.find_dividers,
}


@dataclass(frozen=True, kw_only=True)
class ClockPlan:
    """A core clock made from a board's oscillator, or from that of an iCE40 UltraPlus itself.

    Parameters
    ----------
    family : str
        ``"ice40"`` (HX and LP), ``"ice40up"`` or ``"ecp5"``.
    output_mhz : float
        The clock to make. What is really made is ``made_mhz``.
    pin : str or None
        Name of the board's clock resource. ``None`` takes the UltraPlus's 48 MHz oscillator, which
        is only accurate to 10 %, too little for a UART.
    input_mhz : float
        Frequency at the pin.
    pll_pad : bool
        Whether the pin is the pad that an iCE40's PLL sits at, which the PLL then takes over.
    tolerance : float
        Largest accepted difference between both, relative.

    Raises
    ------
    ValueError
        If the family is unknown or the clock cannot be made within the tolerance.
    """

    family: str
    output_mhz: float
    pin: str | None = None
    input_mhz: float = ice40.OSCILLATOR_MHZ
    pll_pad: bool = False
    tolerance: float = 0.01

    def __post_init__(self):
        if self.family not in _FINDERS:
            known = ", ".join(repr(name) for name in _FINDERS)
            raise ValueError(f"Clock family must be one of {known}, not {self.family!r}")
        if self.pin is None and self.family != "ice40up":
            raise ValueError(f"Clock pin must be given, since {self.family!r} has no oscillator")
        if abs(self.made_mhz - self.output_mhz) > self.tolerance * self.output_mhz:
            raise ValueError(
                f"Clock of {self.output_mhz:g} MHz cannot be made from {self.input_mhz:g} MHz; "
                f"the nearest is {self.made_mhz:g} MHz"
            )

    @cached_property
    def dividers(self) -> ice40.Dividers | ecp5.Dividers | None:
        """The PLL's dividers; ``None`` where no PLL is needed."""
        if self.pin is None or self.input_mhz == self.output_mhz:
            return None
        return _FINDERS[self.family](self.input_mhz, self.output_mhz)

    @property
    def oscillator_exponent(self) -> int:
        """The built-in oscillator's divider, as a power of two."""
        return min(range(4), key=lambda n: abs(ice40.OSCILLATOR_MHZ / 2**n - self.output_mhz))

    @property
    def made_mhz(self) -> float:
        """The clock that the hardware makes."""
        if self.pin is None:
            return ice40.OSCILLATOR_MHZ / 2**self.oscillator_exponent
        return self.dividers.output_mhz if self.dividers else self.input_mhz
