"""Loads bitstreams into boards, by the boards' own programmers."""

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from accel import boards, usb
from accel.boards import Board, Programmer, ProgrammerTool
from accel.errors import ToolError, UserError
from accel.flow.tools import named_command, variable_of
from accel.processes import children

SECONDS = 300.0  # that a programmer may take
_LAST_CHARACTERS = 1 << 16  # of what it printed
_DENIED = re.compile(
    r"LIBUSB_ERROR_ACCESS|permission|access denied|not permitted|usb_open\(\) failed",
    re.IGNORECASE,
)
_TCL = re.compile(r"[{}\\]")  # would end or change a path in Tcl's quotation marks

OnOutput = Callable[[str, bool], None]
"""Called with each line that a programmer prints, and whether the next one replaces it."""


class CannotProgram(UserError):
    """A board's programmer has no way of doing what is asked for."""


class ProgrammerMissing(ToolError):
    """No programmer of the board is installed."""


class ProgrammerFailed(ToolError):
    """A programmer did not do what it was called for."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One call of a programmer: its command, and what it does in words."""

    programmer: Programmer
    command: tuple[str, ...]
    title: str


def find_programmer(board: Board) -> tuple[Programmer, str | None]:
    """The first of the board's programmers that is installed, and the path of its tool; or the
    first of all, and ``None``.

    As with other tools, a variable such as ``ICEPROG`` may name it. Raises ``ToolMisnamed``, and
    ``CannotProgram`` for a board without a file.
    """
    if not board.programmers:
        raise CannotProgram(
            f"{board.name}: its programmer is not known; load the bitstream with it yourself"
        )
    for one in board.programmers:
        path = find_tool(one.tool)
        if path:
            return one, path
    return board.programmers[0], None


def find_tool(tool: ProgrammerTool) -> str | None:
    """The path of a programmer's program, if it is installed. Raises ``ToolMisnamed``."""
    named = named_command(variable_of(tool.name))
    beside = str(Path(sys.executable).parent)  # of an environment that is not activated
    return named[0] if named else shutil.which(tool.name) or shutil.which(tool.name, path=beside)


def missing(board: Board) -> ProgrammerMissing:
    """The error for a board of whose programmers none is installed."""
    ways = "; or ".join(
        f"{one.tool.name}: {one.tool.how_to_install()}" for one in board.programmers
    )
    return ProgrammerMissing(f"No programmer of {board.name} is installed: {ways}")


def steps(
    board: Board,
    programmer: Programmer,
    bitstream: Path | None,
    *,
    flash: bool = False,
    program: Path | None = None,
) -> list[Step]:
    """The calls that load a bitstream, and write a program file into the flash after it.

    Where the programmer has no way of loading until power is off, the flash is written in any case.
    Raises ``CannotProgram``.
    """
    found: list[Step] = []
    if bitstream:
        found.append(_load(board, programmer, bitstream, flash))
    if program:
        found.append(_write_program(board, programmer, program))
    if programmer.together and len(found) == 2:
        first, second = found
        command = (*first.command, *second.command[1:])
        return [replace(first, command=command, title=f"{first.title} and {second.title}")]
    return found


def check_room(board: Board, program: Path, bitstream: Path | None) -> None:
    """Raise ``CannotProgram`` for a program that the flash has no room for, and for a bitstream
    that would lie where programs do."""
    flash = board.flash
    if flash is None:
        return  # such a programmer has no way of writing it: see `steps`
    size = program.stat().st_size
    if flash.room is not None and size > flash.room:
        larger = [
            one.name
            for one in boards.BOARDS.values()
            if one.family == board.family and one.flash and (one.flash.room or 0) >= size
        ]
        other = f", or take a board with more, such as {larger[0]}" if larger else ""
        raise CannotProgram(
            f"{program}: has {size:,} bytes, and the flash of {board.name} {flash.room:,} from "
            f"byte {flash.offset:#x} on, where its core reads programs; compile a smaller network"
            f"{other}"
        )
    end = flash.bitstream + (bitstream.stat().st_size if bitstream else 0)
    if end > flash.offset:
        raise CannotProgram(
            f"{bitstream}: ends at byte {end:#x} of the flash, and programs of {board.name} begin "
            f"at {flash.offset:#x}: {program} would overwrite it; build the bitstream again with: "
            f"accel build --board {board.name}"
        )


def _load(board: Board, programmer: Programmer, bitstream: Path, flash: bool) -> Step:
    name = programmer.tool.name
    in_flash = flash or programmer.sram is None
    words = programmer.flash if in_flash else programmer.sram
    if words is None:
        raise CannotProgram(
            f"{board.name}: {name} cannot write its flash; leave --flash away to load the "
            "bitstream until power is off"
        )
    stem = str(bitstream.with_suffix(""))
    for end in programmer.reads:
        if not Path(stem + end).is_file():
            raise CannotProgram(f"{stem}{end}: is missing, and {name} reads it; build it again")
        if _TCL.search(stem):
            raise CannotProgram(f"{stem}{end}: {name} reads no path with braces or backslashes")
    return Step(
        programmer=programmer,
        command=programmer.command(words, bitstream=bitstream, stem=stem),
        title=f"writing {bitstream} into the flash of {board.name}"
        if in_flash
        else f"loading {bitstream} into {board.name}",
    )


def _write_program(board: Board, programmer: Programmer, program: Path) -> Step:
    if board.flash is None or programmer.program is None:
        raise CannotProgram(
            f"{program}: {programmer.tool.name} cannot write it into the flash of {board.name}"
            + (f"; {board.how_to_write_program(str(program))} otherwise" if board.flash else "")
        )
    return Step(
        programmer=programmer,
        command=programmer.command(programmer.program, file=program, offset=board.flash.offset),
        title=f"writing {program} into the flash of {board.name}",
    )


def run(
    board: Board, step: Step, executable: str, on_output: OnOutput, seconds: float = SECONDS
) -> None:
    """Run one call to its end. Raises ``ProgrammerFailed``, which says what to do.

    Whatever is raised, nothing of the tool goes on.
    """
    try:
        process = children.start(
            (executable, *step.command[1:]), folder=None, output=subprocess.PIPE
        )
    except OSError as problem:
        raise ProgrammerFailed(
            f"{executable}: cannot be started: {problem.strerror or problem}"
        ) from problem
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        children.kill(process)

    timer, printed = threading.Timer(seconds, expire), ""
    timer.daemon = True
    timer.start()
    try:
        for line, replaced in _lines(process):
            printed = f"{printed}{line}\n"[-_LAST_CHARACTERS:]
            on_output(line, replaced)
        code = process.wait()
    except BaseException:
        children.kill(process)
        process.wait()
        raise
    finally:
        timer.cancel()
        if process.stdout:
            process.stdout.close()
    if expired.is_set():
        raise _failure(board, step, f"did not end within {seconds:g} s", printed)
    if not step.programmer.succeeded(code, printed):
        how = f"failed with exit code {code}" if code else "failed, as what it printed says"
        raise _failure(board, step, how, printed)


def _lines(process: subprocess.Popen) -> Iterator[tuple[str, bool]]:
    """Lines as they are printed, and whether each is replaced by the next, as in progress bars."""
    assert process.stdout is not None
    rest = b""
    while data := os.read(process.stdout.fileno(), 4096):
        *lines, rest = re.split(rb"(\r\n|\n|\r)", rest + data)
        for text, end in zip(lines[::2], lines[1::2], strict=True):
            if text.strip():
                yield text.decode(errors="replace"), end == b"\r"
    if rest.strip():
        yield rest.decode(errors="replace"), False


def _failure(board: Board, step: Step, how: str, printed: str) -> ProgrammerFailed:
    name, chip = step.programmer.tool.name, board.usb_chip
    said = f"{step.title}: {name} {how}"
    devices = usb.connected()
    here = [device for device in devices or () if chip and chip.may_be(device)]
    if chip and (_DENIED.search(printed) or (here and not any(one.usable for one in here))):
        rule = usb.udev_rule(chip.ids, board.name)
        return ProgrammerFailed(f"{said}: this user may not use the board's USB device; {rule}")
    hands = f"; {step.programmer.before}" if step.programmer.before else ""
    if chip and devices is not None and not here:
        return ProgrammerFailed(
            f"{said}: there is no USB device {chip.names}; plug the board in{hands}"
        )
    return ProgrammerFailed(f"{said}; see above what it says{hands}")
