"""``accel show``"""

from pathlib import Path
from typing import Annotated

import typer

from accel.cli import _options, _places
from accel.cli._output import say, write_whole


def show(
    model: _options.Model,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The page; MODEL.html here without it.",
            metavar="FILE.html",
            callback=_places.output_file,
        ),
    ] = None,
    board: _options.BoardName = None,
    contract: _options.Contract = None,
    fuse: _options.Fuse = True,
    exact: _options.Exact = False,
    rows: _options.Rows = None,
    cols: _options.Columns = None,
    format: _options.Format = None,
    pe: _options.Pe = None,
    values: _options.Values = None,
) -> None:
    """Draw a network as it is compiled for a core, and where its cycles go.

    The page opens in any browser, without a network: every layer with what it
    is fused into and what it takes, lost cycles, roofline, memory over time.

    \b
    accel show model.tflite --board icebreaker -o model.html
    """
    import accel
    from accel.api import DEFAULT_BOARD
    from accel.pictures.pages import run_page

    output = output or Path(f"{Path(model).stem}.html")
    _places.check_writable(output)
    found = _options.find_board(board or DEFAULT_BOARD)
    config = _options.configuration(found, rows, cols, format, pe, values)
    program = accel.compile(
        model, board=found, config=config, contract=contract, fuse=fuse, exact=exact
    )
    page = run_page(program.report(), found.clock.made_mhz)
    write_whole(output, lambda file: file.write(page.encode()))
    say(f"Wrote {output}: open it in a browser")
