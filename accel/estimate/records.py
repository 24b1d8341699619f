"""Recorded builds: what place and route made of configurations, kept as data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from accel.boards import BOARDS
from accel.config import AcceleratorConfig

BUILDS = Path(__file__).with_name("builds.json")


@dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """One build: a configuration on a device, the cells it took, and Fmax of each seed in MHz.

    Records that are ``held_out`` take no part in any fit; estimates are held against them.
    """

    name: str
    device: str
    config: AcceleratorConfig
    used: Mapping[str, int]
    available: Mapping[str, int]
    fmax_mhz: tuple[float, ...]
    held_out: bool = False

    @classmethod
    def from_json(cls, name: str, made: Mapping[str, Any]) -> "Record":
        return cls(
            name=name,
            device=made["device"],
            config=AcceleratorConfig(**made["configuration"]),
            used=made["used"],
            available=_sizes()[made["device"]],
            fmax_mhz=tuple(run["signed_off"] for run in made["fmax_mhz"]["seeds"]),
            held_out=made.get("held_out", False),
        )


@cache
def _sizes() -> Mapping[str, Mapping[str, int]]:
    """What the FPGAs of all boards have, by device."""
    return {board.device: board.resources for board in BOARDS.values()}


@cache
def records() -> tuple[Record, ...]:
    """All recorded builds: those made for the fit and those of the boards' default cores."""
    made = json.loads(BUILDS.read_text())
    made |= json.loads((files("accel.boards") / "results.json").read_text())
    return tuple(Record.from_json(name, one) for name, one in made.items())
