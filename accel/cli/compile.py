"""``accel compile``"""

import json
from pathlib import Path
from typing import Annotated

import typer

from accel.cli import _options
from accel.cli._output import say, show_exactness

PROGRAM, LISTING, LAYERS = "program.bin", "listing.txt", "layers.json"


def compile(
    model: _options.Model,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the files.", metavar="DIR")
    ],
    board: _options.BoardName = None,
    contract: _options.Contract = None,
    fuse: _options.Fuse = True,
    exact: _options.Exact = False,
    rows: _options.Rows = None,
    cols: _options.Columns = None,
    format: _options.Format = None,
    values: _options.Values = None,
) -> None:
    """Compile a network to a program for a board's core.

    DIR gets program.bin (what a driver loads), listing.txt (the same for
    people) and layers.json (what every layer takes).

    \b
    accel compile model.tflite --board icebreaker -o program
    """
    import accel
    from accel import boards, resources
    from accel.api import DEFAULT_BOARD
    from accel.compiler.image import save
    from accel.compiler.listing import write_listing
    from accel.flow.output import staged

    board = board or DEFAULT_BOARD
    config = _options.configuration(board, rows, cols, format, values)
    resources.check_fits(config, boards.get(board))
    program = accel.compile(
        model, board=board, config=config, contract=contract, fuse=fuse, exact=exact
    )
    report = program.report()
    with staged(output) as work:
        save(program.code, work / PROGRAM)
        (work / LISTING).write_text(write_listing(program.code), encoding="utf-8")
        (work / LAYERS).write_text(json.dumps(report.as_dict(), indent=2) + "\n")
    say(
        f"{program.name} for {board}, {config.rows}x{config.columns} {config.format}: "
        f"{len(report.layers)} layers, {program.code.size_bytes:,} bytes, "
        f"{report.cycles:,} cycles, {100 * report.utilization:.1f} % of the array's peak"
    )
    show_exactness(report)
    say(f"Wrote {', '.join(str(output / name) for name in (PROGRAM, LISTING, LAYERS))}")
