"""Why a tool failed: because of the design, the tool, the disk, or because it was stopped."""

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from accel.flow.cache.disk import temporary_folder

_LINES = 8

_NO_SPACE = re.compile(
    r"no space left|disk full|disk quota|ENOSPC|EDQUOT|EFBIG|file too large", re.IGNORECASE
)
# What place and route says of a design that the device has no room for.
_NO_ROOM = re.compile(
    r"\bBELs?\b|utili[sz]ation|\bplace\b|placement|legali[sz]|\bfit\b|too (many|large)|rout(e|ing)|"
    r"unable to find|not enough|available",
    re.IGNORECASE,
)
_CRASHED = re.compile(r"Traceback|wasm trap|wasmtime|terminate called|Assertion|bad_alloc")
# By signal: negative as Python has it, 128 and more as a shell has it.
_STOPPED_CODES = (-9, -15, 137, 143)
_CRASH_CODES = (-4, -6, -7, -8, -11, 132, 134, 135, 136, 139)


class Cause(Enum):
    """What failed."""

    DESIGN = "design"
    TOOL = "tool"
    DISK = "disk"
    SILENT = "silent"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Failure:
    """A failed run of a tool: the cause, and the lines of its output that say why.

    ``errors`` says whether the tool itself reported an error.
    """

    cause: Cause
    lines: tuple[str, ...]
    errors: bool

    @classmethod
    def of(
        cls,
        output: Path,
        code: int,
        *,
        iterations: int | None,
        broken: Exception | None,
        full: bool,
    ) -> "Failure":
        """The failure, from the file ``output`` of what a tool printed, its exit code, and what was
        seen.

        ``iterations`` are those of a router that was stopped for them, ``broken`` a product that is
        not whole, ``full`` says that the disk was.
        """
        printed = output.read_text(errors="replace").splitlines()
        errors = [line for line in printed if "ERROR" in line]
        lines = tuple(errors[:_LINES] or printed[-_LINES:])
        said = "\n".join(printed)
        if iterations:
            text = f"stopped after {iterations} iterations of a router that goes round in circles"
            return cls(Cause.DESIGN, (text,), False)
        if full or _NO_SPACE.search(said):
            return cls(Cause.DISK, (str(broken),) if broken else lines, bool(errors))
        if broken:
            return cls(Cause.SILENT, (str(broken),), bool(errors))
        if code in _STOPPED_CODES:
            return cls(Cause.STOPPED, lines, bool(errors))
        if code in _CRASH_CODES or (not errors and _CRASHED.search(said)):
            return cls(Cause.TOOL, lines, bool(errors))
        return cls(Cause.DESIGN, lines, bool(errors))

    @property
    def lasting(self) -> bool:
        """Whether the same tool will fail on the same design again."""
        return self.cause in (Cause.DESIGN, Cause.TOOL)

    def remedy(self, of_design: str, *, of_size: bool, output: Path) -> str:
        """What to do; ``of_design`` is for failures of the design, ``of_size`` for steps that large
        ones fail."""
        if self.cause is Cause.DISK:
            return (
                f"the disk is full: make room beside {output}, or in {temporary_folder()} if that "
                "is full, and build again"
            )
        if self.cause is Cause.SILENT:
            return (
                "it named no error, and what it made is not whole, as where a disk was full: make "
                f"room beside {output}, and build again"
            )
        if self.cause is Cause.STOPPED:
            return (
                "it was stopped from outside, as where memory is short: build again, with fewer "
                "tools at once (--jobs 1)"
            )
        other = self.errors and not _NO_ROOM.search("\n".join(self.lines))
        if self.cause is Cause.TOOL or (of_size and other):
            return "this is a fault of the tool, not of the design's size; please report it"
        return of_design
