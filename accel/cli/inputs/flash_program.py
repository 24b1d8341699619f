"""A program file that is to be in a board's flash: is it for the core that is on the board?"""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accel.cli.options.groups import CoreOptions
from accel.cli.options.values import BadOption, named_options
from accel.errors import UserError

if TYPE_CHECKING:
    from accel.boards import Board
    from accel.compiler.program.stored_program import StoredProgram
    from accel.config import AcceleratorConfig
    from accel.target.built import Built


class WrongProgram(UserError):
    """A program file is for another core than that of the board that it is to be written into."""


def flash_program(path: Path, built: "Built", core: CoreOptions) -> Path | None:
    """The path, if the file there has what belongs into the board's flash.

    The board's core is that of the bitstream, as the build's report says; without a report it is
    the one that ``core`` says, by default the board's own. Raises ``WrongProgram`` for a program of
    another core, ``BadImage`` for a file that is none, ``BadOption`` for a core that is said twice,
    and ``TooLarge`` for one that the board has no room for.
    """
    from accel.compiler.program.program_file import load_program
    from accel.target import resources

    changes = core.changes()
    if built.report and changes:
        raise BadOption(
            f"{', '.join(named_options(changes))}: is for a folder without report.json; that says "
            "already which core the bitstream has, leave the option out"
        )
    if not path.exists():
        return None
    program = load_program(path)
    if not program.flash:
        return None
    if built.report:
        _check_report(path, built, program)
    else:
        config = core.on(built.board)
        resources.check_fits(config, built.board)
        _check_board(path, built.board, config, program)
    return path


def _check_report(path: Path, built: "Built", program: "StoredProgram") -> None:
    """Against the bitstream beside it."""
    from accel.config import AcceleratorConfig
    from accel.identity import identity

    again = f"build it again with: accel build --board {built.board.name} -o {path.parent}"
    try:
        config = AcceleratorConfig(**built.report["configuration"])
    except (KeyError, TypeError, UserError) as problem:
        raise WrongProgram(
            f"{built.bitstream}: report.json beside it does not say which core it has, so {path} "
            f"cannot be held to it; {again}"
        ) from problem
    if built.report.get("identity", identity(config).hex()) != identity(config).hex():
        raise WrongProgram(
            f"{built.bitstream}: was built by another version of accel, whose cores do not run "
            f"{path}; {again}"
        )
    if identity(program.config) != identity(config):
        theirs, its = _differences(program.config, config)
        raise WrongProgram(
            f"{path}: is for a core with {theirs}, and the bitstream beside it has {its}; nothing "
            f"was written. {_compile(built.board, config, path.parent)}"
        )


def _check_board(
    path: Path, board: "Board", config: "AcceleratorConfig", program: "StoredProgram"
) -> None:
    """Against the core that is said to be on the board."""
    from accel.explore.fit.result import options_of
    from accel.identity import identity
    from accel.target import resources

    if identity(program.config) == identity(config):
        return
    theirs, its = _differences(program.config, config)
    origin = f" (it was compiled for {program.board})" if program.board != board.name else ""
    said = (
        f"{path}: is for a core with {theirs}{origin}, and that of {board.name} has {its}; nothing "
        f"was written. {_compile(board, config, path.parent)}"
    )
    possible = program.config.family == board.family
    if possible and not resources.problems(program.config, board):
        options = shlex.join(options_of(program.config, board))
        said += f"; or, if the bitstream on the board was built so, say it with: {options}"
    raise WrongProgram(said)


def _compile(board: "Board", config: "AcceleratorConfig", folder: Path) -> str:
    """What makes a program for a core of a board."""
    from accel.explore.fit.result import options_of

    words = ["--board", board.name, *options_of(config, board), "-o", str(folder)]
    return f"Compile the network for this core: accel compile MODEL {shlex.join(words)}"


def _differences(one: "AcceleratorConfig", other: "AcceleratorConfig") -> tuple[str, str]:
    """Values of each that the other has not, as far as programs see them."""
    from accel.identity import visible

    a, b = visible(one), visible(other)
    names = [name for name in a if a[name] != b[name]]

    def listed(values: Mapping[str, Any]) -> str:
        return ", ".join(f"{name}={values[name]}" for name in names)

    return listed(a), listed(b)
