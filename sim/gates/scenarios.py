"""What happens to a board while its driver works: one script each, from power-up on."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from accel.compiler.program.executable import CoreExecutable
from accel.host.driven_core import DrivenCore
from accel.host.run_results import Counters, RunResult
from accel.host.runner import Between, run
from accel.protocol import Opcode, extension, header

from ..cycles.cycle_model import predict
from .script import Recorder


class _MarkedCore(DrivenCore):
    """A driven core that tells which layer follows, where it runs layer by layer."""

    why = ""

    def steps(
        self,
        sample: Mapping[str, np.ndarray],
        keep: Collection[str],
        between: Between | None = None,
    ) -> Iterator[tuple[str, RunResult]]:
        """As `DrivenCore` has it."""
        names = [command.name for command in self.program.commands]
        self._mark(names, 0)
        for number, step in enumerate(super().steps(sample, keep, between), 1):
            yield step
            self._mark(names, number)

    def _mark(self, names: Sequence[str], number: int) -> None:
        recorder = self.driver.exchange.transport
        if isinstance(recorder, Recorder) and number < len(names):
            recorder.mark(f"{self.why}, layer {names[number]}")


class Host:
    """A driver of one program at a recorded line; ``outputs`` are those of all samples so far."""

    def __init__(self, program: CoreExecutable, recorder: Recorder):
        self.program, self.recorder = program, recorder
        layers = predict(program)
        self.expected = [Counters(**layer.as_dict()) for layer in layers]
        self.cycles = sum(layer.cycles for layer in self.expected)
        self.outputs: list[Mapping[str, np.ndarray]] = []

    def connect(self, why: str) -> _MarkedCore:
        """Find the core and load the program."""
        self.recorder.forget()
        self.recorder.mark(f"{why}: loading")
        return _MarkedCore(self.program, self.recorder, expected=self.expected)

    def infer(self, core: _MarkedCore, inputs: np.ndarray, *, stepped: bool, why: str) -> None:
        """Run samples, layer by layer if ``stepped``."""
        core.stepped = stepped
        for index in range(len(inputs)):
            core.why = f"{why}: sample {index}"
            self.recorder.mark(core.why)
            self.outputs.append(run(self.program, core, inputs[index : index + 1]))

    def begin(self, core: _MarkedCore) -> None:
        """Send a run and go away in the middle of it."""
        first = self.program.entries[0]
        core.driver.begin_run(first.bank, first.address, cycles=self.cycles)
        self.recorder.pause(self.cycles // 2)


def power_up(host: Host, inputs: np.ndarray) -> None:
    """The program is loaded; samples run at once, then layer by layer."""
    core = host.connect("after power-up")
    host.infer(core, inputs, stepped=False, why="after power-up")
    host.infer(core, inputs[-1:], stepped=True, why="after power-up, by layers")


def lost_lock(host: Host, inputs: np.ndarray) -> None:
    """The lock is lost while the core is at work."""
    core = host.connect("before a lost lock")
    host.begin(core)
    host.recorder.lose_lock(host.cycles)
    core = host.connect("after a lost lock")
    host.infer(core, inputs[:1], stepped=False, why="after a lost lock")


def mid_frame(host: Host, inputs: np.ndarray) -> None:
    """The lock is lost within a frame, whose rest the core hears afterwards."""
    core = host.connect("before a reset in mid-frame")
    host.infer(core, inputs[:1], stepped=False, why="before a reset in mid-frame")
    frame = header(Opcode.WRITE, 0, count=3) + bytes(range(1, 3 * host.program.config.rows))
    half = len(frame) // 2
    host.recorder.write(frame[:half])
    host.recorder.lose_lock(host.cycles)
    host.recorder.write(frame[half:])
    core = host.connect("after a reset in mid-frame")
    host.infer(core, inputs[:1], stepped=False, why="after a reset in mid-frame")


def abort(host: Host, inputs: np.ndarray) -> None:
    """A run is aborted in its middle, and within a frame of a run."""
    core = host.connect("before an abort")
    host.begin(core)
    core = host.connect("after an abort")
    frame = header(Opcode.RUN, 0) + extension(limit=1)
    host.recorder.write(frame[: len(frame) // 2])
    core = host.connect("after half a frame")
    host.infer(core, inputs[:1], stepped=False, why="after an abort")


SCENARIOS: Mapping[str, Callable[[Host, np.ndarray], None]] = MappingProxyType(
    {"power-up": power_up, "lost-lock": lost_lock, "mid-frame": mid_frame, "abort": abort}
)


def record(
    program: CoreExecutable, recorder: Recorder, inputs: np.ndarray, names: Sequence[str]
) -> list[Mapping[str, np.ndarray]]:
    """Let scenarios happen one after another; return the outputs of all samples that ran."""
    host = Host(program, recorder)
    for name in names:
        SCENARIOS[name](host, inputs)
    return host.outputs
