"""``accel load``"""

from pathlib import Path
from typing import Annotated

import typer

from accel.cli import _places
from accel.cli._json import write_json
from accel.cli._output import progress, say
from accel.cli.options import groups, ports, values


def load(
    program: Annotated[
        Path,
        typer.Argument(
            metavar="PROGRAM", help="A program.bin of accel compile.", callback=_places.input_files
        ),
    ],
    port: groups.PortName = None,
    board: groups.BoardName = None,
    baud: ports.Baud = None,
    json_file: groups.Json = None,
) -> None:
    """Put another program into a board whose bitstream is loaded: milliseconds, no synthesis.

    The file says which board it was compiled for; --board is for another one.
    Without --port the board's is looked for among those on USB. FILE says what
    was loaded, how many bytes that took, and how long.

    \b
    accel load program/program.bin
    accel load program/program.bin --board icebreaker --port /dev/ttyUSB1
    """
    import accel
    from accel.host.loading import load as load_into
    from accel.ports import opened

    opened_program = accel.open(program, board=values.find_board(board) if board else None)
    line = ports.port_of(opened_program.link_board, port, baud)
    code = opened_program.code
    size = sum(len(chunk.data) for chunk in code.contents)
    with (
        opened(line, code.config, code.flash, who="accel load") as transport,
        progress(f"loading {opened_program.name}", size) as advance,
    ):
        done = load_into(code, transport, advance)
    say(
        f"Loaded {opened_program.name}: {done.size:,} bytes in {done.seconds:.2f} s over "
        f"{line.name} at {line.baud:,} baud ({done.sent:,} bytes sent)"
    )
    write_json(
        json_file,
        {
            "program": opened_program.name,
            "port": line.name,
            "baud": line.baud,
            "bytes": done.size,
            "bytes_sent": done.sent,
            "seconds": round(done.seconds, 6),
        },
    )
