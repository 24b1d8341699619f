"""What the drivers of `accel export` have in common: the program that they are for, and files."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accel.cli import _places
from accel.cli._json import write_json
from accel.cli._output import say, show_exactness
from accel.cli.options import groups

if TYPE_CHECKING:
    from accel.api import Program
    from accel.boards import Board
    from accel.export.description import Description

PROGRAM_FILE = "program.bin"

ProgramArgument = Annotated[
    Path,
    typer.Argument(
        metavar="PROGRAM",
        help="A quantized .tflite or .onnx file, as `accel compile` takes it.",
        show_default=False,
        callback=_places.input_files,
    ),
]
Folder = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        help="Folder for the files.",
        metavar="DIR",
        callback=_places.output_folder,
    ),
]


@dataclass(frozen=True)
class Exported:
    """What an exporter is given: the program, its board, and how its flash is written, if it is."""

    description: "Description"
    board: "Board"
    flash: str


Write = Callable[[Exported, Path], list[str]]


def read_program(
    path: Path, target: groups.TargetOptions, network: groups.NetworkOptions
) -> "tuple[Program, Board]":
    """The program that a command is given, and the board that it is for.

    The one place that knows what kinds of files there are. Raises ``UserError``.
    """
    import accel
    from accel.api import advised, command_words
    from accel.compiler.frontends import load
    from accel.target import resources

    board, config = target.find()
    graph = load(path, network.contract, network.choices())
    words = command_words(network.contract, network.choices(), network.fuse, network.exact)
    with advised(path, graph, board, config, fuse=network.fuse, exact=network.exact, options=words):
        resources.check_fits(config, board)
    return accel.compile(path, board=board, config=config, **network.arguments()), board


def export(
    path: Path,
    output: Path,
    target: groups.TargetOptions,
    network: groups.NetworkOptions,
    json_file: Path | None,
    write: Write,
) -> None:
    """Compile, have ``write`` make the files in a folder, move them into place and say so."""
    from accel.export.description import describe
    from accel.flow.output import staged

    program, board = read_program(path, target, network)
    report = program.report()
    description = describe(program.code, report.cycles, board.clock.made_mhz)
    how = ""
    if description.image and board.flash:
        how = board.how_to_write_program(PROGRAM_FILE)
    with staged(output) as work:
        names = write(Exported(description, board, how), work)
        if description.image:
            program.save(work / PROGRAM_FILE)
            names.append(PROGRAM_FILE)
    loaded = sum(len(chunk.data) for chunk in description.chunks)
    say(
        f"{program.name} for {board.name}, {program.config.rows}x{program.config.columns} "
        f"{program.config.format}: {loaded:,} bytes to load, {report.cycles:,} cycles"
    )
    show_exactness(report)
    say(f"Wrote {', '.join(str(output / name) for name in names)}")
    if description.image:
        written = output / PROGRAM_FILE
        there = f"write {written} there"
        remedy = board.how_to_write_program(str(written)) if board.flash else there
        say(f"{len(description.image):,} bytes of it come from the board's flash: {remedy}")
    write_json(
        json_file,
        {
            "program": program.name,
            "board": board.name,
            "contract": program.contract,
            "cycles": report.cycles,
            "bytes": loaded,
            "flash_bytes": len(description.image),
            "files": [str(output / name) for name in names],
        },
    )
