"""A board's netlist at gate level against RTL, with a network that both run."""

from collections.abc import Sequence

import numpy as np

from accel.boards import Board
from accel.compiler.program.executable import CoreExecutable
from accel.config import AcceleratorConfig
from accel.errors import UserError
from accel.sim.gates.bench import Pins
from accel.sim.gates.scenarios import SCENARIOS
from accel.sim.gates.script import LineClock
from accel.sim.gates.verify import OnProgress, Verified, recorded, verify


class UnknownScenario(UserError):
    """There is no scenario of that name."""


def check_scenarios(names: Sequence[str]) -> None:
    """Raise ``UnknownScenario`` unless there are scenarios of all these names."""
    for name in names:
        if name not in SCENARIOS:
            raise UnknownScenario(f"Scenario must be one of {', '.join(SCENARIOS)}, not {name!r}")


def pins_of(board: Board, config: AcceleratorConfig) -> Pins:
    """Where the host and the flash are at a board's netlist."""
    flash = None
    if config.flash_lanes and board.flash:
        flash = f"{board.flash.data_lines[config.flash_lanes]}_0"
    return Pins(uart=f"{board.link.resource}_{board.link.number}", flash=flash)


def check_netlist(
    netlist: str,
    board: Board,
    config: AcceleratorConfig,
    program: CoreExecutable,
    inputs: np.ndarray,
    *,
    scenarios: Sequence[str] = (),
    seed: int = 0,
    on_progress: OnProgress = lambda text, share: None,
) -> Verified:
    """Run a program on a board's netlist and in RTL, and compare all that they answer.

    ``scenarios`` are all that there are if none is given. Raises ``UnknownScenario``, and what
    `recorded` and `verify` raise.
    """
    check_scenarios(scenarios)
    clock = LineClock.of(board.family, board.clock.made_mhz, board.link.baud)
    on_progress("the driver at RTL", 0.0)
    events = recorded(program, inputs, clock, scenarios or tuple(SCENARIOS))
    on_progress("compiling the netlist", 0.0)
    return verify(
        netlist,
        pins_of(board, config),
        program,
        events,
        clock,
        flash_offset=board.flash.offset if board.flash else 0,
        seed=seed,
        on_progress=on_progress,
    )
