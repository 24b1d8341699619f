"""``accel load``"""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from accel.advice import how_to_install
from accel.cli import _places
from accel.cli._json import write_json
from accel.cli._output import progress, say
from accel.cli.options import groups, values
from accel.errors import ToolError


def load(
    program: Annotated[
        Path,
        typer.Argument(
            metavar="PROGRAM", help="A program.bin of accel compile.", callback=_places.input_files
        ),
    ],
    port: Annotated[
        str, typer.Option("--port", "-p", help="The board's serial port.", metavar="PORT")
    ],
    board: groups.BoardName = None,
    baud: Annotated[
        int | None,
        typer.Option("--baud", help="Another rate than that of the board.", metavar="N", min=300),
    ] = None,
    json_file: groups.Json = None,
) -> None:
    """Put another program into a board whose bitstream is loaded: milliseconds, no synthesis.

    The file says which board it was compiled for; --board is for another one.

    FILE says what was loaded, how many bytes that took, and how long.

    \b
    accel load program/program.bin --board icebreaker --port /dev/ttyUSB1
    """
    import accel
    from accel.host.loading import load as load_into
    from accel.host.port import Port

    try:
        from accel.host.serial import SerialTransport
    except ModuleNotFoundError as problem:
        what = f"accel load: the Python package {problem.name} is missing"
        raise ToolError(f"{what}; install it with: {how_to_install('serial')}") from problem

    opened = accel.open(program, board=values.find_board(board) if board else None)
    found = opened.link_board
    rate = baud or found.link.baud
    fastest = None if baud else found.link.fastest  # a rate that is given is kept
    line = Port(port, rate, found.clock.made_mhz, fastest)
    size = sum(len(chunk.data) for chunk in opened.code.contents)
    with (
        contextlib.closing(SerialTransport(line)) as transport,
        progress(f"loading {opened.name}", size) as advance,
    ):
        done = load_into(opened.code, transport, advance)
    say(
        f"Loaded {opened.name}: {done.size:,} bytes in {done.seconds:.2f} s over {port} at "
        f"{rate:,} baud ({done.sent:,} bytes sent)"
    )
    write_json(
        json_file,
        {
            "program": opened.name,
            "port": port,
            "baud": rate,
            "bytes": done.size,
            "bytes_sent": done.sent,
            "seconds": round(done.seconds, 6),
        },
    )
