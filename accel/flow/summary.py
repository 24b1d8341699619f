"""The contents of ``report.json`` of a finished build."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from accel.flow.modules import logic_of_modules
from accel.flow.plan import BuildPlan
from accel.flow.timing.paths import TimedPath
from accel.flow.timing.reports import PlaceAndRoute
from accel.flow.timing.signoff import SignOff, run_icetime
from accel.flow.tools import Tool, find_optional

_DIGITS = 3
_WORDS = 10


@dataclass(frozen=True, kw_only=True)
class Run:
    """Place and route with one seed: its folder, nextpnr's report and every clock's timing."""

    seed: int
    folder: Path
    report: PlaceAndRoute
    clocks: Mapping[str, SignOff]
    clock_mhz: float

    @property
    def timing(self) -> SignOff:
        """Timing of the design's clock: the one with the requested constraint, or the slower one
        where a gate makes two of it."""
        constraints = self.report.clocks
        return min(
            self.clocks.values(),
            key=lambda clock: (
                abs(constraints[clock.clock].constraint_mhz - self.clock_mhz),
                clock.signed_off_mhz,
            ),
        )

    @property
    def timing_met(self) -> bool:
        """Whether every clock of the design reaches its target."""
        constraints = self.report.clocks
        return self.timing.signed_off_mhz >= self.clock_mhz and all(
            clock.signed_off_mhz >= constraints[net].constraint_mhz * (1 - 1e-4)
            for net, clock in self.clocks.items()
        )


def summarize(
    plan: BuildPlan, runs: Sequence[Run], best: Run, tools: Sequence[Tool]
) -> dict[str, Any]:
    """The part of ``report.json`` that the flow knows; frequencies in MHz, delays in ns."""
    signed_off = [run.timing.signed_off_mhz for run in runs]
    paths = best.timing.worst_paths
    report = {
        "utilization": {name: asdict(use) for name, use in best.report.utilization.items()},
        "modules": logic_of_modules((best.folder / f"{plan.name}.json").read_text(), plan.name),
        "clock_mhz": plan.clock_mhz,
        "fmax_mhz": {
            "signed_off": _rounded(best.timing.signed_off_mhz),
            "nextpnr": _rounded(best.timing.nextpnr_mhz),
            "median": _rounded(statistics.median(signed_off)),
            "min": _rounded(min(signed_off)),
            "max": _rounded(max(signed_off)),
            "failed_seeds": [s for s in plan.seeds if s not in {run.seed for run in runs}],
            "seeds": [
                {
                    "seed": run.seed,
                    "signed_off": _rounded(run.timing.signed_off_mhz),
                    "nextpnr": _rounded(run.timing.nextpnr_mhz),
                }
                for run in runs
            ],
        },
        "timing_met": best.timing_met,
        "clocks": {
            net: {
                "constraint_mhz": _rounded(best.report.clocks[net].constraint_mhz),
                "signed_off_mhz": _rounded(timing.signed_off_mhz),
            }
            for net, timing in best.clocks.items()
        },
        "best_seed": best.seed,
        "critical_path": paths[0].as_json() if paths else None,
        "worst_paths": _words(paths),
        "digest": plan.digest(),
        "tools": [
            {"name": "amaranth", "version": metadata.version("amaranth")},
            *({"name": tool.name, "version": tool.version} for tool in tools),
        ],
    }
    estimate = _icetime(plan, best)
    return report | ({"icetime_mhz": estimate} if estimate else {})


def is_complete(plan: BuildPlan, report: Mapping[str, Any]) -> bool:
    """Whether a report has everything that the installed tools can give: icetime may have been
    stopped."""
    return "icetime_mhz" in report or _icetime_tool(plan) is None


def _icetime_tool(plan: BuildPlan) -> Tool | None:
    return find_optional("icetime") if "--up5k" in plan.place_and_route else None


def _icetime(plan: BuildPlan, best: Run) -> float | None:
    tool = _icetime_tool(plan)
    return run_icetime(tool, best.folder / f"{plan.name}.asc") if tool else None


def _words(paths: Sequence[TimedPath]) -> list[str]:
    """The longest path between each pair of registers, since neighbouring bits add nothing new."""
    longest: dict[tuple[str, str], str] = {}
    for path in paths:
        longest.setdefault((path.start, path.end), path.describe())
    return list(longest.values())[:_WORDS]


def _rounded(mhz: float) -> float:
    return round(mhz, _DIGITS)
