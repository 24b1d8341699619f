"""Runs one step of a build, reports its progress, and turns a failure into a message."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from accel.flow.cache.disk import is_full
from accel.flow.output import keep_log
from accel.flow.process import Job, run_jobs
from accel.flow.products.failure import Failure
from accel.flow.products.products import NotWhole
from accel.flow.tools import Tool, ToolFailed

OnProgress = Callable[[str, float], None]
"""Called with what is being done, in words, and the share of the build that is done."""

# What YoWASP prints before it compiles a tool for this machine.
_FIRST_START = b"Preparing to run"

# nextpnr's router2 stops only when no wire is used twice, which may never be: a run went on beyond
# 6,600 iterations. The longest that was seen to come to an end took 450.
_MOST_ITERATIONS = 1000
_ITERATION = re.compile(rb"iter=(\d+)")
_LOOK_S = 1.0
_TAIL_BYTES = 2000

UNFINISHED = -1000
"""The code of a command that did not do its work for a reason that may pass: the disk was full, it
was killed, or what it made is not whole though it ended without an error."""


@dataclass(frozen=True, kw_only=True)
class BuildStep:
    """A step of a build: its name, the shares of the build at which it begins and ends, and a
    remedy.

    The remedy is for failures that the design causes; ``of_size`` says that the step fails where a
    design is too large.
    """

    name: str
    begin: float
    end: float
    remedy: str
    of_size: bool = False


@dataclass(frozen=True, kw_only=True)
class Runner:
    """Runs tools for a build into ``output``."""

    output: Path
    cores: int
    on_progress: OnProgress

    def run(
        self,
        step: BuildStep,
        tool: Tool,
        commands: Sequence[Sequence[str]],
        folders: Sequence[Path],
        check: Callable[[int], None],
        on_success: Callable[[int], None] = lambda index: None,
        may_fail: bool = False,
    ) -> list[int]:
        """Run the commands, each in its folder, and return their exit codes.

        ``check(index)`` raises ``NotWhole`` if what a command made is not whole, which counts as a
        failure; ``on_success(index)`` is called as soon as one has ended well. The code of a run
        that may succeed another time is ``UNFINISHED``.

        Raises ``ToolFailed`` if none succeeds, unless all ``may_fail``; the log is then kept beside
        the output folder.
        """
        jobs = [
            Job(
                command=(tool.executable, *command[1:]),
                folder=folder,
                output=folder / f"{tool.name}.log",
            )
            for command, folder in zip(commands, folders, strict=True)
        ]
        ended: list[int] = []
        told: set[int] = set()
        looked = dict.fromkeys(range(len(jobs)), 0.0)
        circling: dict[int, int] = {}
        broken: dict[int, NotWhole] = {}
        full: set[int] = set()

        def tell(note=""):
            count = f" {len(ended)}/{len(jobs)}" if len(jobs) > 1 else ""
            share = step.begin + (step.end - step.begin) * len(ended) / len(jobs)
            self.on_progress(f"{step.name}{count}{note}", share)

        def on_end(index, code):
            ended.append(index)
            # Now, for there may be room again soon.
            if is_full(jobs[index].folder):
                full.add(index)
            if code == 0:
                try:
                    check(index)
                except NotWhole as problem:
                    broken[index] = problem
                else:
                    on_success(index)
            tell()

        def on_poll(index):
            if index not in told and _prints_first_start(jobs[index].output):
                told.add(index)
                tell(f" ({tool.name} compiles itself on its first start, which takes a minute)")
            if time.monotonic() - looked[index] < _LOOK_S:
                return False
            looked[index] = time.monotonic()
            iterations = _iterations(jobs[index].folder, commands[index])
            if iterations > _MOST_ITERATIONS:
                circling[index] = iterations
            return index in circling

        tell()
        codes = run_jobs(jobs, workers=self.cores, on_end=on_end, on_poll=on_poll)
        failures = {
            index: Failure.of(
                jobs[index].output,
                code,
                iterations=circling.get(index),
                broken=broken.get(index),
                full=index in full,
            )
            for index, code in enumerate(codes)
            if code or index in broken
        }
        if len(failures) == len(jobs) and not may_fail:
            raise self._failure(step, tool, jobs[0], commands[0], failures[0])
        return [
            UNFINISHED if index in failures and not failures[index].lasting else code
            for index, code in enumerate(codes)
        ]

    def _failure(
        self, step: BuildStep, tool: Tool, job: Job, command: Sequence[str], failure: Failure
    ) -> ToolFailed:
        log = _log_of(job.folder, command) or job.output
        return ToolFailed(
            tool=tool.name,
            step=step.name,
            lines=failure.lines,
            log=keep_log(log if log.exists() else job.output, self.output),
            remedy=failure.remedy(step.remedy, of_size=step.of_size, output=self.output),
            lasting=failure.lasting,
        )


def _prints_first_start(output: Path) -> bool:
    with output.open("rb") as file:
        return file.read(len(_FIRST_START)) == _FIRST_START


def _iterations(folder: Path, command: Sequence[str]) -> int:
    """How many iterations a router has made so far."""
    log = _log_of(folder, command)
    if log is None or not log.exists():  # the tool has not begun it yet
        return 0
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        found = _ITERATION.findall(file.read())
    return int(found[-1]) if found else 0


def _log_of(folder: Path, command: Sequence[str]) -> Path | None:
    """The log file that a command names."""
    names = (value for option, value in pairwise(command) if option in ("-l", "--log"))
    return next((folder / name for name in names), None)
