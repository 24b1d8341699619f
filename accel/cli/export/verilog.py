"""``accel export verilog``"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accel.cli import _places
from accel.cli._json import write_json
from accel.cli._output import progress, say
from accel.cli.options import completion, groups, values

if TYPE_CHECKING:
    from accel.boards import Board
    from accel.config import AcceleratorConfig


def verilog(
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Folder for the files.",
            metavar="DIR",
            callback=_places.output_folder,
        ),
    ],
    core: groups.CoreOptions,
    board: Annotated[
        str | None,
        typer.Option(
            "--board",
            "-b",
            help="The core of this board, of its FPGA's own cells.",
            metavar="BOARD",
            show_default="none: generic cells, or those of --set family=NAME",
            autocompletion=completion.boards,
        ),
    ] = None,
    bus: Annotated[
        str,
        typer.Option("--bus", help="axis (AXI4-Stream), wishbone or axi4lite.", metavar="NAME"),
    ] = "axis",
    testbench: Annotated[
        bool,
        typer.Option(
            "--testbench/--no-testbench", help="Run a program in RTL, and expect the same."
        ),
    ] = True,
    json_file: groups.Json = None,
) -> None:
    """Export a core as one file of Verilog, with a testbench that checks itself.

    DIR gets the core, its README.md (ports, protocol, how to simulate),
    core.json, and a testbench for Icarus Verilog or another simulator. It
    loads and runs a network through the core's bus, and compares every byte
    of the answers and the cycles with our own simulation. One clock,
    synchronous reset. FILE has what core.json has, and the paths of the files.

    \b
    accel export verilog --rows 4 --cols 4 -o core
    accel export verilog --board icebreaker --set flash_lanes=0 -o core
    accel export verilog --set family=ecp5 --bus axi4lite -o core
    """
    from accel.core.buses import BUSES
    from accel.export.verilog.export import README, export
    from accel.flow.tools import check_named_tools

    values.one_of("--bus", bus, BUSES)
    check_named_tools()
    found = values.find_board(board) if board else None
    config = _configuration(found, core)
    with progress("export", 1.0) as advance:
        made = export(
            config,
            output,
            bus=bus,
            board=found,
            testbench=testbench,
            on_progress=lambda text, share: advance(share, text),
        )
    paths = [str(output / name) for name in made.files]
    say(f"{made.facts.module}: {config.rows}x{config.columns} {config.format}, {config.family}")
    if made.recording:
        cycles = made.recording.counters["cycles"]
        say(f"  its testbench runs {made.recording.network}, {cycles:,} cycles")
    say(f"Wrote {', '.join(paths)}")
    say(f"How to use it: {output / README}")
    write_json(json_file, {**made.facts.as_dict(made.recording), "files": paths})


def _configuration(board: "Board | None", core: groups.CoreOptions) -> "AcceleratorConfig":
    """The board's core, or one of no board, with what was given. Raises ``UserError``."""
    if board:
        from accel.target import resources

        config = core.on(board)
        resources.check_fits(config, board)
        return config
    return values.configuration(None, core.changes())
