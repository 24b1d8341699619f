"""``accel board-sim``"""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from accel.cli import _places
from accel.cli._json import write_json
from accel.cli._output import note, say
from accel.cli.options import groups
from accel.errors import ToolError


class BoardEnded(ToolError):
    """The simulation of a board came to an end that nobody asked for."""


def board_sim(
    target: groups.TargetOptions,
    link: Annotated[
        Path | None,
        typer.Option("--link", help="Make a symbolic link to the port there.", metavar="PATH"),
    ] = None,
    flash: Annotated[
        Path | None,
        typer.Option(
            "--flash",
            help="What is in the flash where the board has its program: a program.bin.",
            metavar="FILE",
            callback=_places.input_files,
        ),
    ] = None,
    uart: Annotated[
        bool,
        typer.Option(
            "--uart",
            help="Simulate the board's UART too, bit by bit at its rate; without it bytes go "
            "straight to the core, and any rate will do.",
        ),
    ] = False,
    json_file: groups.Json = None,
) -> None:
    """Offer a simulated board to any program, behind a pseudo-terminal, until Ctrl-C.

    The board's core in compiled RTL: every command with --port takes the
    name that is printed, and so does your own driver. Within one command
    --port sim does the same. FILE has the port's name.

    \b
    accel board-sim --board icebreaker --link board
    accel run MODEL -i x.npy -o y.npy --executor board --port board
    """
    from accel.cli.inputs.flash import read_flash
    from accel.flow.tools import check_named_tools
    from accel.protocol import EIGHTHS
    from accel.sim.board.serial_line import harness_of
    from accel.sim.board.terminal import TerminalBoard, linked
    from accel.sim.rtl.compiled import CompiledCore
    from accel.sim.rtl.harness import Harness

    check_named_tools()
    board, config = target.find()
    image = read_flash(flash, config)
    baud = board.link.baud
    bit = round(EIGHTHS * board.clock.made_mhz * 1e6 / baud)
    note("compiling the core's RTL, unless it is in the cache (about 15 s)")
    core = CompiledCore(config, harness_of(bit) if uart else Harness, image=len(image))
    if image:
        core.burn(image)
    with TerminalBoard(core) as simulated, linked(simulated.port, link):
        name = str(link) if link else simulated.port
        rate = f"at {baud:,} baud, bit by bit" if uart else "at any rate"
        say(f"{board.name}: {config.rows}x{config.columns} {config.format} core, {rate}")
        say(f"Port {simulated.port}" + (f", also {link}" if link else ""))
        say(f"Next: accel selftest --board {board.name} --port {name}")
        write_json(
            json_file,
            {
                "board": board.name,
                "port": simulated.port,
                "link": str(link) if link else None,
                "uart": uart,
                "baud": baud,
                "flash_bytes": len(image),
            },
        )
        note("Ctrl-C ends it")
        with contextlib.suppress(KeyboardInterrupt):
            while simulated.wait(1.0):
                pass
            raise BoardEnded("The simulated board has ended by itself; see above, and start again")
