"""``accel check``"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accel.cli import _places
from accel.cli._json import write_json
from accel.cli._output import error, progress, say, show, show_exactness
from accel.cli.options import groups, values
from accel.cli.tables.listing import table
from accel.cli.tables.matrix import Answer, answer_of, answers, as_json, compiled, show_matrix
from accel.cli.tables.program import show_memory, show_program

if TYPE_CHECKING:
    from accel.boards import Board
    from accel.compiler.frontends import UnsupportedModel
    from accel.compiler.ir.graph import Graph
    from accel.config import AcceleratorConfig

CANNOT_RUN = 2


def _list_operators(asked: bool) -> None:
    """The callback of ``--operators``: list them and end."""
    if not asked:
        return
    from accel.compiler.frontends import FRONTENDS

    for frontend in FRONTENDS.values():
        say(f"{frontend.name} ({' '.join(frontend.suffixes)}):", style="bold")
        say(f"  {', '.join(sorted(frontend.operators))}")
    raise typer.Exit


def check(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL...",
            help="Quantized .tflite or .onnx files.",
            callback=_places.input_files,
        ),
    ],
    targets: groups.TargetsOptions,
    network: groups.NetworkOptions,
    json_file: groups.Json = None,
    operators: Annotated[
        bool,
        typer.Option(
            "--operators",
            help="List the operators of each format that are supported, and end.",
            callback=_list_operators,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Say which boards a network runs on, how fast, or what stands in the way; no synthesis.

    A table says which boards a network runs on, and how fast; without --board
    all boards are checked. Of one network on one board every operator is
    listed with what it takes. Ends with 2 if a network runs on none of the
    boards. FILE has a list with an entry for each network and board.

    \b
    accel check model.tflite
    accel check model.tflite --board icebreaker
    accel check model.tflite --board ulx3s_85f --rows 8 --cols 16
    accel check *.tflite --board all --json matrix.json
    """
    asked = targets.find(values.ALL)
    if len(models) == 1:
        found = _check_one(models[0], asked, network)
    else:
        found = []
        with progress(f"checking {len(models)} files", len(models)) as advance:
            for done, model in enumerate(models, 1):
                found += answers(model, asked, **network.arguments())
                advance(done)
        show_matrix(found)
    write_json(json_file, as_json(found))
    if {answer.model for answer in found if answer.runs} != set(map(str, models)):
        raise typer.Exit(CANNOT_RUN)


def _check_one(
    model: Path, asked: list[groups.Subject], network: groups.NetworkOptions
) -> list[Answer]:
    """Say everything of one file."""
    from accel.compiler.frontends import UnsupportedModel, load

    try:
        graph = load(model, network.contract, network.choices())
    except UnsupportedModel as problem:
        _show_operators(model, problem)
        return answers(model, asked, **network.arguments())
    if len(asked) > 1:
        with progress(f"checking {model.name} on {len(asked)} boards", 1):
            found = answers(model, asked, **network.arguments())
        show_matrix(found)
        return found
    ((board, config),) = asked
    return [check_board(graph, board, config, network, model=str(model))]


def check_board(
    graph: "Graph",
    board: "Board",
    config: "AcceleratorConfig",
    network: groups.NetworkOptions,
    *,
    model: str = "",
) -> Answer:
    """Say what of a graph runs on a board, or all reasons why it does not."""
    from accel.cli.tables.matrix import remedies, with_remedies
    from accel.compiler.diagnostics import listing

    made = program, reasons = compiled(graph, config, fuse=network.fuse, exact=network.exact)
    answer = answer_of(model or graph.name, graph, board, config, made)
    title = f"{board.name}: {answer.core} on {board.device}"
    if not answer.runs or program is None:
        say(f"{title}: does not run", style="bold red")
        texts = map(str, answer.details[: len(answer.details) - len(reasons)])
        search = remedies(
            graph,
            model or graph.name,
            network.contract,
            network.choices(),
            fuse=network.fuse,
            exact=network.exact,
        )
        (answer,) = with_remedies([answer], [board], search)
        for text in (*texts, *([listing(graph.title, reasons)] if reasons else ()), *answer.remedy):
            for line in text.splitlines():
                say(f"  {line}")
        say()
        return answer
    show_program(program, title, board)
    show_exactness(program.report())
    show_memory(program, board)
    say()
    return answer


def _show_operators(model: Path, problem: "UnsupportedModel") -> None:
    """Which operators of a file that cannot be used are supported, and which are not."""
    from accel.compiler.reports.operator_support import operator_support

    places = [reason.place for reason in problem.reasons]
    listing = table(">", "operator", "supported", title=str(model))
    for index, line in enumerate(operator_support(model, places)):
        state = "yes" if line.usable else "not in this form"
        listing.add_row(str(index), line.spelling, state if line.known else "no")
    if listing.rows:
        show(listing)
    error(str(problem))
