"""The signed-off Fmax: the one that a routed design can be trusted to reach.

On ECP5 that is nextpnr's figure. On the iCE40 UltraPlus nextpnr does not time the hard cells, so a
static timing analysis of our own takes nextpnr's delays and replaces those that are wrong
(`accel.flow.timing.up5k`).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from accel.flow.timing.delays import Delays, read_sdf
from accel.flow.timing.lut_inputs import read_lut_inputs
from accel.flow.timing.paths import TimedPath
from accel.flow.timing.reports import PlaceAndRoute
from accel.flow.timing.sta import clock_of, longest_paths
from accel.flow.timing.up5k import REGISTERED_8X8, with_real_delays
from accel.flow.tools import Tool
from accel.processes.children import TimeoutExpired, run


@dataclass(frozen=True, kw_only=True)
class SignOff:
    """The timing of one clock: ours, nextpnr's, and the longest path by ours."""

    clock: str
    signed_off_mhz: float
    nextpnr_mhz: float
    worst_paths: tuple[TimedPath, ...]


def sign_off_as_reported(report: PlaceAndRoute) -> dict[str, SignOff]:
    """Take nextpnr's figures as they are, by clock net."""
    return {
        net: SignOff(
            clock=net,
            signed_off_mhz=clock.achieved_mhz,
            nextpnr_mhz=clock.achieved_mhz,
            worst_paths=(report.critical_paths[net],) if net in report.critical_paths else (),
        )
        for net, clock in report.clocks.items()
    }


def sign_off_up5k(
    report: PlaceAndRoute, *, sdf: str, synthesized: str, routed: str
) -> dict[str, SignOff]:
    """Time an UltraPlus design with its real delays, by clock net.

    ``sdf`` and ``routed`` are nextpnr's SDF file and netlist, ``synthesized`` is Yosys's netlist.
    """
    delays = read_sdf(sdf)
    real = with_real_delays(
        delays,
        registered_dsps=registered_dsps(synthesized),
        lut_inputs=read_lut_inputs(routed),
    )
    # A skew that helps is not relied on: the worse of both analyses counts.
    analyses = [longest_paths(real, skew=skew) for skew in (True, False)]
    signed_off = {}
    for net, clock in report.clocks.items():
        source = _source_of_clock(delays, report.critical_paths.get(net))
        found = [paths for analysis in analyses if (paths := analysis.get(source, ()))]
        if found:
            worst = min(found, key=lambda paths: paths[0].fmax_mhz)
            signed_off[net] = SignOff(
                clock=net,
                signed_off_mhz=worst[0].fmax_mhz,
                nextpnr_mhz=clock.achieved_mhz,
                worst_paths=worst,
            )
    return signed_off


def registered_dsps(netlist: str) -> list[str]:
    """Names, as nextpnr gives them, of the ``SB_MAC16`` in Yosys's JSON that are timed exactly."""
    modules = json.loads(netlist)["modules"].values()
    return [
        f"{name}_DSP"
        for module in modules
        for name, cell in module["cells"].items()
        if cell["type"] == "SB_MAC16" and _has(cell["parameters"], REGISTERED_8X8)
    ]


def run_icetime(tool: Tool, bitstream: Path) -> float | None:
    """IceStorm's own estimate in MHz of the paths within a UP5K, or ``None`` if it gives none."""
    command = [tool.executable, "-i", "-d", "up5k", bitstream.name]
    try:
        answer = run(command, folder=bitstream.parent, timeout=300)
    except TimeoutExpired:
        return None
    match = re.search(r"\(([\d.]+) MHz\)", answer.stdout + answer.stderr)
    return float(match.group(1)) if match else None


def _has(parameters: Mapping[str, str], wanted: Mapping[str, int]) -> bool:
    return all(int(parameters.get(name, "0"), 2) == value for name, value in wanted.items())


def _source_of_clock(delays: Delays, path: TimedPath | None):
    """The pin that drives a clock net, found through a register that the net's own path ends at."""
    if path is None:
        return None
    end = path.steps[-1]
    for port, clock_port in delays.cells[end.cell].setups:
        if port == end.port:
            return clock_of(delays, end.cell, clock_port)
    return None
