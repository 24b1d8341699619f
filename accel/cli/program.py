"""``accel program``"""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accel.cli._json import write_json
from accel.cli._output import note, progress, say
from accel.cli.inputs.flash_program import flash_program
from accel.cli.options import groups, values
from accel.cli.options.values import BadOption
from accel.errors import UserError

if TYPE_CHECKING:
    from accel.boards import Board
    from accel.target.built import Built
    from accel.target.programming import Step

PROGRAM = "program.bin"  # of `accel compile`


class NothingToProgram(UserError):
    """A folder has nothing that can be put into a board as it is asked for."""


def program(
    core: groups.CoreOptions,
    build: Annotated[
        Path,
        typer.Argument(metavar="BUILD", help="The folder that accel build or compile has made."),
    ] = Path("build"),
    board: groups.BoardOfBuild = None,
    flash: Annotated[
        bool,
        typer.Option(
            "--flash",
            help="Write the board's flash: the bitstream is there after power-up, too.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the commands, and run none.")
    ] = False,
    json_file: groups.Json = None,
) -> None:
    """Load a bitstream into a board with the board's own programmer.

    Without --flash it is there until power is off, on boards that can be
    loaded so; the flash of others is written in any case, and that is said.

    With --flash the program.bin of a network whose weights are streamed from
    the flash is written, too, if it is in the folder: accel compile -o BUILD.
    A folder that has that file alone needs --board, and --set and the like where
    the bitstream on the board was built with them. A program for another core
    than the board's, or one that has no room in its flash, is not written.

    FILE has the board, the commands, and whether they were run.

    \b
    accel program build
    accel program build --flash --dry-run
    accel program program --board icebreaker --flash
    """
    from accel.target import programming
    from accel.target.built import read_built

    built = read_built(build, values.find_board(board) if board else None)
    image = _image(build / PROGRAM, built, core, needed=flash)
    if built.bitstream is None and not (image and flash):
        why = (
            f"{PROGRAM} goes into the flash with --flash, or is loaded with accel load"
            if image
            else f"{PROGRAM} has nothing for the flash, accel load loads it"
            if (build / PROGRAM).is_file()
            else "build one with: accel build --board BOARD -o DIR"
        )
        raise NothingToProgram(f"{build}: has no bitstream; {why}")
    programmer, path = programming.find_programmer(built.board)
    if image and flash:
        programming.check_room(built.board, image, built.bitstream)
    steps = programming.steps(
        built.board, programmer, built.bitstream, flash=flash, program=image if flash else None
    )
    if built.bitstream and programmer.sram is None and not flash:
        say(f"{programmer.tool.name} loads {built.board.name} by its flash alone: it is written")
    if image and not flash:
        say(f"{image} belongs into the flash, too: write both with --flash")
    if programmer.before:
        say(f"At the board: {programmer.before}")
    if dry_run:
        for step in steps:
            say(shlex.join(step.command))
        if path is None:
            note(str(programming.missing(built.board)))
    elif path is None:
        raise programming.missing(built.board)
    else:
        for step in steps:
            _run(built.board, step, path)
        if programmer.after:
            say(programmer.after.capitalize())
        _show_next(built)
    write_json(json_file, _answer(built, steps, run=not dry_run))


def _image(path: Path, built: "Built", core: groups.CoreOptions, *, needed: bool) -> Path | None:
    """A program file that is to be in the board's flash. Raises ``UserError`` if it is damaged or
    for another core; where it is not ``needed`` now, that is only said."""
    try:
        return flash_program(path, built, core)
    except BadOption:
        raise
    except UserError as problem:
        if needed or built.bitstream is None:
            raise
        note(str(problem))
        return None


def _run(board: "Board", step: "Step", path: str) -> None:
    from accel.target import programming

    say(f"{step.title[:1].upper()}{step.title[1:]}")
    note(shlex.join(step.command))
    try:
        with progress(step.programmer.tool.name, 1.0) as advance:

            def show(line: str, replaced: bool) -> None:
                if not replaced:
                    note(line)
                elif sys.stderr.isatty():
                    advance(0.0, line)

            programming.run(board, step, path, show)
    except (KeyboardInterrupt, SystemExit):
        note("the board may have been left half-written: run the same command again")
        raise


def next_of_build(output: Path, board: "Board", bitstream: Path) -> str:
    """What to do with a bitstream that was just built."""
    if not board.programmers:
        return f"Next: load {bitstream} with the board's programmer"
    return f"Next: accel program {shlex.quote(str(output))}"


def _show_next(built: "Built") -> None:
    """The commands that come next."""
    from accel.config import AcceleratorConfig
    from accel.explore.fit.result import options_of

    board, report = built.board, built.report
    if "spi" in report:
        say("Next: its link is over SPI, see accel/core/host_link/README.md")
        return
    target = ["--board", board.name]
    port = [] if board.usb_chip and board.usb_chip.uart is not None else ["--port", "PORT"]
    try:
        config = AcceleratorConfig(**report.get("configuration", {})) if report else None
        options = options_of(config, board) if config else []
    except (TypeError, UserError):  # a report of another version
        options = []
    run = ["accel", "run", "MODEL", *target, *options, "-i", "X.npy", "-o", "Y.npy"]
    say(f"Next: {shlex.join([*run, '--executor', 'board', *port])}")
    load = ["accel", "load", "program/program.bin", *target, *port]
    say(f"Or, with a program of accel compile: {shlex.join(load)}")


def _answer(built: "Built", steps: "list[Step]", *, run: bool) -> Mapping[str, Any]:
    return {
        "board": built.board.name,
        "bitstream": str(built.bitstream) if built.bitstream else None,
        "commands": [list(step.command) for step in steps],
        "run": run,
    }
