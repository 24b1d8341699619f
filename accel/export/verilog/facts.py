"""What is known of an exported core."""

from dataclasses import dataclass
from typing import Any

import accel
from accel.boards import Board, recorded
from accel.config import AcceleratorConfig
from accel.core.buses import BUSES
from accel.estimate import NotEstimated, estimate
from accel.export.verilog.recording import Recording
from accel.target import resources


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A core, its bus and, where they are known, its board and what it takes there.

    ``estimated`` is what `accel estimate` says, ``measured`` the record of place and route of the
    board's own bitstream with this core, if there is one.
    """

    config: AcceleratorConfig
    bus: str
    board: Board | None
    estimated: dict[str, Any] | None
    measured: dict[str, Any] | None

    @property
    def module(self) -> str:
        """The name of the module."""
        return BUSES[self.bus].module

    @property
    def flash_offset(self) -> int:
        """Where in the flash the program's image begins, in bytes."""
        return self.board.flash.offset if self.board and self.board.flash else 0

    def as_dict(self, recording: Recording | None) -> dict[str, Any]:
        """The same for ``core.json``."""
        run = recording and {
            "network": recording.network,
            "frames": len(recording.steps),
            "bytes_sent": sum(len(step.sent) for step in recording.steps),
            "bytes_answered": sum(len(step.answered) for step in recording.steps),
            **recording.counters,
        }
        return {
            "accel": accel.__version__,
            "module": self.module,
            "bus": self.bus,
            "board": self.board and self.board.name,
            "configuration": self.config.as_dict(),
            "flash_offset": self.flash_offset if self.config.flash_lanes else None,
            "estimated": self.estimated,
            "measured": self.measured,
            "testbench": run,
        }


def facts_of(config: AcceleratorConfig, bus: str, board: Board | None) -> Facts:
    """What is known of a core."""
    return Facts(
        config=config,
        bus=bus,
        board=board,
        estimated=_estimated(config, board),
        measured=_measured(config, board),
    )


def _estimated(config: AcceleratorConfig, board: Board | None) -> dict[str, Any] | None:
    if board is None or config.family == "generic":
        return None
    try:
        return estimate(config, board).as_dict()
    except NotEstimated:
        return None


def _measured(config: AcceleratorConfig, board: Board | None) -> dict[str, Any] | None:
    """The record of a board's bitstream, if it is of this core."""
    if board is None or config != resources.configure(board):
        return None
    made = recorded().get(board.name)
    if made is None or not resources.is_of(made, board):
        return None
    fmax = made["fmax_mhz"]
    return {
        "fmax_mhz": {name: fmax[name] for name in ("median", "min", "max")},
        "seeds": len(fmax["seeds"]),
        "used": made["used"],
    }
