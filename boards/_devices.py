"""The FPGAs: their resources, and the core that a board with one gets unless its file says
otherwise.

Resources are named as in ``report.json``. They are the manufacturer's figures; the open tools may
see more: an LFE5U-12F is made of the die of a 25F.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

# Where nearly all cells are taken: the default placer and router do not always come to an end, and
# this placer's results are a tenth faster.
_FULL = ("--placer", "static", "--router", "router2")

# The multipliers of a pair of DSP slices: tiles from its first one on, and names (Project Trellis).
_MULTIPLIERS = ((0, "MULT18_0"), (1, "MULT18_1"), (4, "MULT18_4"), (5, "MULT18_5"))
# The blocks of RAM of a group, which is as wide as such a pair.
_BLOCKS = ((0, "EBR0"), (2, "EBR1"), (4, "EBR2"), (6, "EBR3"))


def _bels(
    cells: tuple[tuple[int, str], ...], rows: tuple[int, ...], groups: tuple[int, ...]
) -> tuple[tuple[str, ...], ...]:
    """BELs of ``cells``, by the rows of tiles and the columns at which their groups begin."""
    return tuple(
        tuple(f"X{x + dx}/Y{y}/{name}" for x in groups for dx, name in cells) for y in rows
    )


@dataclass(frozen=True, kw_only=True)
class Device:
    """An FPGA.

    Attributes
    ----------
    name : str
        As platforms of Amaranth call it.
    family, clock_family : str
        As `AcceleratorConfig` and as `ClockPlan` have it.
    resources : mapping of str to int
        What it has.
    core : mapping
        The default core: arguments of ``AcceleratorConfig``.
    core_mhz : float
        A clock that this core reaches in the slowest speed grade.
    pll_pads : mapping of str to str
        By package, the pad of the PLL that takes over the input that is there.
    nextpnr_options, seeds, dsp_rows, ebr_rows : tuple
        Of place and route; the first seeds are the fastest of a board with the device, where
        ``results.json`` has eight.
    """

    name: str
    family: str
    clock_family: str
    resources: Mapping[str, int]
    core: Mapping[str, Any]
    core_mhz: float
    pll_pads: Mapping[str, str] = field(default_factory=dict)
    nextpnr_options: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (1, 2)
    dsp_rows: tuple[tuple[str, ...], ...] = ()
    ebr_rows: tuple[tuple[str, ...], ...] = ()

    def on_board(self, package: str, **core: Any) -> dict[str, Any]:
        """Arguments of ``Board`` for this device in a package, with changes to the default core."""
        return {
            "family": self.family,
            "device": f"{self.name}-{package}",
            "resources": self.resources,
            "configuration": {**self.core, "family": self.family, **core},
            "nextpnr_options": self.nextpnr_options,
            "seeds": self.seeds,
            "dsp_rows": self.dsp_rows,
            "ebr_rows": self.ebr_rows,
        }


def _ice40(name: str, mhz: float, seeds: tuple[int, ...]) -> Device:
    return Device(
        name=name,
        family="ice40hx",
        clock_family="ice40",
        resources={"LC": 7680, "EBR": 32},
        # All of the memory, and nine tenths of the cells.
        core={
            "rows": 4,
            "columns": 6,
            "element": "booth",
            "weight_steps": 512,
            "bank_words": 1024,
        },
        core_mhz=mhz,
        nextpnr_options=_FULL,
        seeds=seeds,
    )


def _ecp5(
    name: str,
    luts: int,
    dsps: int,
    ebrs: int,
    core: Mapping[str, Any],
    mhz: float,
    seeds: tuple[int, ...] = (1, 2),
    dsp_rows: tuple[tuple[str, ...], ...] = (),
    ebr_rows: tuple[tuple[str, ...], ...] = (),
) -> Device:
    return Device(
        name=name,
        family="ecp5",
        clock_family="ecp5",
        resources={"LUT": luts, "FF": luts, "DSP": dsps, "EBR": ebrs},
        core=core,
        core_mhz=mhz,
        nextpnr_options=_FULL,
        seeds=seeds,
        dsp_rows=dsp_rows,
        ebr_rows=ebr_rows,
    )


ICE40UP5K = Device(
    name="iCE40UP5K",
    family="ice40up",
    clock_family="ice40up",
    resources={"LC": 5280, "DSP": 8, "EBR": 30, "SPRAM": 4},
    # A bit of the sums takes 32 cells. A dot product that needs more of them is computed in parts,
    # which takes none of the reference networks longer.
    core={"rows": 4, "columns": 4, "sum_bits": 22},
    core_mhz=37.5,
    pll_pads={"SG48": "35"},
    # Half the wires of the default placer's, so routing comes to an end in a fifth of the time.
    nextpnr_options=("--placer", "static"),
    seeds=(4, 5, 6, 8),
)
ICE40HX8K = _ice40("iCE40HX8K", 84.0, (1, 5))
ICE40LP8K = _ice40("iCE40LP8K", 48.0, (3, 1))

LFE5U_12F = _ecp5("LFE5U-12F", 12144, 28, 32, {"rows": 4, "columns": 4, "bank_words": 4096}, 90.0)
# More than its DSPs can do is made of its logic.
_MEDIUM = {
    "rows": 8,
    "columns": 8,
    "element": "mixed",
    "dsps": 28,
    "requantizers": 2,
    "bank_words": 5120,
}
LFE5U_25F = _ecp5(
    "LFE5U-25F",
    24288,
    28,
    56,
    _MEDIUM,
    80.0,
    (3, 1),
    _bels(_MULTIPLIERS, (13,), (4, 13, 22, 33, 42, 51, 60)),
)
_LARGE = {"rows": 8, "columns": 8, "requantizers": 2, "sum_bits": 28, "bank_words": 8192}
LFE5U_45F = _ecp5(
    "LFE5U-45F",
    43848,
    72,
    108,
    _LARGE,
    80.0,
    (1, 2),
    _bels(_MULTIPLIERS, (22, 46), (4, 13, 22, 31, 42, 51, 60, 69, 78)),
)
# All of the block RAM: the weights of small networks beside their activations.
_LARGEST = {
    "rows": 8,
    "columns": 16,
    "requantizers": 8,
    "sum_bits": 28,
    "bank_words": 22528,
}
_GROUPS = (4, 13, 22, 31, 40, 49, 58, 69, 78, 87, 96, 105, 114)
LFE5U_85F = _ecp5(
    "LFE5U-85F",
    83640,
    156,
    208,
    _LARGEST,
    100.0,
    (7, 2),
    _bels(_MULTIPLIERS, (10, 34, 58), _GROUPS),
    _bels(_BLOCKS, (22, 46, 70, 82), _GROUPS),
)

# Those with transceivers are the same apart from them.
DEVICES: Mapping[str, Device] = MappingProxyType(
    {
        device.name: device
        for plain in (ICE40UP5K, ICE40HX8K, ICE40LP8K, LFE5U_12F, LFE5U_25F, LFE5U_45F, LFE5U_85F)
        for device in (
            plain,
            *(
                replace(plain, name=plain.name.replace("LFE5U-", f"{series}-"))
                for series in ("LFE5UM", "LFE5UM5G")
                if plain.family == "ecp5" and plain is not LFE5U_12F
            ),
        )
    }
)
"""All by name."""
