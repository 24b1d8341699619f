"""``accel check``"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from accel.cli import _options, _places
from accel.cli._matrix import answers, as_json, show_matrix
from accel.cli._output import (
    error,
    progress,
    say,
    show,
    show_exactness,
    table,
    write_whole,
)

CANNOT_RUN = 2


def check(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL...",
            help="Quantized .tflite or .onnx files.",
            callback=_places.input_files,
        ),
    ],
    board: _options.BoardNames = None,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json",
            help="The answer for each file and board.",
            metavar="FILE",
            callback=_places.output_file,
        ),
    ] = None,
    contract: _options.Contract = None,
    fuse: _options.Fuse = True,
    exact: _options.Exact = False,
    rows: _options.Rows = None,
    cols: _options.Columns = None,
    format: _options.Format = None,
    pe: _options.Pe = None,
    values: _options.Values = None,
) -> None:
    """Say what of a network runs where, and everything that stands in the way, without synthesis.

    Without --board all boards are checked. Of several files, or with --board
    all, a table says what runs where. Ends with 2 if a network runs on none
    of the boards.

    \b
    accel check model.tflite
    accel check model.tflite --board icebreaker --board ulx3s_25f
    accel check model.tflite --board ulx3s_85f --rows 8 --cols 16
    accel check *.tflite --board all --json matrix.json
    """
    is_matrix = _options.ALL in (board or [])
    asked = _options.find_boards(board, _options.ALL)
    configs = [_options.configuration(b, rows, cols, format, pe, values) for b in asked]
    pairs = list(zip(asked, configs, strict=True))
    options = {"fuse": fuse, "exact": exact}
    if len(models) == 1 and not is_matrix and json_file is None:
        if not _check_one(models[0], pairs, contract, **options):
            raise typer.Exit(CANNOT_RUN)
        return
    found = []
    with progress(f"checking {len(models)} files", len(models)) as advance:
        for done, model in enumerate(models, 1):
            found += answers(model, pairs, contract, **options)
            advance(done)
    show_matrix(found)
    if json_file is not None:
        text = json.dumps(as_json(found), indent=2) + "\n"
        write_whole(json_file, lambda file: file.write(text.encode()))
    if {answer.model for answer in found if answer.runs} != set(map(str, models)):
        raise typer.Exit(CANNOT_RUN)


def _check_one(
    model: Path, pairs: list[tuple[Any, Any]], contract: str | None, **options: bool
) -> bool:
    """Say everything of one file. Returns whether it runs on one of the boards."""
    from accel.compiler.frontends import UnsupportedModel, load

    try:
        graph = load(model, contract)
    except UnsupportedModel as problem:
        _show_operators(model, [reason.place for reason in problem.reasons])
        error(str(problem))
        return False
    fits = [check_board(graph, board, config, **options) for board, config in pairs]
    return any(fits)


def check_board(graph: Any, board: Any, config: Any, **options: bool) -> bool:
    """Say what of a graph runs on a board, or why it does not. Returns whether it does."""
    import accel
    from accel.compiler.diagnostics import listing
    from accel.compiler.reports.blockers import blockers
    from accel.config import InvalidConfiguration
    from accel.errors import UserError
    from accel.target import resources

    problems = resources.problems(config, board)
    try:
        program = accel.compile(graph, board=board, config=config, **options)
    except InvalidConfiguration:
        pass  # is among the problems
    except UserError as problem:
        problems.append(listing(graph.name, blockers(problem, graph, config)))
    title = f"{board.name}: {config.rows}x{config.columns} {config.format} on {board.device}"
    if problems:
        say(f"{title}: does not run", style="bold red")
        for problem in problems:
            for line in problem.splitlines():
                say(f"  {line}")
        say()
        return False
    _show_program(program, title)
    show_exactness(program.report())
    _show_memory(program, board)
    say()
    return True


def _show_program(program: Any, title: str) -> None:
    """Every operator and what it takes; several layers of one operator are added up."""
    report, parts = program.report(), program.code.partition
    listing = table("operator", "in the file", "runs", ">MACs", ">cycles", ">of peak", title=title)
    for node in program.code.source:
        layers = [layer for layer in report.layers if layer.node == node.name]
        if layers:
            macs = sum(layer.macs for layer in layers)
            cycles = sum(layer.cycles_model for layer in layers)
            share = f"{100 * macs / (cycles * program.config.peak_macs):.1f} %" if macs else ""
            where = f"core, {layers[0].mode}"
            listing.add_row(node.name, node.source, where, f"{macs:,}", f"{cycles:,}", share)
            continue
        driver = node.name in {n.name for n in (*parts.before, *parts.after)}
        listing.add_row(node.name, node.source, "driver" if driver else "core, free", "", "", "")
    share = f"{100 * report.utilization:.1f} %"
    listing.add_section()
    listing.add_row("one inference", "", "", f"{report.macs:,}", f"{report.cycles:,}", share)
    show(listing)


def _show_memory(program: Any, board: Any) -> None:
    from accel.target.resources import needs

    config, memory = program.config, program.code.memory
    kib = config.rows / 1024
    for bank, used in enumerate(memory.used_words):
        activations = memory.activation_words[bank]
        say(
            f"  bank {bank}: {used * kib:.1f} of {config.bank_words * kib:.0f} KiB "
            f"({activations * kib:.1f} activations, {(used - activations) * kib:.1f} program)"
        )
    if memory.flash_bytes:
        say(f"  flash: {memory.flash_bytes / 1024:.1f} KiB of program, streamed after the work")
    cells = (
        f"{n} of {board.resources.get(name, 0)} {name}" for name, n in needs(config).items() if n
    )
    say(f"  needs at least {', '.join(cells)}; logic: known from accel build --board {board.name}")
    cycles, clock = program.report().cycles, board.clock.made_mhz
    milliseconds = cycles / clock / 1e3
    say(f"  {milliseconds:.2f} ms an inference at the board's {clock:g} MHz, without the link")


def _show_operators(model: Path, places: list[str]) -> None:
    """Which operators of a file that cannot be used are supported, and which are not."""
    from accel.compiler.reports.operator_support import operator_support

    listing = table(">", "operator", "supported", title=str(model))
    for index, line in enumerate(operator_support(model, places)):
        state = "yes" if line.usable else "not in this form"
        listing.add_row(str(index), line.spelling, state if line.known else "no")
    if listing.rows:
        show(listing)
