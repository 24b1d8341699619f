"""``accel estimate``"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from accel.cli import _options, _places
from accel.cli._output import say, show, table, write_whole


def estimate(
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Networks, for cycles, latency and energy.",
            metavar="[MODEL...]",
            callback=_places.input_files,
        ),
    ] = None,
    board: _options.BoardNames = None,
    rows: _options.Rows = None,
    cols: _options.Columns = None,
    format: _options.Format = None,
    pe: _options.Pe = None,
    values: _options.Values = None,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json", help="All of it as JSON.", metavar="FILE", callback=_places.output_file
        ),
    ] = None,
) -> None:
    """What a core takes and how fast it is, before any synthesis.

    Logic and clock are estimated from builds that were recorded; cycles are
    exact. `accel build` says what it really is. FILE has an object, of several
    boards a list of them.

    \b
    accel estimate model.tflite --board icebreaker
    accel estimate --board ulx3s_85f --rows 16 --cols 16 --set requantizers=4
    """
    from accel.api import DEFAULT_BOARD

    _options.check_names(models or [])
    asked = _options.find_boards(board, DEFAULT_BOARD)
    configs = [_options.configuration(b, rows, cols, format, pe, values) for b in asked]
    found = [_estimated(*pair, models or []) for pair in zip(asked, configs, strict=True)]
    if json_file is not None:
        text = json.dumps(found[0] if len(found) == 1 else found, indent=2) + "\n"
        write_whole(json_file, lambda file: file.write(text.encode()))
    for answer in found:
        config = answer["configuration"]
        size = f"{config['rows']}x{config['columns']} {config['format']}"
        _show(answer, f"{answer['board']}: {size}, estimated")


def _estimated(found: Any, config: Any, models: list[Path]) -> dict[str, Any]:
    """What is known of a board's core without synthesis, and what networks take on it."""
    import accel
    from accel.estimate import estimate as guess
    from accel.target import resources
    from accel.target.energy import estimate as energy_of

    made = guess(config, found)
    answer: dict[str, Any] = {
        "board": found.name,
        "configuration": config.as_dict(),
        **made.as_dict(),
        "problems": resources.problems(config, found),
        "networks": {},
    }
    for model in models:
        report = accel.compile(model, board=found, config=config).report()
        energy = energy_of(config.family, cycles=report.cycles, mhz=made.fmax_mhz).microjoules
        answer["networks"][report.program.name] = {
            "cycles": report.cycles,
            "latency_ms": round(report.cycles / made.fmax_mhz / 1e3, 6),
            "energy_uj": energy and round(energy, 3),
            "utilization": round(report.utilization, 6),
        }
    return answer


def _show(answer: dict[str, Any], title: str) -> None:
    fit = table("resource", ">about", ">available", ">share", title=title)
    for name, used in answer["used"].items():
        available = answer["available"][name]
        share = f"{100 * used / available:.0f} %" if available else ""
        fit.add_row(name, f"{used:,}", f"{available:,}", share)
    show(fit)
    say(
        f"Fmax about {answer['fmax_mhz']:.0f} MHz (median over seeds), from {answer['builds']} "
        "recorded builds of the family"
    )
    for text in answer["problems"]:
        say(f"  {text}", style="yellow")
    if answer["networks"]:
        listing = table("network", ">cycles", ">ms", ">uJ", ">of peak")
        for name, one in answer["networks"].items():
            energy = "" if one["energy_uj"] is None else f"{one['energy_uj']:.1f}"
            latency, share = f"{one['latency_ms']:.3f}", f"{100 * one['utilization']:.1f} %"
            listing.add_row(name, f"{one['cycles']:,}", latency, energy, share)
        show(listing)
