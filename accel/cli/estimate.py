"""``accel estimate``"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accel.cli import _places
from accel.cli._json import write_json
from accel.cli._output import say, show
from accel.cli.options import groups, values
from accel.cli.tables.listing import name, table

if TYPE_CHECKING:
    from accel.boards import Board
    from accel.config import AcceleratorConfig


def estimate(
    targets: groups.TargetsOptions,
    reading: groups.ReadingOptions,
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Networks, for cycles, latency and energy.",
            metavar="[MODEL...]",
            callback=_places.input_files,
        ),
    ] = None,
    json_file: groups.Json = None,
) -> None:
    """Estimate a core's logic and clock, and what networks take on it, before any synthesis.

    Logic and clock are estimated from builds that were recorded; cycles are
    exact. `accel build` says what it really is. FILE has an object, of several
    boards a list of them.

    \b
    accel estimate model.tflite --board icebreaker
    accel estimate --board ulx3s_85f --rows 16 --cols 16 --set requantizers=4
    """
    from accel.api import DEFAULT_BOARD

    values.check_names(models or [])
    found = [_estimated(*subject, models or [], reading) for subject in targets.find(DEFAULT_BOARD)]
    for answer in found:
        config = answer["configuration"]
        size = f"{config['rows']}x{config['columns']} {config['format']}"
        _show(answer, f"{answer['board']}: {size}, estimated")
    write_json(json_file, found[0] if len(found) == 1 else found)


def _estimated(
    found: "Board",
    config: "AcceleratorConfig",
    models: list[Path],
    reading: groups.ReadingOptions,
) -> dict[str, Any]:
    """What is known of a board's core without synthesis, and what networks take on it."""
    import accel
    from accel.estimate import estimate as guess
    from accel.host.timing.line import share_at_rest
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
        program = accel.compile(model, board=found, config=config, **reading.arguments())
        report, timing = program.report(), program.timing(clock_mhz=made.fmax_mhz)
        energy = energy_of(config.family, cycles=report.cycles, mhz=made.fmax_mhz).microjoules
        answer["networks"][report.program.name] = {
            "cycles": report.cycles,
            **timing.as_dict(),
            "energy_uj": energy and round(energy, 3),
            "utilization": round(report.utilization, 6),
            "at_rest": round(
                share_at_rest(
                    program.code,
                    report.cycles,
                    clock_mhz=found.clock.made_mhz,
                    baud=found.link.fastest or found.link.baud,
                ),
                6,
            ),
        }
    return answer


def _show(answer: dict[str, Any], title: str) -> None:
    from accel.host.timing.inference import in_digits

    fit = table("resource", ">about", ">available", ">share", title=title)
    for resource, used in answer["used"].items():
        available = answer["available"][resource]
        share = f"{100 * used / available:.0f} %" if available else ""
        fit.add_row(resource, f"{used:,}", f"{available:,}", share)
    show(fit)
    say(
        f"Fmax about {answer['fmax_mhz']:.0f} MHz (median over seeds), from {answer['builds']} "
        "recorded builds of the family"
    )
    for text in answer["problems"]:
        say(f"  {text}", style="yellow")
    if answer["networks"]:
        columns = ("cycles", "core, ms", "link, ms", "/s", "uJ", "of peak", "at rest")
        listing = table("network", *(f">{column}" for column in columns))
        for network, one in answer["networks"].items():
            energy = "" if one["energy_uj"] is None else f"{one['energy_uj']:.1f}"
            core, link, rate = one["core_ms"], one["link_ms"], one["throughput"]
            times = map(in_digits, (core, link, rate))
            share = f"{100 * one['utilization']:.1f} %"
            rest = f"{100 * one['at_rest']:.1f} %"
            listing.add_row(name(network), f"{one['cycles']:,}", *times, energy, share, rest)
        show(listing)
        say(
            "At rest: cycles in which nothing runs, and multipliers and memories are off, of "
            "inferences as fast as the board's serial line and the core allow; computed from bytes "
            "and cycles"
        )
