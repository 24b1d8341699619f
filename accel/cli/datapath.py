"""``accel datapath``: number formats and processing elements, ours and those of installed packages."""

import json
from pathlib import Path
from typing import Annotated

import typer

from accel.cli import _places
from accel.cli._command import CliCommand
from accel.cli._datapath_report import report
from accel.cli._output import (
    error,
    note,
    progress,
    say,
    show,
    table,
    write_whole,
)

app = typer.Typer(
    name="datapath",
    no_args_is_help=True,
    help="Number formats and processing elements, and what holds them to what they state.",
)


app.command(cls=CliCommand)(report)


@app.command("list", cls=CliCommand)
def list_() -> None:
    """List number formats and processing elements, built in and of installed packages.

    What an installed package holds but cannot be used is named with the reason.
    """
    from accel.core.pe import ELEMENTS
    from accel.discovery import BrokenExtension
    from accel.numeric.formats import FORMATS

    broken = []
    formats = table("number format", "what it is", ">weight bits", "products", title="--format")
    for name in FORMATS:
        try:
            number = FORMATS[name]
        except BrokenExtension as problem:
            broken.append(str(problem))
            continue
        exact = "exact" if number.exact else "its own: no contract holds"
        formats.add_row(name, number.title, str(number.weight_bits), exact)
    show(formats)
    elements = table("processing element", "what it is", "formats", title="--pe")
    for name in ELEMENTS:
        try:
            elements.add_row(name, ELEMENTS[name].title, ", ".join(_formats_of(name)))
        except BrokenExtension as problem:
            broken.append(str(problem))
    show(elements)
    for problem in broken:
        error(problem)


def _formats_of(element: str) -> list[str]:
    from accel.config import AcceleratorConfig
    from accel.core.pe import ELEMENTS, serves
    from accel.discovery import BrokenExtension
    from accel.numeric.formats import FORMATS

    found = []
    for name in FORMATS:
        try:
            if serves(ELEMENTS[element], AcceleratorConfig(format=name)):
                found.append(name)
        except BrokenExtension:
            continue
    return found


@app.command(cls=CliCommand)
def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A format or a processing element.")],
    form: Annotated[
        str | None,
        typer.Option("--format", help="For an element of several formats.", metavar="NAME"),
    ] = None,
    layers: Annotated[
        bool, typer.Option("--layers/--no-layers", help="Also whole layers, in RTL.")
    ] = True,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json", help="The claims as JSON.", metavar="FILE", callback=_places.output_file
        ),
    ] = None,
) -> None:
    """Hold a number format or a processing element to what it states.

    Packing is undone; the product is the same of integers, arrays and hardware; the element's ports fit
    the array; all its products are the format's, in the stated cycle, and are proved not to depend on
    what came before; whole layers in RTL are the machine's. Ends with 1 if something fails, and says
    with which operands.

    \b
    accel datapath check booth --format int8_int4
    accel datapath check my_element
    """
    from accel.datapath import check as examine
    from accel.flow.tools import check_named_tools

    check_named_tools()
    with progress(f"check of {name}", 1.0) as advance:
        claims = examine(name, form, layers=layers, progress=lambda text: advance(0.0, text))
    listing = table("", "claim", "how", title=name)
    for claim in claims:
        listing.add_row("holds" if claim.holds else "FAILS", claim.what, claim.how)
    show(listing)
    if json_file is not None:
        text = json.dumps([claim.as_dict() for claim in claims], indent=2) + "\n"
        write_whole(json_file, lambda file: file.write(text.encode()))
    wrong = [claim for claim in claims if not claim.holds]
    for claim in wrong:
        error(f"{claim.what}: {claim.problem}")
    if wrong:
        note("what comes after a claim that fails may not have been examined")
        raise typer.Exit(1)
    say(f"{name} is what it states.")
