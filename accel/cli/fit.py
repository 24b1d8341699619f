"""``accel fit``"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from accel.cli._json import write_json
from accel.cli._output import progress, say, show
from accel.cli.options import groups, values
from accel.cli.tables.listing import name, table

if TYPE_CHECKING:
    from accel.explore.fit.result import Candidate, Fit

NONE_FITS = 2


def fit(
    model: groups.Model,
    network: groups.NetworkOptions,
    board: groups.BoardName = None,
    ms: Annotated[
        float | None,
        typer.Option(
            "--ms",
            help="Milliseconds of the core that an inference may take.",
            metavar="X",
            min=0.0,
        ),
    ] = None,
    uj: Annotated[
        float | None,
        typer.Option(
            "--uj",
            help="Microjoules that it may take, on boards of a family whose power is known.",
            metavar="Y",
            min=0.0,
        ),
    ] = None,
    format: groups.FormatName = None,
    json_file: groups.Json = None,
) -> None:
    """Find the core of a board that runs a network fastest, and the command for it.

    A board's FPGA can hold many cores: arrays of other rows and columns,
    larger weight buffers or banks, wider sums, more requantizers, programs
    streamed from flash or kept in memory. All that fit the FPGA, by its DSP
    cells, block RAM and estimated logic, and have room for the network are
    ranked by the estimated time of an inference, and the best one is compiled.
    The last line is the command that does the same; its options serve
    `accel run`, `accel show` and `accel build`, too.

    Where no core will do, it says what is too large in the one that lacks
    least, in bytes needed and bytes there, and ends with 2. --ms and --uj are
    limits for the compiled core, without its link. Takes at most 10 seconds of the processor.
    FILE has the ranked cores, the compiled one, the command or the certificate.

    \b
    accel fit model.tflite
    accel fit model.tflite --board ulx3s_25f --ms 5
    accel fit model.tflite --board icebreaker --uj 100 --json fit.json
    """
    import accel
    from accel.api import DEFAULT_BOARD

    found = values.find_board(board or DEFAULT_BOARD)
    config = values.configuration(found, {"format": format} if format else {})
    with progress(f"fitting {model.name} to {found.name}", 1.0) as advance:
        answer = accel.fit(
            model,
            board=found,
            config=config,
            ms=ms,
            uj=uj,
            on_progress=lambda text, done: advance(done, text),
            **network.arguments(),
        )
    write_json(json_file, answer.as_dict())
    _show(answer)
    if not answer.runs:
        raise typer.Exit(NONE_FITS)


def _show(answer: "Fit") -> None:
    if answer.ranked:
        columns = (">about ms core", ">uJ", ">buffer", ">bank", ">flash", "sums", ">DSP", ">logic")
        title = f"{answer.model} on {answer.board.name}, by estimate"
        listing = table("core", *columns, title=title)
        for one in answer.ranked:
            listing.add_row(*_row(one))
        show(listing)
        note = (
            "ms core: without the link, which adds the same to each; buffer, bank: KiB for weights "
            "and of each of the two banks; flash: KiB streamed"
        )
        say(note, style="dim")
    if answer.best is None or answer.command is None:
        say(f"No configuration of {answer.board.name} runs {answer.model}:", style="bold red")
        say(f"  {answer.certificate}")
        return
    best = answer.best
    streamed = f", {best.flash_bytes:,} bytes of the program from flash" * (best.flash_bytes > 0)
    energy = "" if best.microjoules is None else f", {best.microjoules:.4g} uJ"
    size = f"{best.config.rows}x{best.config.columns} {best.config.format}"
    say(
        f"Compiled {size}: {best.cycles:,} cycles at the board's "
        f"{answer.board.clock.made_mhz:g} MHz: {answer.timing}{energy}{streamed}"
    )
    say(answer.command)


def _row(one: "Candidate") -> list[Any]:
    config = one.config
    logic = next((f"{one.used[cell]:,}" for cell in ("LC", "LUT") if cell in one.used), "")
    buffer = config.weight_steps * config.step_bits / 8 / 1024
    return [
        name(f"{config.rows}x{config.columns}, {config.requantizers} req."),
        f"{one.milliseconds:.3g}",
        "" if one.microjoules is None else f"{one.microjoules:.3g}",
        f"{buffer:.1f}",
        f"{config.bank_words * config.rows / 1024:.1f}",
        f"{one.flash_bytes / 1024:.0f}" if one.flash_bytes else "",
        f"{config.sum_bits} bits",
        str(one.used.get("DSP", 0)),
        logic,
    ]
