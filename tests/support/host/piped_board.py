"""A simulated core whose line is the standard output and input of a program that drives it."""

import os
import select
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from accel.sim.rtl.compiled import CompiledCore

from .fake_core import FakeCore, Line

STEP = 4000  # cycles between two looks at the program
BYTES = 64  # that the line has under way at a time
_AT_ONCE = 4096
_BYTE_CYCLES = 1 << 12  # more than a byte takes on any line


SILENCE = 0.03  # seconds without a byte that end the deafness of a core in Python


@dataclass(frozen=True)
class Ended:
    """How a program ended, what it wrote on standard error, and the cycles of the core."""

    code: int
    errors: str
    cycles: int = 0


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
    sending, owed = b"", 0

    def step(come: Callable[[float], bytes]) -> bytes:
        nonlocal sending, owed
        came = come(0)
        sending += outward.pass_on(came)
        owed += len(came) if spi else 0
        limit = _BYTE_CYCLES * owed if owed else STEP
        taken, answered = core.advance(sending, owed or BYTES, limit)
        sending, owed = sending[taken:], max(0, owed - len(answered))
        return inward.pass_on(answered)

    ended = _talk(command, step, seconds)
    return Ended(ended.code, ended.errors, core.cycles - began)


def drive_fake(
    core: FakeCore,
    command: Sequence[str | os.PathLike[str]],
    *,
    spi: bool = False,
    seconds: float = 60.0,
) -> Ended:
    """The same with a core in Python, which has answered at once."""

    def step(come: Callable[[float], bytes]) -> bytes:
        came = come(SILENCE)
        if not came:
            core.discard()  # what it has not answered it forgets
        if not spi:
            core.write(came)
            return core.read(core.unread)
        answered = bytearray()
        for byte in came:  # an answer begins after the frame's last byte
            there = core.read(1) if core.unread else b"\0"
            answered += there
            core.write(bytes([byte]))
        return bytes(answered)

    return _talk(command, step, seconds)


def _talk(
    command: Sequence[str | os.PathLike[str]],
    step: Callable[[Callable[[float], bytes]], bytes],
    seconds: float,
) -> Ended:
    """Run a program; ``step`` is given what waits for its bytes, and returns bytes for it."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0) as process:
        assert process.stdin and process.stdout and process.stderr
        source, gone, end = process.stdout, False, time.monotonic() + seconds

        def come(wait: float) -> bytes:
            nonlocal gone
            if not select.select([source], [], [], wait)[0]:
                return b""
            found = os.read(source.fileno(), _AT_ONCE)
            gone = not found
            return found

        try:
            while not gone and time.monotonic() < end:
                process.stdin.write(step(come))
        except BrokenPipeError:
            pass  # it has ended
        finally:
            if not gone and process.poll() is None:
                process.kill()
        errors = process.stderr.read().decode(errors="replace")
    return Ended(process.returncode, errors)
