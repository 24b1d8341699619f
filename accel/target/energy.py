"""The energy of an inference: an estimate that names its method and its source.

A family whose power nobody has measured on a design of this kind has no estimate: a data sheet's
static current is a small and unknown part of the whole, and a vendor's calculator asks for toggle
rates that nobody knows.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Power:
    """Power of the core supply of a family: a constant part, and a part that grows with the clock,
    at work and while the core waits with its clock running."""

    static_milliwatts: float
    milliwatts_per_mhz: float
    idle_milliwatts_per_mhz: float
    method: str
    idle_method: str
    source: str

    def milliwatts(self, mhz: float) -> float:
        """At work."""
        return self.static_milliwatts + self.milliwatts_per_mhz * mhz

    def idle_milliwatts(self, mhz: float) -> float:
        """Between two inferences."""
        return self.static_milliwatts + self.idle_milliwatts_per_mhz * mhz


# By `AcceleratorConfig.family`.
POWERS: Mapping[str, Power] = MappingProxyType(
    {
        "ice40up": Power(
            # The line through 10.58 mW at 12 MHz and 16.99 mW at 20 MHz.
            static_milliwatts=0.965,
            milliwatts_per_mhz=0.80125,
            # With the same constant part, through 3.53 mW at 12 MHz.
            idle_milliwatts_per_mhz=0.21375,
            method="0.97 mW and 0.80 mW/MHz, of a like design on the same chip: 8-bit layers on "
            "all 8 DSPs and 4 SPRAMs",
            idle_method="0.21 mW/MHz, measured at 12 MHz, while it waits with its clock running",
            source="MARLANN on the iCE40UP5K, core supply measured at 12 and 20 MHz "
            "(github.com/SymbioticEDA/MARLANN, power-test/README.md, 2018)",
        ),
    }
)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """``microjoules`` of what was asked for, and its mean ``milliwatts``; ``None`` where not
    estimated."""

    microjoules: float | None
    milliwatts: float | None
    method: str
    source: str | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def estimate(family: str, *, cycles: int, mhz: float) -> Estimate:
    """The energy of an inference of ``cycles`` at a clock of ``mhz`` on a family's chip.

    Of the FPGA's core supply alone: not of oscillator, flash, regulators or host.
    """
    power = POWERS.get(family)
    if power is None:
        return _unknown(family)
    milliwatts = power.milliwatts(mhz)
    return Estimate(
        microjoules=milliwatts * cycles / mhz / 1e3,
        milliwatts=milliwatts,
        method=power.method,
        source=power.source,
    )


def estimate_step(family: str, *, cycles: int, mhz: float, milliseconds: float) -> Estimate:
    """The energy of a step that comes every so many ``milliseconds``, as those of a stream do.

    The core is at work for ``cycles``, and idle for the rest of the time, with its clock running;
    while bytes cross the link it counts as idle. A step that takes longer than its time has no
    rest.
    """
    power = POWERS.get(family)
    if power is None:
        return _unknown(family)
    work = cycles / mhz / 1e3
    rest = max(0.0, milliseconds - work)
    microjoules = power.milliwatts(mhz) * work + power.idle_milliwatts(mhz) * rest
    return Estimate(
        microjoules=microjoules,
        milliwatts=microjoules / (work + rest),
        method=f"{power.method}; {power.idle_method}",
        source=power.source,
    )


def _unknown(family: str) -> Estimate:
    return Estimate(
        microjoules=None,
        milliwatts=None,
        method=f"not estimated: no measured power of a like design on {family}",
        source=None,
    )
