"""``accel datapath``: number formats and processing elements, of this and of other packages."""

from typing import Annotated, Any

import typer

from accel.cli._datapath_report import report
from accel.cli._json import write_json
from accel.cli._output import error, note, progress, say, show
from accel.cli.options import completion, groups
from accel.cli.options.merged import merged
from accel.cli.options.rules import CliCommand
from accel.cli.tables.listing import table

app = typer.Typer(
    name="datapath",
    no_args_is_help=True,
    help="List, check and compare number formats and processing elements.",
)


app.command(cls=CliCommand)(merged(report))


@app.command("list", cls=CliCommand)
def list_(json_file: groups.Json = None) -> None:
    """List number formats and processing elements, built in and of installed packages.

    What an installed package holds but cannot be used is named with the reason.
    FILE has "formats", "elements" and "broken".

    \b
    accel datapath list
    accel datapath list --json datapaths.json
    """
    from accel.core.pe import ELEMENTS
    from accel.discovery import BrokenExtension
    from accel.numeric.formats import FORMATS

    broken: list[str] = []
    found: dict[str, list[Any]] = {"formats": [], "elements": [], "broken": broken}
    formats = table("number format", "what it is", ">weight bits", "products", title="--format")
    for name in FORMATS:
        try:
            number = FORMATS[name]
        except BrokenExtension as problem:
            broken.append(str(problem))
            continue
        exact = "exact" if number.exact else "its own: no contract holds"
        formats.add_row(name, number.title, str(number.weight_bits), exact)
        found["formats"].append(
            {
                "name": name,
                "title": number.title,
                "weight_bits": number.weight_bits,
                "exact": number.exact,
            }
        )
    show(formats)
    elements = table("processing element", "what it is", "formats", title="--pe")
    for name in ELEMENTS:
        try:
            title, served = ELEMENTS[name].title, _formats_of(name)
            elements.add_row(name, title, ", ".join(served))
            found["elements"].append({"name": name, "title": title, "formats": served})
        except BrokenExtension as problem:
            broken.append(str(problem))
    show(elements)
    for text in broken:
        error(text)
    write_json(json_file, found)


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
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A format or a processing element.",
            autocompletion=completion.datapaths,
        ),
    ],
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="For an element of several formats.",
            metavar="NAME",
            autocompletion=completion.formats,
        ),
    ] = None,
    layers: Annotated[
        bool, typer.Option("--layers/--no-layers", help="Also whole layers, in RTL.")
    ] = True,
    json_file: groups.Json = None,
) -> None:
    """Hold a number format or a processing element to what it states.

    Packing is undone; the product is the same of integers, arrays and hardware;
    the element's ports fit the array; all its products are the format's, in the
    stated cycle, and are proved not to depend on what came before; whole layers
    in RTL are the machine's. Ends with 1 if something fails, and says with which
    operands. FILE has a list of the claims.

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
    write_json(json_file, [claim.as_dict() for claim in claims])
    wrong = [claim for claim in claims if not claim.holds]
    for claim in wrong:
        error(f"{claim.what}: {claim.problem}")
    if wrong:
        note("what comes after a claim that fails may not have been examined")
        raise typer.Exit(1)
    say(f"{name} is what it states.")
