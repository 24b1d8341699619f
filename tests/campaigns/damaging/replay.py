"""A small real build whose tools are then replayed: what they made is written again, at once.

The products are those of the real tools, so that checks are held to real files; and, as with the
real tools, a disk that is full is not told: what does not fit is left out, and the code is 0.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from amaranth_boards.icebreaker import ICEBreakerPlatform

from accel.flow import process
from accel.flow.build import BuildResult, build
from accel.flow.cache.store import Cache
from accel.flow.plan import BuildPlan, make_plan
from tests.flow.conftest import MultiplyAccumulate

SEEDS = (1, 2)

Made = dict[str, bytes]


def small_plan(seeds: tuple[int, ...] = SEEDS) -> BuildPlan:
    """The smallest design that has hard cells, whose timing and bitstream are those of an UP5K."""
    top = MultiplyAccumulate("ice40up")
    return make_plan(ICEBreakerPlatform(), top, clock_mhz=12.0, seeds=seeds)


@dataclass
class Replay:
    """A plan, what each of its commands made, and what a build of it leaves."""

    plan: BuildPlan
    made: dict[tuple[str, ...], Made] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    expected: Made = field(default_factory=dict)

    @classmethod
    def record(cls, folder: Path, seeds: tuple[int, ...] = SEEDS) -> "Replay":
        """Run the real tools once, in ``folder``."""
        replay = cls(small_plan(seeds))
        with mock.patch("accel.flow.runner.run_jobs", replay._recording):
            build(replay.plan, folder / "recorded")
        replay.expected = contents(folder / "recorded")
        return replay

    def build(self, output: Path, cache: Path) -> BuildResult:
        """Build with the tools' recorded answers; ``ran`` says which ran."""
        self.ran.clear()
        with mock.patch("accel.flow.runner.run_jobs", self._replaying):
            return build(self.plan, output, cache=Cache(folder=cache))

    def _recording(self, jobs: Sequence[process.Job], **options) -> list[int]:
        before = [contents(job.folder) for job in jobs]
        codes = process.run_jobs(jobs, **{**options, "on_end": lambda index, code: None})
        for index, (job, given, code) in enumerate(zip(jobs, before, codes, strict=True)):
            after = contents(job.folder).items()
            self.made[_words(job)] = {name: data for name, data in after if name not in given}
            options["on_end"](index, code)
        return codes

    def _replaying(
        self,
        jobs: Sequence[process.Job],
        *,
        workers: int,
        on_end: Callable[[int, int], None],
        on_poll: Callable[[int], bool],
    ) -> list[int]:
        for index, job in enumerate(jobs):
            self.ran.append(_words(job)[0])
            job.output.open("wb").close()
            for name, data in self.made[_words(job)].items():
                if name != job.output.name:
                    write_as_a_tool(job.folder / name, data)
            on_end(index, 0)
        return [0] * len(jobs)


def write_as_a_tool(path: Path, data: bytes) -> None:
    """Write from the beginning on as much as there is room for, and say nothing."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        for begin in range(0, len(data), 8192):  # as C++'s streams do
            block = data[begin : begin + 8192]
            while block:
                block = block[file.write(block) :]


def contents(folder: Path) -> Made:
    """All files below a folder by name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Callable[[int], None]]:
    """A disk of ``size`` bytes at ``folder``; gives a function that changes its size.

    Raises ``PermissionError`` where this user may not make one.
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    place = os.fsencode(folder)

    def mount(size: int, flags: int = 0) -> None:
        if libc.mount(b"tmpfs", place, b"tmpfs", flags, b"size=%d,mode=0700" % size):
            number = ctypes.get_errno()
            raise PermissionError(number, os.strerror(number))

    folder.mkdir(parents=True, exist_ok=True)
    mount(size)
    try:
        yield lambda size: mount(size, _REMOUNT)
    finally:
        libc.umount2(place, _DETACH)


_REMOUNT, _DETACH = 32, 2


def _words(job: process.Job) -> tuple[str, ...]:
    """A command without where its tool lies."""
    return (Path(job.command[0]).name, *job.command[1:])
