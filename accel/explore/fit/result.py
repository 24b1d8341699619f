"""What a search found: configurations by rank, the one that was compiled, or why there is none."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from accel.boards import Board
from accel.compiler.program.program import CoreProgram
from accel.config import AcceleratorConfig, InvalidConfiguration
from accel.host.timing.inference import Timing
from accel.session import Session
from accel.target import resources
from accel.text import escaped

_OPTIONS = {"rows": "--rows", "columns": "--cols", "format": "--format", "element": "--pe"}


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A configuration that has room for the network, and what an inference takes on it.

    ``cycles`` and what follows from them are estimates, unless ``compiled``: then they are exact.
    ``used`` are the board's resources, logic estimated. ``microjoules`` are ``None`` where no power
    is known of the family.
    """

    config: AcceleratorConfig
    cycles: int
    milliseconds: float
    microjoules: float | None
    flash_bytes: int
    used: Mapping[str, int]
    compiled: bool = False

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "used": dict(self.used)}


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """Why no configuration of a board runs a network, with figures that can be worked out anew.

    Attributes
    ----------
    kind : str
        As `Limit` has it; ``logic`` and ``clock`` of the FPGA, ``time`` and ``energy`` of a budget.
    layer, node : str
        What needs too much; empty for the network as a whole.
    needed, there : int or float
        In ``unit``, on the configuration that has most of it in relation to what is needed there.
    what : str
        The same in words.
    config : AcceleratorConfig
        That configuration.
    configurations : int
        How many of the board were looked at: all arrays of ``accel.explore.fit.shapes``.
    place : str
        The node as messages name it, by its number in the file.
    """

    kind: str
    layer: str
    node: str
    needed: float
    there: float
    unit: str
    what: str
    config: AcceleratorConfig
    configurations: int
    place: str = ""

    def __str__(self) -> str:
        place = f"{self.place or self.layer}: " if self.layer else ""
        best = f"{self.config.rows}x{self.config.columns}"
        return (
            f"{place}{self.what}, on the best of {self.configurations:,} configurations, "
            f"{best} {self.config.format}"
        )

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """What `accel.fit` found.

    Attributes
    ----------
    model : str
        The network's name.
    board : Board
        The board that was searched.
    ranked : tuple of Candidate
        The best configurations by estimate, the fastest first.
    best : Candidate or None
        The one that was compiled, with its exact figures.
    code : CoreProgram or None
        Its program.
    certificate : Certificate or None
        Why there is none.
    source : str or None
        The network's file, as a command names it.
    options : tuple of str
        Options of the command line that say how the network is compiled.
    """

    model: str
    board: Board
    ranked: tuple[Candidate, ...] = ()
    best: Candidate | None = None
    code: CoreProgram | None = field(default=None, repr=False)
    certificate: Certificate | None = None
    source: str | None = None
    options: tuple[str, ...] = ()

    @property
    def runs(self) -> bool:
        """Whether a configuration was found, and compiled."""
        return self.best is not None

    @property
    def config(self) -> AcceleratorConfig:
        """The configuration that was compiled. Raises ``ValueError`` where there is none."""
        if self.best is None:
            raise ValueError(f"{self.model} runs on no configuration of {self.board.name}")
        return self.best.config

    @cached_property
    def timing(self) -> Timing | None:
        """What an inference takes with the board's link, if something was compiled."""
        return Session(self.code).timing_on(self.board) if self.code else None

    @property
    def command(self) -> str | None:
        """The command that compiles the network like this, or the call where it is a graph of
        Python's; ``None`` where none does."""
        if self.best is None:
            return None
        if self.source is None:
            return call_for(self.board, self.best.config)
        return command_for(self.source, self.board, self.best.config, self.options)

    def __repr__(self) -> str:
        network, board = escaped(self.model), escaped(self.board.name)
        if self.best is None:
            return f"<Fit {network}: no configuration of {board}; {self.certificate}>"
        changed = ", ".join(f"{k}={v}" for k, v in changes_of(self.config, self.board).items())
        return (
            f"<Fit {network}: {board} with {changed or 'its own core'}, {self.best.cycles:,} "
            f"cycles, {self.timing}>"
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "board": self.board.name,
            "runs": self.runs,
            "best": self.best
            and self.best.as_dict() | (self.timing.as_dict() if self.timing else {}),
            "ranked": [one.as_dict() for one in self.ranked],
            "certificate": self.certificate and self.certificate.as_dict(),
            "command": self.command,
        }


def changes_of(config: AcceleratorConfig, board: Board) -> dict[str, Any]:
    """The changes to a board's own core that `resources.configure` makes a configuration of."""
    default, wanted = resources.configure(board).as_dict(), config.as_dict()
    first = (*_OPTIONS, "requantizers")  # which others follow from, or must go with
    changes = {name: wanted[name] for name in first if wanted[name] != default[name]}
    try:
        made = resources.configure(board, **changes).as_dict()
    except InvalidConfiguration:  # banks as large as the board's own would be too few words
        changes["bank_words"] = wanted["bank_words"]
        made = resources.configure(board, **changes).as_dict()
    return changes | {name: value for name, value in wanted.items() if made[name] != value}


def options_of(config: AcceleratorConfig, board: Board) -> list[str]:
    """The options of the command line that make a configuration of a board's own core."""
    found: list[str] = []
    for name, value in changes_of(config, board).items():
        found += [_OPTIONS[name], str(value)] if name in _OPTIONS else ["--set", f"{name}={value}"]
    return found


def command_for(
    model: str, board: Board, config: AcceleratorConfig, options: Sequence[str] = ()
) -> str:
    """The command that compiles a network for a configuration of a board."""
    words = ["accel", "compile", model, "--board", board.name, *options_of(config, board)]
    return shlex.join([*words, *options, "-o", "program"])


def call_for(board: Board, config: AcceleratorConfig) -> str:
    """The same of a graph, in Python."""
    changes = (f"{name}={value!r}" for name, value in changes_of(config, board).items())
    words = ", ".join([repr(board.name), *changes])
    return f"accel.compile(graph, board={board.name!r}, config=accel.configuration({words}))"
