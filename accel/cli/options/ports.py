"""The options that name a board's port, and the port that they stand for."""

from typing import TYPE_CHECKING, Annotated

import typer

from accel.cli._boards_found import port_of as found_port
from accel.cli._output import note
from accel.cli.options.values import LEAST_BAUD, MOST_BAUD

if TYPE_CHECKING:
    from accel.boards import Board
    from accel.host.port import Port

Baud = Annotated[
    int | None,
    typer.Option(
        "--baud",
        help="Another rate than that of the board.",
        metavar="N",
        min=LEAST_BAUD,
        max=MOST_BAUD,
    ),
]


def port_of(board: "Board", name: str | None, baud: int | None) -> "Port":
    """The port of that name, or the board's as it is found on USB, at the board's rate or at
    another one, which is kept."""
    from accel.host.port import Port

    name = found_port(board, name, baud)
    clock, link = board.clock.made_mhz, board.link
    return Port(name, link.baud, clock, link.fastest).at(baud)


def note_compilation(name: str | None) -> None:
    """Say what takes so long before a simulated board answers."""
    from accel.flow.tools import check_named_tools
    from accel.ports import SIMULATED

    if name == SIMULATED:
        check_named_tools()
        note("compiling the core's RTL, unless it is in the cache (about 15 s)")
