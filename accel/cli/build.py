"""``accel build``"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accel.cli import _places
from accel.cli._json import write_json
from accel.cli._output import error, progress, say, show, write_whole
from accel.cli.options import completion, groups
from accel.cli.options.values import BadOption
from accel.cli.program import next_of_build
from accel.cli.tables.listing import table
from accel.flow.output import REPORT

if TYPE_CHECKING:
    from accel.boards import Board, SpiWires

_MODULES = 5  # that are named


def build(
    board: Annotated[
        str,
        typer.Option(
            "--board",
            "-b",
            help=groups.BOARD_HELP,
            metavar="BOARD",
            autocompletion=completion.boards,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Folder for the bitstream.",
            metavar="DIR",
            callback=_places.output_folder,
        ),
    ],
    core: groups.CoreOptions,
    platform: groups.PlatformOptions,
    seeds: Annotated[
        int | None,
        typer.Option("--seeds", min=1, max=64, help="Runs of place and route; the best is kept."),
    ] = None,
    spi: Annotated[
        str | None,
        typer.Option(
            "--spi",
            help="A link over SPI in place of the UART: the FPGA's pins, or 'board' for those that "
            "the board's file names.",
            metavar="SCK,COPI,CIPO,CS",
        ),
    ] = None,
    cache: Annotated[
        bool,
        typer.Option(
            "--cache/--no-cache",
            help="Take from the user's cache what was made before of the same content (at most "
            "1 GiB is kept; the variable ACCEL_CACHE names another folder).",
        ),
    ] = True,
    json_file: groups.Json = None,
) -> None:
    """Build a bitstream for a board and say what it takes and how fast it is.

    DIR gets the bitstream, report.json and report.html, the sources and the
    tools' logs. The bitstream runs any program that was compiled for the same
    core. FILE has what report.json has, the bitstream's path, and what was
    taken from the cache.

    \b
    accel build --board icebreaker -o build
    accel build --board icebreaker --format int8_int4 --seeds 4 -o build_int4
    accel build --board ulx3s_85f --rows 8 --cols 8 -o build_ulx3s
    accel build --board amaranth_boards.upduino_v2:UpduinoV2Platform \\
        --clock clk12 --uart 4,3 -o up2
    """
    from accel.explore.fit.core import advised_core
    from accel.flow.tools import check_named_tools
    from accel.pictures.pages import build_page
    from accel.target.bitstream import build as run_build

    page = output / "report.html"
    check_named_tools()
    _places.check_in_folder(output, page.name, REPORT)
    found = platform.find_board(board)
    wires = _spi_wires(found, spi)
    config = core.on(found)
    with advised_core(found, config), progress(f"build for {board}", 1.0) as advance:
        result = run_build(
            found,
            output,
            config=config,
            seeds=range(1, seeds + 1) if seeds else (),
            spi=wires,
            on_progress=lambda text, share: advance(share, text),
            cache=cache,
        )
    show_report(result.report)
    show_reused(result.reused)
    say(f"Bitstream: {result.bitstream}")
    write_whole(page, lambda file: file.write(build_page(result.report).encode()))
    say(f"Charts of fit, seeds and critical paths: {page}")
    write_json(
        json_file,
        {**result.report, "bitstream": str(result.bitstream), "reused": list(result.reused)},
    )
    if result.report["timing_met"]:
        say(next_of_build(output, found, result.bitstream))
    else:
        error("timing is not met: this bitstream must not be used; try more --seeds")
        raise typer.Exit(1)


def _spi_wires(board: "Board", spi: str | None) -> "SpiWires | None":
    """The pins of a link over SPI. Raises ``BadOption``."""
    from accel.boards import SpiWires

    if spi is None:
        return None
    if spi == "board":
        if board.spi is None:
            raise BadOption(
                f"--spi board: {board.name}'s file names no pins for SPI; give four of the FPGA's "
                "with --spi SCK,COPI,CIPO,CS"
            )
        return board.spi
    pins = [pin.strip() for pin in spi.split(",")]
    if len(pins) != 4 or not all(pins) or len(set(pins)) != 4:
        raise BadOption(
            f"--spi must be four pins SCK,COPI,CIPO,CS, or 'board' for those that the board's file "
            f"names, not {spi!r}"
        )
    return SpiWires(*pins)


def show_reused(reused: Sequence[str]) -> None:
    """Say what of a build was made before."""
    if reused:
        what = "the whole build" if "build" in reused else ", ".join(reused)
        say(f"Taken from the cache: {what}, made before of the same sources by the same tools")


def show_report(report: Mapping[str, Any]) -> None:
    """Print fit and Fmax of a finished build."""
    config, fmax = report["configuration"], report["fmax_mhz"]
    title = f"{report['board']}: {config['rows']}x{config['columns']} {config['format']}"
    fit = table("resource", ">used", ">available", ">share", title=f"Fit, {title}")
    for name, use in report["utilization"].items():
        if use["used"]:
            share = f"{100 * use['used'] / use['available']:.0f} %"
            fit.add_row(name, str(use["used"]), str(use["available"]), share)
    show(fit)
    _show_modules(report.get("modules") or {})
    met = "met" if report["timing_met"] else "NOT met"
    say(f"Clock {report['clock_mhz']:g} MHz, {met}: signed-off Fmax {fmax['signed_off']:.1f} MHz")
    of = "of one seed"
    if len(fmax["seeds"]) > 1:
        spread = f"{fmax['min']:.1f} to {fmax['max']:.1f}, median {fmax['median']:.1f} MHz"
        of = f"the best of {len(fmax['seeds'])} seeds: {spread}"
    say(f"  {of}; nextpnr says {fmax['nextpnr']:.1f} MHz")
    if fmax["failed_seeds"]:
        say(f"  no result of seed {', '.join(map(str, fmax['failed_seeds']))}")
    if "icetime_mhz" in report:
        say(f"  icetime says {report['icetime_mhz']:.1f} MHz")


def _show_modules(modules: Mapping[str, Mapping[str, int]]) -> None:
    """The modules that take most of the logic."""
    total = sum(module["logic"] for module in modules.values())
    shares = [
        f"{name} {100 * module['logic'] / total:.0f} %"
        for name, module in list(modules.items())[:_MODULES]
        if module["logic"]
    ]
    if shares:
        say(f"Most of the logic: {', '.join(shares)}")
