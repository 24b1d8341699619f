"""The executors: they run one program and give the same bits."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from accel.boards import Board
from accel.compiler.graph import interpreter
from accel.compiler.program.executable import CoreExecutable
from accel.compiler.program.program import CoreProgram
from accel.compiler.program.stored_program import StoredProgram
from accel.errors import UserError
from accel.host.driven_core import DrivenCore
from accel.host.exchange import Transport
from accel.host.overlap import input_banks
from accel.host.port import Port
from accel.host.run_results import Counters
from accel.host.runner import run as run_core
from accel.host.timing.inference import FULL_SPEED, HIGH_SPEED, Timing, timing
from accel.ports import opened, transport_to
from accel.protocol import ALL_LAYERS
from accel.sim.cycles.cycle_model import LayerCycles, predict
from accel.sim.functional.checked import CheckedMachine
from accel.sim.functional.machine import Machine
from accel.sim.rtl.parallel import ParallelCores, available_jobs

if TYPE_CHECKING:  # they bring the hardware, which few commands need
    from accel.sim.rtl.compiled import CompiledCore
    from accel.sim.rtl.pysim import SimulatedCore

Progress = Callable[[int], None]
Inputs = np.ndarray | Mapping[str, np.ndarray]
Kept = tuple[str, ...] | None


class SimulatedTransport(Transport, Protocol):
    """A stream of bytes to a simulated core; ``cycles`` counts all that were simulated."""

    cycles: int

    def burn(self, image: bytes) -> None:
        """Write a program's image into the flash chip beside the core."""


class UnknownExecutor(UserError):
    """There is no executor of that name."""


class NeedsModel(UserError):
    """What is asked for takes the network, which a program file does not hold."""

    def __init__(self, what: str, name: str, options: str = "") -> None:
        command = f"accel run MODEL -i X.npy -o Y.npy {options}".strip()
        super().__init__(
            f"{name}: {what} needs the network itself, which a program file does not hold; give "
            f"the model: `{command}`, or accel.compile(MODEL) in Python"
        )


class NoState(UserError):
    """A run is to go on where the one before ended, and nothing of that is left."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Execution:
    """What an executor returns.

    ``tensors`` has the arrays that were asked for, int8 or float ``[N, ...]`` by tensor name.
    ``layers`` has the counters of each layer of one inference as the core counted them, ``None``
    where no core ran. ``simulated_cycles`` are all cycles of a simulation, loading included.
    """

    tensors: Mapping[str, np.ndarray]
    layers: list[Counters] | None = None
    simulated_cycles: int = 0


@dataclass
class Session:
    """A program, and executors that are made when first needed and then kept.

    ``waves`` is the VCD file that ``pysim`` writes, ``port`` the one that ``board`` talks over.
    Each executor has the program's states for itself.
    """

    program: CoreExecutable
    waves: Path | None = None
    port: Port | None = None
    _cores: dict[str, Any] = field(default_factory=dict)
    _sharing: dict[frozenset[int], list[int]] = field(default_factory=dict)
    _timings: dict[tuple[float, float, bool], Timing] = field(default_factory=dict)
    _left: set[str] = field(default_factory=set)  # executors whose last run left states
    _lost: set[str] = field(default_factory=set)  # those whose last run did not end
    _goes_on: bool = False  # the present run, where the last one ended

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
        if stream and not self.program.states:
            raise NoState(
                f"{self.program.name}: has no state that outlives an inference, so that no run can "
                f"go on where another ended; leave out --stream, or stream= in Python"
            )
        if stream and executor in self._lost:
            raise NoState(
                f"{self.program.name}: the last run on the executor {executor} did not end, and "
                f"nobody knows its states; begin anew: leave out --stream, or stream= in Python"
            )
        self._goes_on = stream and executor in self._left
        execution = EXECUTORS[executor](self, inputs, keep, progress, jobs or available_jobs())
        self._lost.discard(executor)
        self._left.add(executor)
        return execution

    def begin(self, executor: str, core: "Machine | DrivenCore") -> None:
        """Put a core's states to where a run is to begin."""
        if self.program.states:
            self._lost.add(executor)  # until it has ended
            if not self._goes_on:
                core.reset()

    def reset(self) -> None:
        """The next run begins with the initial states, on every executor."""
        self._left.clear()
        self._lost.clear()

    def states(self, executor: str) -> dict[str, np.ndarray]:
        """The values that the next inference would find, where that goes on, by states' names."""
        homes, rows = self.program.states, self.program.config.rows
        if executor not in self._left:
            return {state.name: state.initial for state in homes}
        if executor == "reference":
            found = self.core("reference", dict)
            return {state.name: found[state.tensor] for state in homes}
        stored = STREAMS[executor](self).states()
        return {state.name: state.value(stored[state.tensor], rows) for state in homes}

    def set_states(self, executor: str, values: Mapping[str, np.ndarray]) -> None:
        """Let the next run that goes on begin with these values, by states' names."""
        homes, rows = self.program.states, self.program.config.rows
        if executor == "reference":
            self.core("reference", dict).update({s.tensor: values[s.name] for s in homes})
        else:
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
        if self.program.states:
            core.reset()
            self._left.add(executor)
        return Stream(self.program, core)

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


def _reference(
    session: Session, inputs: Inputs, keep: Kept, progress: Progress | None, jobs: int
) -> Execution:
    if not isinstance(session.program, CoreProgram):
        raise NeedsModel("executor reference", session.program.name, "--executor reference")
    kept = session.core("reference", dict)
    states = dict(kept) if session._goes_on else {}
    tensors = interpreter.run(session.program.graph, inputs, keep, states)
    kept.update(states)
    return Execution(tensors=tensors)


def _machine_core(session: Session) -> Machine:
    """The machine. A program from a file may ask for what no core does."""
    if not isinstance(session.program, StoredProgram):
        return session.core("machine", lambda: Machine(session.program))
    return session.core("machine", lambda: CheckedMachine(session.program))


def _machine(
    session: Session, inputs: Inputs, keep: Kept, progress: Progress | None, jobs: int
) -> Execution:
    machine = _machine_core(session)
    machine.jobs = jobs
    session.begin("machine", machine)
    return Execution(tensors=run_core(session.program, machine, inputs, keep))


def _rtl(
    session: Session, inputs: Inputs, keep: Kept, progress: Progress | None, jobs: int
) -> Execution:
    jobs = 1 if session.program.states else min(jobs, _count(inputs))
    names = ["rtl", *(f"rtl {index}" for index in range(1, jobs))]
    transports = [_compiled(session, name) for name in names]
    if len(names) == 1:
        return _simulate(session, names[0], transports[0], inputs, keep, progress)
    cores = [_driven(session, *pair) for pair in zip(names, transports, strict=True)]
    for core in cores:
        core.stepped = True
    tensors = run_core(session.program, ParallelCores(cores, progress), inputs, keep)
    return Execution(
        tensors=tensors,
        layers=cores[-1].layer_counters,
        simulated_cycles=sum(transport.cycles for transport in transports),
    )


def _compiled(session: Session, name: str = "rtl") -> "CompiledCore":
    from accel.sim.rtl.compiled import CompiledCore

    image = len(session.program.flash)
    return session.core(name, lambda: CompiledCore(session.program.config, image=image))


def _count(inputs: Inputs) -> int:
    """Samples of a batch, or 1 if it is none, which `interpreter.check_inputs` refuses."""
    array = next(iter(inputs.values()), None) if isinstance(inputs, Mapping) else inputs
    return len(array) if isinstance(array, np.ndarray) and array.ndim else 1


def _pysim(
    session: Session, inputs: Inputs, keep: Kept, progress: Progress | None, jobs: int
) -> Execution:
    return _simulate(session, "pysim", _interpreted(session), inputs, keep, progress)


def _interpreted(session: Session) -> "SimulatedCore":
    from accel.sim.rtl.pysim import SimulatedCore

    image = len(session.program.flash)
    return session.core(
        "pysim", lambda: SimulatedCore(session.program.config, image=image, waves=session.waves)
    )


def _simulate(
    session: Session,
    name: str,
    transport: SimulatedTransport,
    inputs: Inputs,
    keep: Kept,
    progress: Progress | None,
) -> Execution:
    core = _driven(session, name, transport)
    session.begin(name, core)
    execution = _drive(core, inputs, keep, progress)
    return replace(execution, simulated_cycles=transport.cycles)


def _driven(session: Session, name: str, transport: SimulatedTransport) -> DrivenCore:
    """A driver for a simulated core, with the program's image in its flash as a user would write
    it."""

    def drive() -> DrivenCore:
        if session.program.flash:
            transport.burn(session.program.flash)
        return session.driven(transport)

    return session.core(f"driven {name}", drive)


def _board(
    session: Session, inputs: Inputs, keep: Kept, progress: Progress | None, jobs: int
) -> Execution:
    """Run on a board. The program is loaded again for each batch: the board may have been reset.

    A board that has states is held until the session is closed: a run may go on with them.
    """
    if session.program.states:
        if not session._goes_on:
            session.drop("driven board", "port")
        core = _held(session)
        session.begin("board", core)
        return _drive(core, inputs, keep, progress)
    with opened(session.port, session.program.config, session.program.flash) as transport:
        return _drive(session.driven(transport), inputs, keep, progress)


def _drive(core: DrivenCore, inputs: Inputs, keep: Kept, progress: Progress | None) -> Execution:
    core.progress = progress
    core.stepped = True
    tensors = run_core(core.program, core, inputs, keep)
    return Execution(tensors=tensors, layers=core.layer_counters)


@dataclass
class Stream:
    """A core that takes one sample after another; it is made, and loaded if it needs that."""

    program: CoreExecutable
    core: Machine | DrivenCore

    def run(self, inputs: Inputs) -> tuple[Mapping[str, np.ndarray], int | None]:
        """The outputs of one sample ``[1, ...]``, and the cycles that the core counted, if one
        did."""
        tensors = run_core(self.program, self.core, inputs)
        total = self.core.total if isinstance(self.core, DrivenCore) else None
        return tensors, total.cycles if total else None


def _held(session: Session) -> DrivenCore:
    """The core of a board, whose port stays open until the session is closed."""
    program = session.program
    transport = session.core(
        "port", lambda: transport_to(session.port, program.config, program.flash)
    )
    if not program.states:
        return session.driven(transport)
    return session.core("driven board", lambda: session.driven(transport))


def _unstepped(core: DrivenCore) -> DrivenCore:
    core.progress, core.stepped = None, False
    return core


STREAMS: Mapping[str, Callable[[Session], Machine | DrivenCore]] = {
    "machine": _machine_core,
    "rtl": lambda session: _unstepped(_driven(session, "rtl", _compiled(session))),
    "pysim": lambda session: _unstepped(_driven(session, "pysim", _interpreted(session))),
    "board": lambda session: _unstepped(_held(session)),
}

EXECUTORS: Mapping[str, Callable[..., Execution]] = {
    "reference": _reference,
    "machine": _machine,
    "rtl": _rtl,
    "pysim": _pysim,
    "board": _board,
}

__all__ = [
    "EXECUTORS",
    "STREAMS",
    "Counters",
    "Execution",
    "NeedsModel",
    "NoState",
    "Port",
    "Session",
    "Timing",
    "UnknownExecutor",
    "predict",
]
