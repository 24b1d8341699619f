"""A program that runs, with or without the network that it was compiled from."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from accel.boards import BOARDS, Board, UnknownBoard, get
from accel.compiler.graph.interpreter import InvalidInput, check_inputs, in_file_shape
from accel.compiler.ir.graph import Tensor
from accel.compiler.program import program_file
from accel.compiler.program.executable import CoreExecutable
from accel.compiler.program.program import CoreProgram
from accel.compiler.program.stored_program import Figures, StoredProgram
from accel.compiler.reports.inexact_channels import Deviation, stated
from accel.config import FLASH, AcceleratorConfig
from accel.executors import Execution, NeedsModel
from accel.host.port import Port
from accel.host.run_results import Counters
from accel.host.timing.inference import Timing
from accel.ports import board_port
from accel.results import Answer, Layer, Report, Result, StateInfo, TensorInfo
from accel.session import Session
from accel.sim.cycles import loss_attribution
from accel.sim.cycles.cycle_model import LayerCycles
from accel.target import energy
from accel.text import escaped

if TYPE_CHECKING:
    from accel.api import Program

DEFAULT_BOARD = "icebreaker"
Inputs = np.ndarray | Mapping[str, np.ndarray]


class Executable:
    """A program, ready to be run.

    Parameters
    ----------
    code
        What runs.
    board
        The board that it is for, if any, or its name.
    waves
        VCD file that the ``pysim`` executor writes.
    labels
        Names of the classes that the network tells apart, if they are known.

    The executors are made when they are first needed, and kept for the next run: simulators and
    their files are closed at the end of a ``with`` block, or by `close`::

        with accel.open("program.bin") as program:
            result = program.run(inputs, executor="rtl")

    A program that was closed can be run again.
    """

    def __init__(
        self,
        code: CoreExecutable,
        board: str | Board | None = None,
        waves: Path | None = None,
        labels: Sequence[str] = (),
    ):
        self.code = code
        self.board = board.name if isinstance(board, Board) else board
        self.labels = tuple(labels)
        self._found = board if isinstance(board, Board) else BOARDS.get(board or DEFAULT_BOARD)
        self.session = Session(code, waves)

    def __repr__(self) -> str:
        config, layers = self.config, len(self.code.commands)
        core = f"{config.rows}x{config.columns} {config.format} core"
        place = f"the {core} of {escaped(self.board)}" if self.board else f"a {core}"
        return (
            f"<{type(self).__name__} {escaped(self.name)}: {layers} layers for {place}, "
            f"{self.code.size_bytes:,} bytes, contract {self.contract}>"
        )

    def _repr_html_(self) -> str:
        """A table of the core's layers and their cycles, as notebooks show it."""
        return self.report(inexact=())._repr_html_()

    def __enter__(self) -> "Executable":  # noqa: PYI034 -- Self came with Python 3.11
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def name(self) -> str:
        """The network's name."""
        return self.code.name

    @property
    def config(self) -> AcceleratorConfig:
        """The core that the program is for."""
        return self.code.config

    @property
    def contract(self) -> str:
        """The rounding that answers are held to, a row of ``CONTRACTS``."""
        return self.code.graph.contract

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        """What the network takes."""
        return tuple(_info(self.code.graph.tensor(name)) for name in self.code.graph.inputs)

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        """What the network answers."""
        return tuple(_info(self.code.graph.tensor(name)) for name in self.code.graph.outputs)

    @property
    def states(self) -> tuple[StateInfo, ...]:
        """What outlives an inference: samples are successive inferences where there is any."""
        rows = self.config.rows
        core = {state.name: state.words(rows) * rows for state in self.code.states}
        return tuple(
            StateInfo(
                name=name,
                shape=initial.shape[1:],
                dtype=initial.dtype.name,
                scale=None,
                zero_point=None,
                bytes=core.get(name, initial.nbytes),
                kept_by="core" if name in core else "driver",
            )
            for name, initial in self.code.initial_states.items()
        )

    @property
    def cycles(self) -> list[LayerCycles]:
        """The cycle model's prediction for each layer."""
        return self.session.cycles

    def timing(self, board: str | Board | None = None, *, clock_mhz: float | None = None) -> Timing:
        """What an inference takes with the serial link of a board, see `Timing`.

        ``board`` is the program's without it, ``clock_mhz`` the board's, the rate that of the last
        run on the board if there was one. Bytes on the line are
        those of the driver, exactly; what USB adds is a model. Raises ``UnknownBoard``.
        """
        found = (
            self.link_board if board is None else get(board) if isinstance(board, str) else board
        )
        port = self.session.port if found is self._found else None  # maybe at a rate of its own
        return self.session.timing_on(found, clock_mhz, port)

    @property
    def own_timing(self) -> Timing | None:
        """`timing` on the program's own board; ``None`` where it is for none that is known."""
        return self.timing() if self.board and self._found else None

    @property
    def energy_uj(self) -> float | None:
        """Microjoules of an inference at the clock of the program's board, see `Report`."""
        if self._found is None:
            return None
        cycles, mhz = sum(layer.cycles for layer in self.cycles), self._found.clock.made_mhz
        return energy.estimate(self.config.family, cycles=cycles, mhz=mhz).microjoules

    def step_energy_uj(self, milliseconds: float) -> float | None:
        """Microjoules of an inference that comes every so many milliseconds, at the clock of the
        program's board, with the core idle until the next: see `accel.target.energy`."""
        if self._found is None:
            return None
        cycles, mhz = sum(layer.cycles for layer in self.cycles), self._found.clock.made_mhz
        step = energy.estimate_step(
            self.config.family, cycles=cycles, mhz=mhz, milliseconds=milliseconds
        )
        return step.microjoules

    @cached_property
    def slots(self) -> list[dict[str, int]]:
        """Where the cycles of each layer go, see `accel.sim.cycles.loss_attribution`."""
        if isinstance(self.code, CoreProgram):
            return loss_attribution.attribute(self.code, self.cycles)
        assert isinstance(self.code, StoredProgram)
        given = [layer.figures.slots for layer in self.code.commands]
        return [{part: slots.get(part, 0) for part in loss_attribution.PARTS} for slots in given]

    @property
    def compiled(self) -> "Program":
        """The program with the network that it was compiled from.

        Raises ``NeedsModel`` where that is not known: of what was opened from a program file.
        """
        raise NeedsModel("the compiled network", self.name)

    @property
    def link_board(self) -> Board:
        """The board whose link and clock are meant. Raises ``UnknownBoard``."""
        if self._found is None:
            raise UnknownBoard(
                f"{self.name}: was compiled for the board {self.board!r}, which is not one of "
                f"{', '.join(BOARDS)}; say which board it runs on: --board, or board= in Python"
            )
        return self._found

    def save(self, path: str | Path, labels: Sequence[str] | None = None) -> None:
        """Write a program file, which runs without the model: see `accel.open`.

        ``labels`` are names of the classes, in their order, if they are not those that the program
        has. The same program gives the same bytes. Raises ``OSError``.
        """
        taken = zip(self.cycles, self.slots, strict=True)
        figures = [Figures(**cycles.as_dict(), slots=slots) for cycles, slots in taken]
        names = self.labels if labels is None else labels
        program_file.save(self.code, path, figures, labels=names, board=self.board)

    def run(
        self,
        inputs: Inputs,
        executor: str = "machine",
        *,
        layers: bool = False,
        progress: Callable[[int], None] | None = None,
        jobs: int | None = None,
        port: str | None = None,
        baud: int | None = None,
        stream: bool = False,
    ) -> Result:
        """Run a batch, whose samples are successive inferences where the network has states.

        Parameters
        ----------
        inputs
            ``[N, ...]`` of the input's type, int8 codes or float32 values, or such an array for
            each input by its name. Where the file fixes a batch, each row is a sample. An input
            without a batch, as ``[9, 4]`` of a network that does not compute row by row, takes
            samples one after the other, ``[N * 9, 4]``; outputs are given in the same way.
        executor
            ``reference``, ``machine``, ``rtl``, ``pysim`` or ``board``; all answer alike.
        layers
            Also return every node's output in ``Result.layers``, but for those of nodes that are
            fused into the layer after them.
        progress
            Called with the number of samples done, by the executors that take samples one by one;
            by ``rtl`` from several threads, one at a time.
        jobs
            For ``machine`` and ``rtl``: parts of the batch to run at a time; all of this process's
            cores if not given.
        port, baud
            For ``board``: the serial port, such as ``/dev/ttyUSB1``, and another rate than that of
            the board that the program was compiled for. Without a port the one on a USB device of
            that board's is taken at which a core answers, as commands do; it is looked for anew in
            each call.
        stream
            For networks with states: go on with those that the last run on this executor has left,
            instead of beginning anew.

        Raises ``NoState`` for ``stream`` of a network without, or after a run that did not end;
        ``InvalidInput`` for data of another shape or type, or NaN; ``UnknownExecutor``;
        ``NeedsModel`` for ``reference`` and ``layers`` of a program that was opened from a file;
        ``CannotOpenPort``; ``PortNotFound`` where none is given and no board, or more than one, is
        found; ``WrongCore`` where the board has another core; ``ToolError`` where a tool is missing
        or fails, or a board does not answer.
        """
        graph = self.code.graph
        nodes = self._nodes() if layers else {}
        keep = tuple(dict.fromkeys([*graph.outputs, *nodes.values(), *self._observed()]))
        inputs = check_inputs(graph, inputs)
        self.use_port(port, baud, executor)
        execution = self.session.execute(executor, inputs, keep, progress, jobs, stream)
        tensors = execution.tensors
        samples = len(next(iter(tensors.values())))
        return Result(
            outputs={name: in_file_shape(graph, name, tensors[name]) for name in graph.outputs},
            layers={node: tensors[tensor] for node, tensor in nodes.items()},
            report=self.report(executor, samples, execution, self._deviations(inputs, tensors)),
        )

    def stream(
        self,
        samples: Iterable[Inputs],
        executor: str = "machine",
        *,
        port: str | None = None,
        baud: int | None = None,
    ) -> Iterator[Answer]:
        """Answer samples one after another, as they come; the core is loaded once.

        Each of ``samples`` is one sample with its batch dimension, ``[1, ...]``, as `run` takes a
        batch. Executors are those of `run` but ``reference``. The core is made, and a board
        connected and loaded, before the first sample is asked for. A network with states begins
        with their initial values, and each sample goes on where the one before ended.

        Raises what `run` raises.
        """
        self.use_port(port, baud, executor)
        live = self.session.stream(executor)
        graph = self.code.graph

        def answers() -> Iterator[Answer]:
            for sample in samples:
                start = perf_counter()
                tensors, counted = live.run(check_inputs(graph, sample))
                yield Answer(
                    outputs={n: in_file_shape(graph, n, tensors[n]) for n in graph.outputs},
                    cycles=sum(c.cycles for c in self.cycles) if counted is None else counted,
                    measured=counted is not None,
                    seconds=perf_counter() - start,
                )

        return answers()

    def reset(self) -> None:
        """Begin anew: the next run finds the initial states, even one with ``stream``."""
        self.session.reset()

    def snapshot(self, executor: str = "machine") -> dict[str, np.ndarray]:
        """The values of the states, ``[1, ...]`` by name, as a run with ``stream`` would find them.

        Those of a board are read over the link.
        """
        return self.session.states(executor)

    def restore(self, values: Mapping[str, np.ndarray], executor: str = "machine") -> None:
        """Let the next run with ``stream`` find these values of all states, as `snapshot` gives
        them. Raises ``InvalidInput``.
        """
        wanted = self.code.initial_states
        if set(values) != set(wanted):
            known, given = ", ".join(wanted) or "none", ", ".join(values) or "none"
            raise InvalidInput(f"{self.name}: states must be {known}, not {given}")
        for name, initial in wanted.items():
            value = np.asarray(values[name])
            if (value.shape, value.dtype) != (initial.shape, initial.dtype):
                raise InvalidInput(
                    f"{self.name}: state {name!r} must be {initial.dtype} {list(initial.shape)}, "
                    f"not {value.dtype} {list(value.shape)}"
                )
        self.session.set_states(executor, values)

    def report(
        self,
        executor: str | None = None,
        samples: int = 0,
        execution: Execution | None = None,
        inexact: tuple[Deviation, ...] | None = None,
    ) -> Report:
        """What an inference takes, by the cycle model and, where a core ran, by its counters."""
        inexact = stated(self.code) if inexact is None else inexact
        counted = execution.layers if execution else None
        measured = [c.cycles for c in counted] if counted else [None] * len(self.cycles)
        layers = tuple(
            Layer(
                name=command.name,
                node=command.node,
                mode=command.mode,
                macs=command.macs,
                cycles_model=model.cycles,
                cycles=cycles,
                peak_macs=self.config.peak_macs,
                slots=slots,
                streamed=chunk.bank == FLASH,
                bands=(command.band,) if command.band else (),
                part=command.part,
                parts=command.parts,
            )
            for command, chunk, model, cycles, slots in zip(
                self.code.commands,
                self.code.chunks,
                self.cycles,
                measured,
                self.slots,
                strict=True,
            )
        )
        return Report(
            program=self,
            executor=executor,
            samples=samples,
            layers=layers,
            counters=tuple(counted or (Counters(**c.as_dict()) for c in self.cycles)),
            inexact=inexact,
        )

    def close(self) -> None:
        """Let go of the executors and finish what they write."""
        self.session.close()

    def use_port(self, port: str | None, baud: int | None = None, executor: str = "") -> None:
        """The executor ``board`` talks over this port, which is looked for if none is given and
        that is the ``executor``; a rate that is given is kept."""
        found = None
        if not port and executor == "board":
            port = board_port(self.link_board, baud).name
        if port:
            link, clock = self.link_board.link, self.link_board.clock.made_mhz
            found = Port(port, link.baud, clock, link.fastest).at(baud)
        if self.code.stateful and found != self.session.port:
            self.session.drop("driven board", "port")
        self.session.port = found

    def _nodes(self) -> dict[str, str]:
        """The tensor of each node whose output can be read, by the node's name."""
        raise NeedsModel("each layer's output", self.name, "--layers DIR")

    def _observed(self) -> tuple[str, ...]:
        """Tensors that are compared with the reference."""
        return ()

    def _deviations(self, inputs: Inputs, tensors: Mapping[str, np.ndarray]) -> tuple:
        return stated(self.code)


def _info(tensor: Tensor) -> TensorInfo:
    q = tensor.quantization
    one = q is not None and not q.per_channel
    return TensorInfo(
        name=tensor.name,
        shape=tensor.shape[1:],
        dtype=tensor.dtype,
        scale=q.scale[0] if q and one else None,
        zero_point=q.zero_point[0] if q and one else None,
    )
