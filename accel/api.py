"""The project from Python: ``accel.compile`` and what it returns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from accel.boards import Board, get
from accel.compiler.frontends import held_to, load
from accel.compiler.ir.graph import Graph
from accel.compiler.pipeline import Compilation, compile_graph
from accel.compiler.program.program import CoreProgram
from accel.compiler.reports.inexact_channels import Deviation, deviations, observed
from accel.config import AcceleratorConfig
from accel.executors import Counters, Execution, Port, Session
from accel.sim.cycles import loss_attribution
from accel.sim.cycles.cycle_model import LayerCycles
from accel.target import resources

DEFAULT_BOARD = "icebreaker"


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """A layer of the core: what it is and what it costs.

    ``cycles_model`` is the cycle model's, ``cycles`` what the core counted, if it ran. ``lost``
    says where the model's go: the cycles of each part that `accel.sim.cycles.loss_attribution`
    names.
    """

    name: str
    node: str
    mode: str
    macs: int
    cycles_model: int
    cycles: int | None
    peak_macs: int
    slots: Mapping[str, int]

    @property
    def lost(self) -> dict[str, float]:
        return {part: count / self.peak_macs for part, count in self.slots.items()}

    @property
    def utilization(self) -> float:
        """Share of the array's peak, 0 to 1."""
        return self.macs / (self.cycles_model * self.peak_macs)

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "node": self.node,
            "mode": self.mode,
            "macs": self.macs,
            "cycles": self.cycles_model if self.cycles is None else self.cycles,
            "cycles_model": self.cycles_model,
            "utilization": round(self.utilization, 6),
            "lost": _rounded(self.lost),
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """The answer of a run.

    Members
    -------
    outputs
        The network's outputs by tensor name, ``[N, ...]``.
    layers
        If asked for, every node's output by node name, ``[N, ...]``.
    report
        Cycles of one inference and of each layer, see `Report`.
    """

    outputs: Mapping[str, np.ndarray]
    layers: Mapping[str, np.ndarray]
    report: "Report"

    @property
    def output(self) -> np.ndarray:
        """The network's first output, ``[N, ...]``."""
        return next(iter(self.outputs.values()))


@dataclass(frozen=True, kw_only=True, eq=False)
class Report:
    """What one inference takes on the core.

    ``measured`` says whether ``cycles`` were counted by the core, in RTL or on a board; otherwise
    they are the model's, which equals RTL. ``inexact`` names each channel that is not requantized
    as the contract says at every sum; a run measures it. ``counters`` are what the cycles of each
    layer went into, from the same source.
    """

    program: "Program"
    executor: str | None
    samples: int
    layers: tuple[Layer, ...]
    counters: tuple[Counters, ...]
    inexact: tuple[Deviation, ...] = ()

    @property
    def measured(self) -> bool:
        return any(layer.cycles is not None for layer in self.layers)

    @property
    def cycles_model(self) -> int:
        return sum(layer.cycles_model for layer in self.layers)

    @property
    def cycles(self) -> int:
        if not self.measured:
            return self.cycles_model
        return sum(layer.cycles or 0 for layer in self.layers)

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @property
    def utilization(self) -> float:
        """Share of the array's peak over the whole inference, 0 to 1."""
        peak = self.program.config.peak_macs
        return self.macs / (self.cycles * peak) if self.cycles else 0.0

    @property
    def lost(self) -> dict[str, float]:
        """Where the model's cycles go, see `Layer`; the sum is ``cycles_model``."""
        slots = loss_attribution.total([layer.slots for layer in self.layers])
        return {part: count / self.program.config.peak_macs for part, count in slots.items()}

    def as_dict(self) -> dict[str, Any]:
        """The JSON of ``accel run --json`` and of ``layers.json``."""
        return {
            "model": self.program.name,
            "board": self.program.board,
            "contract": self.program.contract,
            "configuration": self.program.config.as_dict(),
            "executor": self.executor,
            "samples": self.samples,
            "products_exact": self.program.config.number_format.exact,
            "cycles": self.cycles,
            "cycles_model": self.cycles_model,
            "cycles_measured": self.measured,
            "macs": self.macs,
            "utilization": round(self.utilization, 6),
            "lost": _rounded(self.lost),
            "layers": [layer.as_dict() for layer in self.layers],
            "inexact": [deviation.as_dict() for deviation in self.inexact],
        }


class Program:
    """A network compiled for a configuration, ready to be run.

    Parameters
    ----------
    code
        What the compiler made.
    board
        The board that it was compiled for, if any, or its name.
    waves
        VCD file that the ``pysim`` executor writes.
    """

    def __init__(
        self, code: CoreProgram, board: str | Board | None = None, waves: Path | None = None
    ):
        self.code = code
        self.board = board.name if isinstance(board, Board) else board
        self._board = _found(DEFAULT_BOARD if board is None else board)
        self.session = Session(code, waves)

    @property
    def name(self) -> str:
        return self.code.name

    @property
    def config(self) -> AcceleratorConfig:
        return self.code.config

    @property
    def contract(self) -> str:
        """The rounding that answers are held to, a row of ``CONTRACTS``."""
        return self.code.graph.contract

    @property
    def cycles(self) -> list[LayerCycles]:
        """The cycle model's answer for each layer."""
        return self.session.cycles

    @cached_property
    def slots(self) -> list[dict[str, int]]:
        """Where the cycles of each layer go, see `accel.sim.cycles.loss_attribution`."""
        return loss_attribution.attribute(self.code, self.cycles)

    def run(
        self,
        inputs: np.ndarray | Mapping[str, np.ndarray],
        executor: str = "machine",
        *,
        layers: bool = False,
        progress: Callable[[int], None] | None = None,
        jobs: int | None = None,
        port: str | None = None,
        baud: int | None = None,
    ) -> Result:
        """Run a batch.

        Parameters
        ----------
        inputs
            ``[N, ...]`` of the input's type, int8 codes or float32 values, or such an array for
            each input by its name.
        executor
            ``reference``, ``machine``, ``rtl``, ``pysim`` or ``board``; all answer alike.
        layers
            Also return every node's output, but for what is fused into the layer after it.
        progress
            Called with the number of samples done, by the executors that take samples one by one;
            by ``rtl`` from several threads, one at a time.
        jobs
            For ``machine`` and ``rtl``: parts of the batch to run at a time; all of this process's
            cores if not given.
        port, baud
            For ``board``: the serial port, such as ``/dev/ttyUSB1``, and another rate than that of
            the board that the program was compiled for.

        Raises ``InvalidInput`` for data of another shape or type, or NaN; ``UnknownExecutor``;
        ``CannotOpenPort``; ``WrongCore`` where the board has another core; ``ToolError`` where a
        tool is missing or fails, or a board does not answer.
        """
        rate, clock = baud or self._board.link.baud, self._board.clock.made_mhz
        self.session.port = Port(port, rate, clock) if port else None
        graph = self.code.graph
        nodes = {node.name: node.outputs[0] for node in graph if self.code.has(node.outputs[0])}
        nodes = nodes if layers else {}
        keep = tuple(dict.fromkeys([*graph.outputs, *nodes.values(), *observed(self.code)]))
        execution = self.session.execute(executor, inputs, keep, progress, jobs)
        tensors = execution.tensors
        samples = len(next(iter(tensors.values())))
        return Result(
            outputs={name: tensors[name] for name in graph.outputs},
            layers={node: tensors[tensor] for node, tensor in nodes.items()},
            report=self.report(
                executor, samples, execution, deviations(self.code, inputs, tensors)
            ),
        )

    def report(
        self,
        executor: str | None = None,
        samples: int = 0,
        execution: Execution | None = None,
        inexact: tuple[Deviation, ...] | None = None,
    ) -> Report:
        """What an inference takes, by the cycle model and, where a core ran, by its counters."""
        inexact = deviations(self.code) if inexact is None else inexact
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
            )
            for command, model, cycles, slots in zip(
                self.code.commands, self.cycles, measured, self.slots, strict=True
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


def _rounded(parts: Mapping[str, float]) -> dict[str, float]:
    return {part: round(cycles, 3) for part, cycles in parts.items()}


def _found(board: str | Board) -> Board:
    return board if isinstance(board, Board) else get(board)


def configuration(board: str | Board | None = None, **changes: Any) -> AcceleratorConfig:
    """The configuration of a board, with changes as `resources.configure` takes them.

    Raises ``UnknownBoard`` and ``InvalidConfiguration``.
    """
    return resources.configure(_found(board) if board else None, **changes)


def compile(
    model: str | Path | Graph,
    *,
    board: str | Board | None = None,
    config: AcceleratorConfig | None = None,
    contract: str | None = None,
    fuse: bool = True,
    exact: bool = False,
    waves: Path | None = None,
    watch: Callable[[str, Compilation], None] | None = None,
) -> Program:
    """Compile a network.

    Parameters
    ----------
    model
        Path of a model file, or a graph.
    board, config
        The board, or its name, whose default configuration to compile for, or a configuration of
        your own; without either, the default board's.
    contract
        The rounding that answers are held to: ``tflm`` or ``single`` for TFLite, ``onnx`` for ONNX;
        without it, the first of the file's format or the graph's own.
    fuse
        Compute additions and functions of single values in the layer before, which takes no cycles;
        what that layer computes by itself is then nowhere to be seen.
    exact
        Refuse a network of the contract ``onnx`` that has a channel which cannot be requantized
        exactly, instead of computing its closest codes and naming it in every report. Other
        contracts are always exact.
    waves
        VCD file that the ``pysim`` executor writes.
    watch
        Called after each of the compiler's passes with its name and what it has made, see
        `accel.compiler.pipeline`.

    Raises ``UnsupportedModel`` and ``CannotCompile``, with everything that stands in the way,
    ``DoesNotFit``, and ``InvalidConfiguration`` where the processing element does not serve the
    rest.
    """
    if isinstance(model, Graph):
        graph = held_to(model, contract, model.name)
    else:
        graph = load(model, contract)
    if config is None:
        board = board or DEFAULT_BOARD
        config = configuration(board)
    resources.check_datapath(config)
    code = compile_graph(graph, config, fuse=fuse, exact=exact, watch=watch)
    return Program(code, board, waves)
