"""``accel load``"""

from pathlib import Path
from typing import Annotated

import typer

from accel.cli import _places
from accel.cli._boards_found import port_of
from accel.cli._json import write_json
from accel.cli._output import progress, say
from accel.cli.options import groups, values


def load(
    program: Annotated[
        Path,
        typer.Argument(
            metavar="PROGRAM", help="A program.bin of accel compile.", callback=_places.input_files
        ),
    ],
    port: groups.PortName = None,
    board: groups.BoardName = None,
    baud: Annotated[
        int | None,
        typer.Option("--baud", help="Another rate than that of the board.", metavar="N", min=300),
    ] = None,
    json_file: groups.Json = None,
) -> None:
    """Put another program into a board whose bitstream is loaded: milliseconds, no synthesis.

    Without --port the board's is looked for among those on USB. FILE says what
    was loaded, how many bytes that took, and how long.

    \b
    accel load program/program.bin --board icebreaker
    accel load program/program.bin --board icebreaker --port /dev/ttyUSB1
    """
    from accel.api import DEFAULT_BOARD
    from accel.compiler.program.program_file import load_image
    from accel.host.loading import load as load_into
    from accel.host.port import Port
    from accel.ports import opened

    image = load_image(program)
    found = values.find_board(board or DEFAULT_BOARD)
    rate = baud or found.link.baud
    fastest = None if baud else found.link.fastest  # a rate that is given is kept
    port = port_of(found, port, baud)
    line = Port(port, rate, found.clock.made_mhz, fastest)
    size = sum(len(chunk.data) for chunk in image.chunks)
    with (
        opened(line, image.config, image.flash, who="accel load") as transport,
        progress(f"loading {image.name}", size) as advance,
    ):
        done = load_into(image, transport, advance)
    say(
        f"Loaded {image.name}: {done.size:,} bytes in {done.seconds:.2f} s over {port} at "
        f"{rate:,} baud ({done.sent:,} bytes sent)"
    )
    write_json(
        json_file,
        {
            "program": image.name,
            "port": port,
            "baud": rate,
            "bytes": done.size,
            "bytes_sent": done.sent,
            "seconds": round(done.seconds, 6),
        },
    )
