"""``accel explore``"""

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from accel.cli import _places
from accel.cli._json import write_json
from accel.cli._output import note, progress, say, show, write_whole
from accel.cli.options import completion, groups, values
from accel.cli.tables.listing import table

PAGE, SUMMARY = "explore.html", "explore.json"


@dataclass(frozen=True, kw_only=True)
class AxesOptions:
    """Several values of each of the core's properties, of which all combinations are explored."""

    rows: Annotated[str | None, typer.Option("--rows", help="Such as 2,4,8.", metavar="N,...")] = (
        None
    )
    cols: Annotated[str | None, typer.Option("--cols", help="Such as 4,8,16.", metavar="N,...")] = (
        None
    )
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Number formats.",
            metavar="NAME,...",
            autocompletion=completion.several(completion.formats),
        ),
    ] = None
    pe: Annotated[
        str | None,
        typer.Option(
            "--pe",
            help="Processing elements.",
            metavar="NAME,...",
            autocompletion=completion.several(completion.elements),
        ),
    ] = None
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Other values of the configuration, such as requantizers=1,2.",
            metavar="NAME=VALUE,...",
            autocompletion=completion.configuration,
        ),
    ] = None

    def values_of_each(self) -> dict[str, list[Any]]:
        """The values of each name that was given. Raises ``BadOption``."""
        given = {
            "rows": self.rows,
            "columns": self.cols,
            "format": self.format,
            "element": self.pe,
        }
        texts = {name: text for name, text in given.items() if text}
        for text in self.values or []:
            name, equals, several = text.partition("=")
            if not equals or name in texts:
                raise values.BadOption(
                    f"--set must be NAME=VALUE,... with each name once, not {text!r}"
                )
            texts[name] = several
        return {
            name: list(
                dict.fromkeys(values.parsed([f"{name}={part}"])[name] for part in text.split(","))
            )
            for name, text in texts.items()
        }


def explore(
    axes: AxesOptions,
    reading: groups.ReadingOptions,
    models: Annotated[
        list[Path],
        typer.Argument(
            help="Networks that the core is for.", metavar="MODEL...", callback=_places.input_files
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Folder for results; a sweep goes on from what it finds there.",
            metavar="DIR",
            callback=_places.output_folder,
        ),
    ],
    board: Annotated[
        list[str] | None,
        typer.Option(
            "--board",
            "-b",
            help="Boards, as many as you like, or all.",
            metavar="BOARD",
            autocompletion=completion.boards_or_all,
        ),
    ] = None,
    data: groups.Data = None,
    route: Annotated[
        int,
        typer.Option("--route", help="Points to place and route.", metavar="N", min=0),
    ] = 12,
    seeds: Annotated[
        int, typer.Option("--seeds", help="Of place and route, for each.", min=1, max=64)
    ] = 1,
    trials: Annotated[
        int,
        typer.Option(
            "--trials",
            help="Points to estimate; a larger space is searched by Optuna instead.",
            metavar="N",
            min=1,
        ),
    ] = 1000,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", help="Processes; as many as cores.", metavar="N", min=1),
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option("--dask", help="Use the workers of this Dask scheduler.", metavar="ADDRESS"),
    ] = None,
    json_file: groups.Json = None,
) -> None:
    """Explore cores for networks: estimate all, build the best, show each board's Pareto front.

    All combinations of the values are estimated: what does not fit is left out,
    of the rest those that promise most in latency, logic, energy and accuracy on
    their board are placed and routed. What is not known, as accuracy without
    --data, is not compared, and said. Each finished point is kept at once; the
    same command goes on where an interrupted one stopped. DIR gets explore.html
    and explore.json; FILE has what explore.json has.

    \b
    accel explore model.tflite -b icebreaker --rows 2,4 --cols 2,4,8 -o sweep
    accel explore a.tflite b.onnx -b ulx3s_25f -b ulx3s_85f --rows 4,8 \\
        --cols 4,8,16 --set requantizers=1,2,4 --data test.npz --route 20 \\
        --seeds 4 -o sweep
    accel explore model.tflite -b all --rows 4,8 -o sweep \\
        --dask tcp://10.0.0.5:8786
    """
    from accel.explore import executors
    from accel.explore.network import Network
    from accel.explore.point import Space
    from accel.explore.search import search
    from accel.explore.store import Store
    from accel.explore.sweep import Sweep, feasible, pareto_fronts
    from accel.flow.tools import check_named_tools
    from accel.pictures.exploration import exploration_page

    space = Space(_boards(board), axes.values_of_each())
    values.check_names(models)
    if route:
        check_named_tools()
    _places.check_in_folder(output, PAGE, SUMMARY)
    networks = [Network.read(model, data, reading.choices()) for model in models]
    store = Store(output)
    if store.results:
        note(f"going on from {len(store.results)} results in {store.path}")
    if store.odd:
        note(f"left out {store.odd} damaged lines of {store.path}; what they held is done again")
    jobs = jobs or os.cpu_count() or 1
    with contextlib.ExitStack() as stack:
        found = stack.enter_context(executors.dask(dask) if dask else executors.local(jobs))
        tell = stack.enter_context(_progress())
        sweep = Sweep(networks, found, store, tuple(range(1, seeds + 1)), tell)
        if len(space) > trials:
            note(f"{len(space):,} points: Optuna chooses {trials:,} to estimate")
            outcomes = search(sweep, space, trials, max(8, 2 * jobs))
        else:
            outcomes = sweep.estimate(space)
        if route:
            sweep.route_promising(outcomes, route)
    feasible(outcomes)
    best = pareto_fronts([outcome for outcome in outcomes if outcome.is_routed or not route])
    points = [outcome.as_dict() for outcome in outcomes]
    fronts: list[dict[str, Any]] = [
        {
            "board": front.board,
            "objectives": front.objectives,
            "left_out": front.left_out,
            "points": [outcomes.index(outcome) for outcome in front.outcomes],
        }
        for front in best
    ]
    title = f"Cores for {', '.join(network.name for network in networks)}"
    summary = {
        "networks": [n.name for n in networks],
        "fronts": fronts,
        "front": sorted({index for front in fronts for index in front["points"]}),
        "points": points,
    }
    page = exploration_page(title, points, fronts)
    write_whole(output / SUMMARY, lambda file: file.write(json.dumps(summary, indent=1).encode()))
    write_whole(output / PAGE, lambda file: file.write(page.encode()))
    for front in fronts:
        _show(front, points, f"{title}: the Pareto front of {front['board']}")
    fit = sum(not point["problem"] for point in points)
    built = sum(bool(point.get("routed")) for point in points)
    say(f"{len(points)} points estimated, {fit} fit, {built} placed and routed")
    say(f"Wrote {output / PAGE}, {output / SUMMARY}")
    write_json(json_file, summary)


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar with the time that is left, for each kind of work in turn."""
    with progress("exploring", 1.0, remaining=True) as advance:

        def tell(text: str, done: int, total: int) -> None:
            advance(done / max(1, total), f"{text} {total} points")

        yield tell


def _boards(names: list[str] | None) -> list[str]:
    from accel import boards
    from accel.api import DEFAULT_BOARD

    names = names or [DEFAULT_BOARD]
    if "all" in names:
        return list(boards.BOARDS)
    return [boards.get(name).name for name in dict.fromkeys(names)]


def _show(front: dict[str, Any], points: list[dict[str, Any]], title: str) -> None:
    from accel.pictures.exploration import compared, front_table, left_out

    cells = front_table([points[i] for i in front["points"]])
    listing = table(*cells.headings, title=title)
    for row in cells.rows:
        listing.add_row(*row)
    show(listing)
    say(f"  On it is what nothing else {compared(front)}")
    if front["left_out"]:
        say(f"  {left_out(front)}", style="yellow")
