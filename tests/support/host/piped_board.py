"""A simulated core whose line is the standard output and input of a program that drives it."""

import os
import select
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from accel.sim.rtl.compiled import CompiledCore

from .fake_core import Line

STEP = 4000  # cycles between two looks at the program
BYTES = 64  # that the line has under way at a time
_AT_ONCE = 4096
_BYTE_CYCLES = 1 << 12  # more than a byte takes on any line


@dataclass(frozen=True)
class Ended:
    """How a program ended, what it wrote on standard error, and the cycles of the core."""

    code: int
    errors: str
    cycles: int


def drive(
    core: CompiledCore,
    command: Sequence[str | os.PathLike[str]],
    *,
    spi: bool = False,
    to_core: Line | None = None,
    to_host: Line | None = None,
    seconds: float = 600.0,
) -> Ended:
    """Run a program with the core at the other end of its standard output and input.

    Over ``spi`` a byte comes in for each that goes out. ``to_core`` and ``to_host`` are what the
    line does to bytes. A program that has not ended after so many seconds is killed.
    """
    outward, inward, began = to_core or Line(), to_host or Line(), core.cycles
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0) as process:
        assert process.stdin and process.stdout and process.stderr
        sending, owed, end = b"", 0, time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                if select.select([process.stdout], [], [], 0)[0]:
                    came = os.read(process.stdout.fileno(), _AT_ONCE)
                    if not came:
                        break
                    sending += outward.pass_on(came)
                    owed += len(came) if spi else 0
                limit = _BYTE_CYCLES * owed if owed else STEP
                taken, answered = core.advance(sending, owed or BYTES, limit)
                sending, owed = sending[taken:], max(0, owed - len(answered))
                if answered:
                    process.stdin.write(inward.pass_on(answered))
        except BrokenPipeError:
            pass  # it has ended
        finally:
            if process.poll() is None and time.monotonic() >= end:
                process.kill()
        errors = process.stderr.read().decode(errors="replace")
    return Ended(process.returncode, errors, core.cycles - began)
