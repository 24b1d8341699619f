"""What is to be run: a program file, or a model that is compiled first."""

from pathlib import Path
from typing import TYPE_CHECKING

from accel.cli._output import note
from accel.cli.options.groups import NetworkOptions, TargetOptions
from accel.cli.options.values import BadOption, find_board, named_options

if TYPE_CHECKING:
    from accel.api import Executable, Program


def runnable(
    path: Path,
    target: TargetOptions,
    network: NetworkOptions,
    *,
    waves: Path | None = None,
    unfused: bool = False,
) -> "Executable":
    """The program of a file, which its first bytes tell from a model, or a model's.

    ``unfused`` asks for a program in which every layer's output can be seen, if one fits. Raises
    ``BadOption`` for options that are of no use with a program file, and what `accel.open` and
    `accel.compile` raise.
    """
    import accel
    from accel.compiler.program.program_file import is_program_file

    if is_program_file(path):
        given = [*named_options(target.changes()), *_network_options(network)]
        if given:
            raise BadOption(
                f"{', '.join(given)}: is for a model, which is compiled; {path} is a program file, "
                "which has been"
            )
        board = find_board(target.board) if target.board else None
        return accel.open(path, board=board, waves=waves)
    found, config = target.find()
    options = {**network.arguments(), "board": found, "config": config, "waves": waves}
    return _compiled(path, unfused, options)


def _network_options(network: NetworkOptions) -> list[str]:
    from accel.api import command_words

    words = command_words(network.contract, network.choices(), network.fuse, network.exact)
    return [word for word in words if word.startswith("--")]


def _compiled(model: Path, unfused: bool, options: dict) -> "Program":
    """The program; without fusion, if it then fits, for who wants to see every layer's output."""
    import accel
    from accel.compiler.diagnostics import DoesNotFit

    try:
        return accel.compile(model, **options | {"fuse": options["fuse"] and not unfused})
    except DoesNotFit:
        if not unfused:
            raise
        note(
            "with each layer's output the network does not fit: those of fused layers are left out"
        )
        return accel.compile(model, **options)
