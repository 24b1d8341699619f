"""A core as a folder of Verilog that stands by itself."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel.boards import Board
from accel.config import AcceleratorConfig
from accel.core.buses import BUSES
from accel.core.core import Core
from accel.errors import UserError
from accel.export.verilog.convert import verilog
from accel.export.verilog.example import example
from accel.export.verilog.facts import Facts, facts_of
from accel.export.verilog.header import header
from accel.export.verilog.readme import readme
from accel.export.verilog.recording import Recording, record, rtl_of
from accel.export.verilog.testbench import Bench, files
from accel.flow.output import staged
from accel.target import resources

FACTS, README = "core.json", "README.md"
OnProgress = Callable[[str, float], None]


class UnknownBus(UserError):
    """There is no bus of that name."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was exported: where, the names of the files, what is known of the core, and the run that
    its testbench repeats."""

    folder: Path
    files: tuple[str, ...]
    facts: Facts
    recording: Recording | None


def export(
    config: AcceleratorConfig,
    output: Path,
    *,
    bus: str = "axis",
    board: Board | None = None,
    testbench: bool = True,
    run: Callable[[AcceleratorConfig], Recording] | None = None,
    on_progress: OnProgress = lambda text, share: None,
) -> Exported:
    """Write a core, its testbench and a page about them into the folder ``output``.

    Parameters
    ----------
    config
        The core. Its family says whose cells are used.
    bus
        One of ``BUSES``.
    board
        The board whose FPGA it is for, if that is known: for the estimate, and where its flash has
        programs.
    testbench
        Run a program in the core's RTL, and write a testbench that expects the same.
    run
        Gives the run that the testbench repeats; `run_in_rtl` if not given.
    on_progress
        Called with what is done next and the share that is done.

    Raises ``UnknownBus``, ``InvalidConfiguration``, ``OutputUnusable``, and what Yosys, the C++
    compiler of compiled RTL and the compiler of networks raise.
    """
    if bus not in BUSES:
        raise UnknownBus(f"Bus must be one of {', '.join(BUSES)}, not {bus!r}")
    resources.check_datapath(config)
    facts = facts_of(config, bus, board)
    on_progress("Verilog", 0.0)
    made = {f"{facts.module}.v": header(facts) + _verilog(facts)}
    recording = None
    if testbench:
        on_progress("run in RTL", 0.4)
        recording = (run or run_in_rtl)(config)
        flash = bool(config.flash_lanes)
        bench = Bench(module=facts.module, bus=bus, flash=flash, recording=recording)
        made |= files(bench)
    made[FACTS] = json.dumps(facts.as_dict(recording), indent=2) + "\n"
    made[README] = readme(facts, recording)
    with staged(output) as folder:
        for name, text in made.items():
            (folder / name).write_text(text)
    return Exported(folder=output, files=tuple(made), facts=facts, recording=recording)


def component(facts: Facts) -> Any:
    """The component that is exported."""
    return BUSES[facts.bus](Core(facts.config, flash_offset=facts.flash_offset))


def _verilog(facts: Facts) -> str:
    return verilog(component(facts), facts.module)


def run_in_rtl(config: AcceleratorConfig) -> Recording:
    """A network that a core can run, run in our RTL of it."""
    found = example(config)
    with found.program:
        return record(found.program, found.sample, rtl_of(config))
