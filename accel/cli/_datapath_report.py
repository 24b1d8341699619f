"""``accel datapath report``"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from accel.cli import _places
from accel.cli._json import write_json
from accel.cli._output import progress, say, show, write_whole
from accel.cli.options import completion, groups, values
from accel.cli.tables.listing import table
from accel.text import counted_lines

_HEADINGS = ("format, element", ">logic", ">DSP", ">EBR", ">MHz", ">cycles", ">ms", ">uJ")
_REST = (">program", ">accuracy")


def report(
    names: Annotated[
        list[str],
        typer.Argument(
            help="Number formats and processing elements.",
            metavar="NAME...",
            autocompletion=completion.datapaths,
        ),
    ],
    size: groups.SizeOptions,
    reading: groups.ReadingOptions,
    board: groups.BoardName = None,
    models: Annotated[
        list[Path] | None,
        typer.Option(
            "--model",
            "-m",
            help="Networks; may be repeated.",
            metavar="MODEL",
            callback=_places.input_files,
        ),
    ] = None,
    data: groups.Data = None,
    seeds: Annotated[
        int,
        typer.Option("--seeds", help="Of place and route; with 0 nothing is built.", min=0, max=64),
    ] = 1,
    json_file: groups.Json = None,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", help="Charts, as a page.", metavar="FILE.html", callback=_places.output_file
        ),
    ] = None,
) -> None:
    """Compare number formats and processing elements with the board's own, in cores of one size.

    Each core is placed and routed: logic, DSPs, memory and signed-off Fmax. Of each
    network that its numbers can hold: cycles, latency, estimated energy, bytes of
    program and, with labelled data, accuracy. What has no figures is said with
    the reason. The build's cache keeps what is finished.

    \b
    accel datapath report int8_int4 booth --board icebreaker --model model.tflite
    accel datapath report my_format --board ulx3s_25f -m float8.tflite \\
        -d test.npz --seeds 4 --json F.json --html F.html
    """
    from accel.api import DEFAULT_BOARD
    from accel.explore.datapaths import compare, logic, points
    from accel.explore.network import Network
    from accel.flow.tools import check_named_tools
    from accel.pictures.datapath import datapath_page
    from accel.pictures.page import Table

    values.check_names(models or [])
    check_named_tools()
    found = values.find_board(board or DEFAULT_BOARD)
    chosen = points(names, found, size.changes())
    networks = [Network.read(model, data, reading.choices()) for model in models or []]
    with progress("report", len(chosen)) as advance:
        done: list[str] = []

        def tell(text: str) -> None:
            done.append(text)
            advance((len(done) - 1) / 2, text)

        made = compare(chosen, networks, tuple(range(1, seeds + 1)), tell)
    cells = [line for row in made for line in _lines(row, logic(row))]
    title = f"Datapaths on {found.name}"
    listing = table(*_HEADINGS, *_REST, title=title)
    for line in cells:
        listing.add_row(*line)
    show(listing)
    for line in counted_lines(
        (who, _shortened(problem)) for row in made for who, problem in _problems(row)
    ):
        say(f"  {line}", style="yellow")
    write_json(json_file, {"board": found.name, "cores": made})
    if html is not None:
        page = datapath_page(title, made, Table(headings=_HEADINGS + _REST, rows=cells), logic)
        write_whole(html, lambda file: file.write(page.encode()))
        say(f"Wrote {html}")


def _lines(row: Mapping[str, Any], logic: int | None) -> list[Sequence[str]]:
    """A line for each network of a core, or one without."""
    used = row.get("used") or {}
    fmax = f"{row['fmax_mhz']['median']:.1f}" if row.get("fmax_mhz") else ""
    cells = ["" if n is None else f"{n:,}" for n in (logic, used.get("DSP"), used.get("EBR"))]
    lines: list[Sequence[str]] = []
    for name, one in (row["networks"] or {"": {"problem": "none"}}).items():
        head = f"{row['name']}: {name}" if len(row["networks"]) > 1 else row["name"]
        accuracy = one.get("accuracy")
        lines.append(
            (
                head,
                *cells,
                fmax,
                f"{one['cycles']:,}" if one.get("cycles") else "",
                f"{one['latency_ms']:.3f}" if one.get("latency_ms") else "",
                f"{one['energy_uj']:.1f}" if one.get("energy_uj") else "",
                f"{one['program_bytes']:,}" if one.get("program_bytes") else "",
                "" if accuracy is None else f"{100 * accuracy:.2f} %",
            )
        )
    return lines


def _shortened(problem: str) -> str:
    """A message's first two lines, and how many more it has."""
    first, *others = problem.splitlines()
    more = f", and {len(others) - 1} more" if len(others) > 1 else ""
    return f"{' '.join([first, *others[:1]])}{more}"


def _problems(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = [(row["name"], row["problem"])] if row["problem"] else []
    return found + [
        (f"{row['name']}, {name}", one["problem"])
        for name, one in row["networks"].items()
        if one["problem"]
    ]
