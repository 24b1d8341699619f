"""Runs several tools at once and leaves none of them running, whatever happens."""

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from accel.processes import children

_POLL_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of a tool: the command, its folder and the file that takes what it prints."""

    command: tuple[str, ...]
    folder: Path
    output: Path


def run_jobs(
    jobs: Sequence[Job],
    *,
    workers: int,
    on_end: Callable[[int, int], None] = lambda index, code: None,
    on_poll: Callable[[int], bool] = lambda index: False,
) -> list[int]:
    """Run ``jobs``, ``workers`` at a time, and return their exit codes.

    ``on_end(index, code)`` is called as each ends, ``on_poll(index)`` often while it runs; a job
    that ``on_poll`` calls hopeless is killed. Any exception, ``KeyboardInterrupt`` among them,
    kills what is still running and is passed on.
    """
    waiting = list(enumerate(jobs))[::-1]
    running: dict[int, subprocess.Popen] = {}
    codes: dict[int, int] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                index, job = waiting.pop()
                running[index] = _start(job)
            for index in list(running):
                if on_poll(index):
                    children.kill(running[index])
                    running[index].wait()
                code = running[index].poll()
                if code is not None:
                    del running[index]
                    codes[index] = code
                    on_end(index, code)
            time.sleep(_POLL_S if running else 0)
    finally:
        # All are killed before any is waited for: another interrupt may come meanwhile.
        for process in running.values():
            children.kill(process)
        for process in running.values():
            process.wait()
    return [codes[index] for index in range(len(jobs))]


def _start(job: Job) -> subprocess.Popen:
    with job.output.open("wb") as output:
        return children.start(job.command, folder=job.folder, output=output)
