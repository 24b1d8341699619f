"""A program with its executors, which are made when first needed and then kept."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from accel.boards import Board
from accel.compiler.program.executable import CoreExecutable
from accel.compiler.program.stored_program import StoredProgram
from accel.errors import UserError
from accel.executors import (
    EXECUTORS,
    STREAMS,
    Execution,
    Inputs,
    Kept,
    NeedsModel,
    Progress,
    UnknownExecutor,
)
from accel.host.driven_core import DrivenCore
from accel.host.exchange import Transport
from accel.host.overlap import input_banks
from accel.host.port import Port
from accel.host.run_results import Counters
from accel.host.runner import run as run_core
from accel.host.timing.inference import FULL_SPEED, HIGH_SPEED, Timing, timing
from accel.protocol import ALL_LAYERS
from accel.sim.cycles.cycle_model import LayerCycles, predict
from accel.sim.functional.machine import Machine
from accel.sim.rtl.parallel import available_jobs


class NoState(UserError):
    """A run is to go on where the one before ended, and nothing of that is left."""


@dataclass
class Session:
    """A program, and executors that are made when first needed and then kept.

    ``waves`` is the VCD file that ``pysim`` writes, ``port`` the one that ``board`` talks over.
    Each executor has the program's states for itself.
    """

    program: CoreExecutable
    waves: Path | None = None
    port: Port | None = None
    goes_on: bool = False  # the present run, where the last one ended
    _cores: dict[str, Any] = field(default_factory=dict)
    _sharing: dict[frozenset[int], list[int]] = field(default_factory=dict)
    _timings: dict[tuple[float, float, bool], Timing] = field(default_factory=dict)
    _left: set[str] = field(default_factory=set)  # executors whose last run left states
    _lost: set[str] = field(default_factory=set)  # those whose last run did not end
    _kept: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)  # by the driver

    @cached_property
    def cycles(self) -> list[LayerCycles]:
        """The cycle model's prediction for each layer."""
        if not isinstance(self.program, StoredProgram):
            return predict(self.program)
        return [
            LayerCycles(f.cycles, f.busy, f.waiting_weights, f.waiting_drain)
            for f in (layer.figures for layer in self.program.commands)
        ]

    def driven(self, transport: Transport) -> DrivenCore:
        """A driver for the core at the other end of a transport."""
        expected = [Counters(**layer.as_dict()) for layer in self.cycles]
        return DrivenCore(self.program, transport, expected=expected, sharing=self.sharing)

    def sharing(self, banks: Collection[int]) -> list[int]:
        """The cycles of each layer if those that read these banks leave cycles free."""
        key = frozenset(banks)
        if key not in self._sharing:
            self._sharing[key] = [layer.cycles for layer in predict(self.program, banks)]
        return self._sharing[key]

    def timing_on(
        self, board: Board, clock_mhz: float | None = None, port: Port | None = None
    ) -> Timing:
        """`timing` with the link of a board, at its clock and the rates of its port if no others
        are given."""
        rates = port or board.link
        return self.timing(
            clock_mhz=clock_mhz or board.clock.made_mhz,
            baud=rates.fastest or rates.baud,
            high_speed=board.link.high_speed,
        )

    def timing(self, *, clock_mhz: float, baud: float, high_speed: bool) -> Timing:
        """What an inference takes over a serial line whose adapter makes at most ``baud``, on USB
        at high speed or at full speed."""
        key = clock_mhz, baud, high_speed
        if key in self._timings:  # a table and a report ask for the same one
            return self._timings[key]
        plain = [layer.cycles for layer in self.cycles]
        shared = self.sharing(input_banks(self.program))

        def cycles(sharing: int) -> list[int]:
            count = len(plain) if sharing == ALL_LAYERS else sharing
            return [*shared[:count], *plain[count:]]

        usb = HIGH_SPEED if high_speed else FULL_SPEED
        found = timing(self.program, cycles, self.driven, clock_mhz=clock_mhz, baud=baud, usb=usb)
        return self._timings.setdefault(key, found)

    def execute(
        self,
        executor: str,
        inputs: Inputs,
        keep: Kept = None,
        progress: Progress | None = None,
        jobs: int | None = None,
        stream: bool = False,
    ) -> Execution:
        """Run a batch ``[N, ...]`` and return the network's outputs or the tensors of ``keep``.

        ``machine`` and ``rtl`` run ``jobs`` parts of the batch at a time, as many as this process
        may use cores where it is not given. Samples of a program with states are successive
        inferences: they begin with the initial states or, with ``stream``, with those that the last
        run on this executor has left.

        Raises ``UnknownExecutor``, ``NoState``, ``InvalidInput`` and what the executor raises.
        """
        if executor not in EXECUTORS:
            known = ", ".join(EXECUTORS)
            raise UnknownExecutor(f"Executor must be one of {known}, not {executor!r}")
        if stream and not self.program.stateful:
            raise NoState(
                f"{self.program.name}: has no state that outlives an inference, so that no run can "
                f"go on where another ended; leave out --stream, or stream= in Python"
            )
        if stream and executor in self._lost:
            raise NoState(
                f"{self.program.name}: the last run on the executor {executor} did not end, and "
                f"nobody knows its states; begin anew: leave out --stream, or stream= in Python"
            )
        self.goes_on = stream and executor in self._left
        execution = EXECUTORS[executor](self, inputs, keep, progress, jobs or available_jobs())
        self._lost.discard(executor)
        self._left.add(executor)
        return execution

    def begin(self, executor: str, core: "Machine | DrivenCore") -> None:
        """Put a core's states to where a run is to begin."""
        if self.program.stateful:
            self._lost.add(executor)  # until it has ended
            if not self.goes_on:
                core.reset()
                self.kept(executor).clear()

    def reset(self) -> None:
        """The next run begins with the initial states, on every executor."""
        self._left.clear()
        self._lost.clear()
        self._kept.clear()

    def kept(self, executor: str) -> dict[str, np.ndarray]:
        """The states that the driver keeps itself, once a run on an executor has left some."""
        return self._kept.setdefault(executor, {})

    def states(self, executor: str) -> dict[str, np.ndarray]:
        """The values that the next inference would find, where that goes on, by states' names."""
        homes, rows = self.program.states, self.program.config.rows
        initial = self.program.initial_states
        if executor not in self._left:
            return initial
        kept = self.core("reference", dict) if executor == "reference" else self.kept(executor)
        own = {state.name: kept[state.read] for state in self.program.partition.kept}
        if executor == "reference":
            return {state.name: kept[state.tensor] for state in homes} | own
        stored = STREAMS[executor](self).states() if homes else {}
        return {state.name: state.value(stored[state.tensor], rows) for state in homes} | own

    def set_states(self, executor: str, values: Mapping[str, np.ndarray]) -> None:
        """Let the next run that goes on begin with these values, by states' names."""
        homes, rows = self.program.states, self.program.config.rows
        kept = self.core("reference", dict) if executor == "reference" else self.kept(executor)
        kept.update({s.read: values[s.name] for s in self.program.partition.kept})
        if executor == "reference":
            kept.update({s.tensor: values[s.name] for s in homes})
        elif homes:
            stored = {s.tensor: s.stored(values[s.name], rows)[0] for s in homes}
            STREAMS[executor](self).set_states(stored)
        self._lost.discard(executor)
        self._left.add(executor)

    def stream(self, executor: str) -> "Stream":
        """A core that takes samples one after another, made, connected and loaded now.

        Raises ``UnknownExecutor``, ``NeedsModel`` and what the executor raises.
        """
        if executor == "reference":
            raise NeedsModel("executor reference", self.program.name, "--executor reference")
        if executor not in STREAMS:
            raise UnknownExecutor(f"Executor must be one of {', '.join(STREAMS)}, not {executor!r}")
        core = STREAMS[executor](self)
        if self.program.stateful:
            core.reset()
            self.kept(executor).clear()
            self._left.add(executor)
        return Stream(self.program, core, self.kept(executor))

    def core(self, name: str, make: Callable[[], Any]) -> Any:
        """The core called ``name``, made now if it does not exist yet."""
        if name not in self._cores:
            self._cores[name] = make()
        return self._cores[name]

    def drop(self, *names: str) -> None:
        """Close these cores, if they exist."""
        for name in names:
            core = self._cores.pop(name, None)
            if hasattr(core, "close"):
                core.close()

    def close(self) -> None:
        """Close the executors, which finishes what they write. Their states are forgotten."""
        self.drop(*self._cores)
        self.reset()


@dataclass
class Stream:
    """A core that takes one sample after another; it is made, and loaded if it needs that. The
    driver keeps ``states`` itself."""

    program: CoreExecutable
    core: Machine | DrivenCore
    states: dict[str, np.ndarray]

    def run(self, inputs: Inputs) -> tuple[Mapping[str, np.ndarray], int | None]:
        """The outputs of one sample ``[1, ...]``, and the cycles that the core counted, if one
        did."""
        tensors = run_core(self.program, self.core, inputs, states=self.states)
        total = self.core.total if isinstance(self.core, DrivenCore) else None
        return tensors, total.cycles if total else None
