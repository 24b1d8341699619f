"""The executors: they run one program and give the same bits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from accel.compiler.graph import interpreter
from accel.compiler.program.program import CoreProgram
from accel.compiler.program.stored_program import StoredProgram
from accel.errors import UserError
from accel.host.driven_core import DrivenCore
from accel.host.exchange import Transport
from accel.host.run_results import Counters
from accel.host.runner import run as run_core
from accel.ports import opened, transport_to
from accel.sim.functional.checked import CheckedMachine
from accel.sim.functional.machine import Machine
from accel.sim.rtl.parallel import ParallelCores

if TYPE_CHECKING:  # simulators bring the hardware, which few commands need
    from accel.session import Session
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


def _reference(
    session: "Session", inputs: Inputs, keep: Kept, progress: Progress | None, jobs: int
) -> Execution:
    if not isinstance(session.program, CoreProgram):
        raise NeedsModel("executor reference", session.program.name, "--executor reference")
    kept = session.core("reference", dict)
    states = dict(kept) if session.goes_on else {}
    tensors = interpreter.run(session.program.graph, inputs, keep, states)
    kept.update(states)
    return Execution(tensors=tensors)


def _machine_core(session: "Session") -> Machine:
    """The machine. A program from a file may ask for what no core does."""
    if not isinstance(session.program, StoredProgram):
        return session.core("machine", lambda: Machine(session.program))
    return session.core("machine", lambda: CheckedMachine(session.program))


def _machine(
    session: "Session", inputs: Inputs, keep: Kept, progress: Progress | None, jobs: int
) -> Execution:
    machine = _machine_core(session)
    machine.jobs = jobs
    session.begin("machine", machine)
    kept = session.kept("machine")
    return Execution(tensors=run_core(session.program, machine, inputs, keep, kept))


def _rtl(
    session: "Session", inputs: Inputs, keep: Kept, progress: Progress | None, jobs: int
) -> Execution:
    jobs = 1 if session.program.stateful else min(jobs, _count(inputs))
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


def _compiled(session: "Session", name: str = "rtl") -> "CompiledCore":
    from accel.sim.rtl.compiled import CompiledCore

    image = len(session.program.flash)
    return session.core(name, lambda: CompiledCore(session.program.config, image=image))


def _count(inputs: Inputs) -> int:
    """Samples of a batch, or 1 if it is none, which `interpreter.check_inputs` refuses."""
    array = next(iter(inputs.values()), None) if isinstance(inputs, Mapping) else inputs
    return len(array) if isinstance(array, np.ndarray) and array.ndim else 1


def _pysim(
    session: "Session", inputs: Inputs, keep: Kept, progress: Progress | None, jobs: int
) -> Execution:
    return _simulate(session, "pysim", _interpreted(session), inputs, keep, progress)


def _interpreted(session: "Session") -> "SimulatedCore":
    from accel.sim.rtl.pysim import SimulatedCore

    image = len(session.program.flash)
    return session.core(
        "pysim", lambda: SimulatedCore(session.program.config, image=image, waves=session.waves)
    )


def _simulate(
    session: "Session",
    name: str,
    transport: SimulatedTransport,
    inputs: Inputs,
    keep: Kept,
    progress: Progress | None,
) -> Execution:
    core = _driven(session, name, transport)
    session.begin(name, core)
    execution = _drive(core, inputs, keep, progress, session.kept(name))
    return replace(execution, simulated_cycles=transport.cycles)


def _driven(session: "Session", name: str, transport: SimulatedTransport) -> DrivenCore:
    """A driver for a simulated core, with the program's image in its flash as a user would write
    it."""

    def drive() -> DrivenCore:
        if session.program.flash:
            transport.burn(session.program.flash)
        return session.driven(transport)

    return session.core(f"driven {name}", drive)


def _board(
    session: "Session", inputs: Inputs, keep: Kept, progress: Progress | None, jobs: int
) -> Execution:
    """Run on a board. The program is loaded again for each batch: the board may have been reset.

    A board that has states is held until the session is closed: a run may go on with them.
    """
    if session.program.stateful:
        if not session.goes_on:
            session.drop("driven board", "port")
        core = _held(session)
        session.begin("board", core)
        return _drive(core, inputs, keep, progress, session.kept("board"))
    with opened(session.port, session.program.config, session.program.flash) as transport:
        return _drive(session.driven(transport), inputs, keep, progress)


def _drive(
    core: DrivenCore,
    inputs: Inputs,
    keep: Kept,
    progress: Progress | None,
    states: dict[str, np.ndarray] | None = None,
) -> Execution:
    core.progress = progress
    core.stepped = True
    tensors = run_core(core.program, core, inputs, keep, states)
    return Execution(tensors=tensors, layers=core.layer_counters)


def _held(session: "Session") -> DrivenCore:
    """The core of a board, whose port stays open until the session is closed."""
    program = session.program
    transport = session.core(
        "port", lambda: transport_to(session.port, program.config, program.flash)
    )
    if not program.stateful:
        return session.driven(transport)
    return session.core("driven board", lambda: session.driven(transport))


def _unstepped(core: DrivenCore) -> DrivenCore:
    core.progress, core.stepped = None, False
    return core


STREAMS: Mapping[str, Callable[["Session"], Machine | DrivenCore]] = {
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
