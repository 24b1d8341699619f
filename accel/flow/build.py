"""Runs a build plan: synthesis once, place and route for every seed, then packs the best.

With a cache nothing is made twice: neither a netlist, nor a seed, nor the whole build.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel.flow import summary
from accel.flow.cache.disk import scratch
from accel.flow.cache.store import Cache
from accel.flow.output import REPORT, staged
from accel.flow.plan import BuildPlan
from accel.flow.products import products
from accel.flow.products.products import NEXTPNR_REPORT, ROUTED, SDF
from accel.flow.runner import UNFINISHED, BuildStep, OnProgress, Runner
from accel.flow.stages import Stages
from accel.flow.timing.reports import read_nextpnr
from accel.flow.timing.signoff import sign_off_as_reported, sign_off_up5k
from accel.flow.tools import Tool, find_tool

_SYNTHESIS = BuildStep(
    name="synthesis", begin=0.0, end=0.3, remedy="this is a fault of the design, please report it"
)
_PLACE_AND_ROUTE = BuildStep(
    name="place and route",
    begin=0.3,
    end=0.95,
    remedy="the design may be too large for the device: take a smaller configuration, or other "
    "seeds",
    of_size=True,
)
_PACKING = BuildStep(
    name="packing", begin=0.95, end=1.0, remedy="this is a fault, please report it"
)


@dataclass(frozen=True, kw_only=True)
class BuildResult:
    """A finished build: the bitstream's file and what ``report.json`` says.

    ``reused`` names what was taken from the cache: ``build``, or ``synthesis`` and seeds.
    """

    bitstream: Path
    report: Mapping[str, Any]
    reused: tuple[str, ...] = ()


def build(
    plan: BuildPlan,
    output: Path,
    *,
    facts: Mapping[str, Any] | None = None,
    cores: int | None = None,
    on_progress: OnProgress = lambda text, share: None,
    cache: Cache | None = None,
) -> BuildResult:
    """Carry out ``plan`` and leave bitstream, report and logs in the folder ``output``.

    Parameters
    ----------
    facts : mapping
        What else ``report.json`` is to say, such as board, device and configuration.
    cores : int
        Number of tools to run at once; all of this machine's if not given.
    on_progress : callable
        Called with what is being done and the share of the build that is done.
    cache : Cache
        Where what was made before is taken from and what is made is kept, each seed as soon as it
        has ended; nowhere if not given.

    Raises
    ------
    ToolNotFound
        Before anything is written.
    ToolFailed
        With the lines of the log that say why; the log is kept beside ``output``.
    OutputUnusable
        If ``output`` cannot be written.

    Whatever is raised, ``output`` stays as it was and no tool is left running.
    """
    tools = yosys, nextpnr, packer = tuple(map(find_tool, plan.tools))
    stages = Stages(cache, plan, tools, facts or {})
    with staged(output) as work:
        if not stages.take_build(work):
            runner = Runner(
                output=output, cores=cores or os.cpu_count() or 1, on_progress=on_progress
            )
            for name, content in plan.files.items():
                (work / name).write_text(content)
            if not stages.take_netlist(work):
                runner.run(
                    _SYNTHESIS,
                    yosys,
                    [plan.synthesis],
                    [work],
                    lambda index: products.check_synthesized(plan, work),
                )
                stages.keep_netlist(work)
            runs, unfinished = _place_and_route(plan, work, runner, nextpnr, stages)
            best = max(runs, key=lambda run: (run.timing.signed_off_mhz, -run.seed))
            runner.run(
                _PACKING,
                packer,
                [plan.pack],
                [best.folder],
                lambda index: products.check_packed(plan, best.folder),
            )
            report = {**(facts or {}), **summary.summarize(plan, runs, best, tools)}
            _keep_products(plan, work, runs, best)
            (work / REPORT).write_text(json.dumps(report, indent=2) + "\n")
            if not unfinished and summary.is_complete(plan, report):
                stages.keep_build(work)
        report = json.loads((work / REPORT).read_text())
    on_progress("done", 1.0)
    return BuildResult(
        bitstream=output / plan.pack[_BITSTREAM[plan.pack[0]]],
        report=report,
        reused=tuple(stages.reused),
    )


def netlist(
    plan: BuildPlan,
    output: Path,
    *,
    on_progress: OnProgress = lambda text, share: None,
    cache: Cache | None = None,
) -> str:
    """The netlist of a plan in Yosys' JSON, made now if it is not in the cache.

    A log that says why there is none is kept beside ``output``. Raises what `build` raises.
    """
    tool = find_tool(plan.synthesis[0])
    stages = Stages(cache, plan, [tool], {})
    with scratch(output.parent) as work:
        if not stages.take_netlist(work):
            for name, content in plan.files.items():
                (work / name).write_text(content)
            Runner(output=output, cores=1, on_progress=on_progress).run(
                _SYNTHESIS,
                tool,
                [plan.synthesis],
                [work],
                lambda index: products.check_synthesized(plan, work),
            )
            stages.keep_netlist(work)
        return (work / f"{plan.name}.json").read_text()


_BITSTREAM = {"icepack": -1, "ecppack": -3}
"""Which word of the packing command names the bitstream."""


def _place_and_route(
    plan: BuildPlan, work: Path, runner: Runner, nextpnr: Tool, stages: Stages
) -> tuple[list[summary.Run], bool]:
    """The runs of all seeds that succeeded, and whether a failed one may succeed another time."""
    options = ["--timing-allow-fail", "--report", NEXTPNR_REPORT]
    if _is_up5k(plan):
        options += ["--sdf", SDF, "--write", ROUTED]
    # The netlist and the constraints; a tool that runs in a sandbox cannot follow a link.
    sources = [file for file in work.iterdir() if file.suffix in (".json", ".pcf", ".lpf")]
    folders, commands, routed = {}, {}, set()
    for seed in plan.seeds:
        folder = folders[seed] = work / f"seed-{seed}"
        commands[seed] = (*plan.place_and_route, "--seed", str(seed), *options)
        folder.mkdir()
        for file in sources:
            shutil.copyfile(file, folder / file.name)
        if stages.take_seed(seed, commands[seed], sources, folder):
            routed.add(seed)
    waiting = [seed for seed in plan.seeds if seed not in routed]

    def check(index):
        seed = waiting[index]
        products.check_routed(plan, commands[seed], folders[seed])

    def on_success(index):
        seed = waiting[index]
        routed.add(seed)
        stages.keep_seed(commands[seed], sources, folders[seed])

    # Where all new seeds fail others may have succeeded; only where none has it is a failure.
    codes = []
    if waiting:
        codes = runner.run(
            _PLACE_AND_ROUTE,
            nextpnr,
            [commands[seed] for seed in waiting],
            [folders[seed] for seed in waiting],
            check,
            on_success,
            may_fail=bool(routed),
        )
    runs = [_read_run(plan, seed, folders[seed]) for seed in plan.seeds if seed in routed]
    return runs, UNFINISHED in codes


def _read_run(plan: BuildPlan, seed: int, folder: Path) -> summary.Run:
    report = read_nextpnr(folder / NEXTPNR_REPORT)
    clocks = (
        sign_off_up5k(
            report,
            sdf=(folder / SDF).read_text(),
            synthesized=(folder / f"{plan.name}.json").read_text(),
            routed=(folder / ROUTED).read_text(),
        )
        if _is_up5k(plan)
        else sign_off_as_reported(report)
    )
    return summary.Run(
        seed=seed, folder=folder, report=report, clocks=clocks, clock_mhz=plan.clock_mhz
    )


def _is_up5k(plan: BuildPlan) -> bool:
    return "--up5k" in plan.place_and_route


def _keep_products(plan: BuildPlan, work: Path, runs: Sequence[summary.Run], best: summary.Run):
    """Leave in ``work`` what is kept: sources, products of the best seed, all logs."""
    logs = work / "logs"
    logs.mkdir(exist_ok=True)
    for log in work.glob("*.rpt"):
        log.rename(logs / "yosys.log")
    for run in runs:
        (run.folder / f"{plan.name}.tim").rename(logs / f"nextpnr-seed-{run.seed}.log")
    for product in best.folder.iterdir():
        if product.suffix in (".bin", ".bit", ".svf", ".asc", ".config"):
            product.rename(work / product.name)
    for folder in work.glob("seed-*"):
        shutil.rmtree(folder)
    for waste in (*work.glob("*.log"), work / f"{plan.name}.json"):
        waste.unlink()
