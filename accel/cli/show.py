"""``accel show``"""

from pathlib import Path
from typing import Annotated

import typer

from accel.cli import _places
from accel.cli._json import write_json
from accel.cli._output import say, write_whole
from accel.cli.options import groups


def show(
    model: groups.Model,
    target: groups.TargetOptions,
    network: groups.NetworkOptions,
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
    json_file: groups.Json = None,
) -> None:
    """Draw a network as it is compiled for a core, and where its cycles go.

    The page opens in any browser, without a network: every layer with what it
    is fused into and what it takes, lost cycles, roofline, memory over time.
    FILE has what `accel compile` writes to layers.json, and the page's path.

    \b
    accel show model.tflite --board icebreaker -o model.html
    """
    import accel
    from accel.pictures.pages import run_page

    output = output or Path(f"{Path(model).stem}.html")
    _places.check_writable(output)
    found, config = target.find()
    program = accel.compile(model, board=found, config=config, **network.arguments())
    report = program.report()
    page = run_page(report, found.clock.made_mhz)
    write_whole(output, lambda file: file.write(page.encode()))
    say(f"Wrote {output}: open it in a browser")
    write_json(json_file, report.as_dict() | {"page": str(output)})
