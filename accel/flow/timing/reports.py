"""Reads the JSON reports of nextpnr and Yosys."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from accel.flow.timing.paths import PathStep, TimedPath

RESOURCES = {
    "ICESTORM_LC": "LC",
    "ICESTORM_DSP": "DSP",
    "ICESTORM_RAM": "EBR",
    "ICESTORM_SPRAM": "SPRAM",
    "ICESTORM_PLL": "PLL",
    "SB_IO": "IO",
    "SB_GB": "GB",
    "TRELLIS_COMB": "LUT",
    "TRELLIS_FF": "FF",
    "TRELLIS_RAMW": "RAMW",
    "MULT18X18D": "DSP",
    "DP16KD": "EBR",
    "EHXPLLL": "PLL",
    "TRELLIS_IO": "IO",
    "DCCA": "GB",
}
"""Our names of the resources that nextpnr counts; the others are not reported."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """How much of a resource a design takes and the device has."""

    used: int
    available: int


@dataclass(frozen=True, kw_only=True)
class Clock:
    """What place and route achieved for one clock, and what was asked of it."""

    achieved_mhz: float
    constraint_mhz: float


@dataclass(frozen=True, kw_only=True)
class PlaceAndRoute:
    """nextpnr's report of one run.

    ``clocks`` and ``critical_paths`` are by the name of the clock's net; only paths that start and
    end on that clock are kept.
    """

    utilization: Mapping[str, Usage]
    clocks: Mapping[str, Clock]
    critical_paths: Mapping[str, TimedPath]


def read_nextpnr(path: Path) -> PlaceAndRoute:
    """Read the file that ``nextpnr --report`` wrote."""
    report = json.loads(path.read_text())
    return PlaceAndRoute(
        utilization={
            RESOURCES[name]: Usage(used=usage["used"], available=usage["available"])
            for name, usage in report["utilization"].items()
            if name in RESOURCES and usage["available"]
        },
        clocks={
            net: Clock(achieved_mhz=clock["achieved"], constraint_mhz=clock["constraint"])
            for net, clock in report["fmax"].items()
        },
        critical_paths=_critical_paths(report["critical_paths"]),
    )


def cells_used(path: Path) -> Mapping[str, int]:
    """How many cells of each kind a design takes, by nextpnr's own names."""
    report = json.loads(path.read_text())
    return {name: usage["used"] for name, usage in report["utilization"].items()}


def read_statistics(path: Path) -> Mapping[str, int]:
    """Read the file that Yosys's ``stat -json`` wrote: the number of cells by type."""
    statistics = json.loads(path.read_text())
    return statistics["design"]["num_cells_by_type"]


def _critical_paths(paths: list[dict]) -> dict[str, TimedPath]:
    """The worst path of every clock to itself: ends are an edge and a net, or ``<async>``."""
    found: dict[str, TimedPath] = {}
    for path in paths:
        (start_edge, _, start), (end_edge, _, end) = (
            path[which].partition(" ") for which in ("from", "to")
        )
        if not start or start != end:
            continue
        timed = _timed_path(path["path"], periods=1.0 if start_edge == end_edge else 0.5)
        if start not in found or timed.fmax_mhz < found[start].fmax_mhz:
            found[start] = timed
    return found


def _timed_path(segments: list[dict], periods: float) -> TimedPath:
    return TimedPath(
        periods=periods,
        steps=tuple(
            PathStep(
                cell=segment["to"]["cell"],
                port=segment["to"]["port"],
                delay_ns=segment["delay"],
                is_routing=segment["type"] == "routing",
            )
            for segment in segments
        ),
    )
