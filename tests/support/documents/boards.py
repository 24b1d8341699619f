"""The tables of boards: what each is, what place and route made of it, and what was estimated."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import accel
from accel import boards
from accel.config import AcceleratorConfig
from accel.estimate.model import LOGIC
from accel.target import resources
from tests.support.held_out import held_out

from .markdown import table as markdown

RESULTS = Path(__file__).resolve().parents[3] / "boards" / "results.json"
DIGITS = Path(__file__).resolve().parents[3] / "examples/digits/digits_int8.tflite"
# Not on the board's own core: what `accel compile` advises then, as options and as changes.
_DIGITS_FIT_WITH: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "tinyfpga_bx": ("--cols 4 --set flash_lanes=4", {"columns": 4, "flash_lanes": 4}),
}


def table() -> str:
    rows = []
    for name, board in boards.BOARDS.items():
        config = resources.configure(board)
        core = f"{config.rows}x{config.columns} {config.format}"
        core += ", logic" if not resources.needs(config)["DSP"] else ""
        clock = f"{board.clock.made_mhz:g} MHz"
        memory = f"{2 * config.bank_words * config.rows // 1024} KiB"
        rows.append([f"`{name}`", board.title, board.device, core, memory, clock])
    return markdown(["board", "what it is", "FPGA", "default core", "memory", "clock"], rows)


def programmers() -> str:
    """How each board is loaded, and by what it is known on USB."""
    rows = []
    for name, board in boards.BOARDS.items():
        first = board.programmers[0]
        ways = ["yes" if words else "" for words in (first.sram, first.flash, first.program)]
        tools = " or ".join(f"`{one.tool.name}`" for one in board.programmers)
        chip = board.usb_chip
        own = "the same, after work by hand" if board.link.by_hand else "the same"
        port = "an adapter of your own" if chip.uart is None else own
        rows.append([f"`{name}`", tools, *ways, chip.names, port])
    heading = ["board", "programmer", "until power is off", "bitstream in flash"]
    return markdown([*heading, "program in flash", "USB", "serial port"], rows)


def builds() -> str:
    """What is in boards/results.json, which examples/boards/place_and_route.py writes, and which
    boards are not."""
    records = json.loads(RESULTS.read_text())
    rows = [_build(name, records) for name in boards.BOARDS]
    heading = ["board", "logic", "DSP", "EBR", "SPRAM", "clock, MHz", "signed-off Fmax, MHz"]
    return markdown([*heading, "seeds"], rows)


def _build(name: str, records: Mapping[str, Any]) -> list[str]:
    board, made = boards.get(name), records.get(name)
    there = board.resources
    if made is None:
        clock = f"{board.clock.made_mhz:g}"
        alike = (other for other in records if boards.get(other).device == board.device)
        other = next(alike, None)
        hint = f"; the FPGA of `{other}`" if other else ""
        return [f"`{name}`", f"not placed yet{hint}", "", "", "", clock, "", ""]
    shares = [
        f"{made['used'].get(what, 0):,} of {there[what]:,}" if what in there else ""
        for what in ("DSP", "EBR", "SPRAM")
    ]
    logic = "LC" if "LC" in there else "LUT"
    fmax = made["fmax_mhz"]
    spread = f"{fmax['median']:.1f}"
    if len(fmax["seeds"]) > 1:
        spread += f" ({fmax['min']:.1f} to {fmax['max']:.1f})"
    row = [f"`{name}`", f"{made['used'][logic]:,} of {there[logic]:,} {logic}", *shares]
    return [*row, f"{made['clock_mhz']:g}", spread, str(len(fmax["seeds"]))]


def by_hand() -> str:
    """What is to be connected by hand, and what digits then take at the rate of the line."""
    rows = []
    for name, board in boards.BOARDS.items():
        if board.link.by_hand:
            options, changes = _DIGITS_FIT_WITH.get(name, ("", {}))
            timing = _digits(resources.configure(board, **changes)).timing(board)
            times = [f"{timing.core_ms:.2f}", f"{timing.link_ms:.1f}", f"{timing.throughput:.0f}"]
            rate = f"{board.link.fastest or board.link.baud:,}"
            shown = f"`{name}`" + f", `{options}`" * bool(options)
            rows.append([shown, board.link.by_hand, rate, *times])
    heading = ["board", "by hand", "baud", "core, ms", "link, ms", "digits a second"]
    return markdown(heading, rows)


@cache
def _digits(config: AcceleratorConfig) -> accel.Program:
    return accel.compile(DIGITS, config=config)


def estimates() -> str:
    """Estimates of the builds in accel/estimate/builds.json that they are not fitted to."""
    rows = []
    for one in held_out():
        config, logic, fmax = one.record.config, one.logic, one.fmax_mhz
        size = f"{config.rows}x{config.columns} {config.format}, `{config.element}`"
        figures = [
            f"{logic.estimated:,}",
            f"{logic.built:,} {LOGIC[config.family]}",
            f"{100 * logic.error:+.1f} %",
            f"{fmax.estimated:.1f}",
            f"{fmax.built:.1f}",
            f"{100 * fmax.error:+.1f} %",
        ]
        rows.append([f"`{one.record.name}`", size, *figures])
    heading = ["build", "core", "logic estimated", "built", "error"]
    return markdown([*heading, "MHz estimated", "built", "error"], rows)
