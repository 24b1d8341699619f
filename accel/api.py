"""The project from Python: ``accel.compile`` and what it returns."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from accel.boards import Board, get
from accel.compiler.compile import compile_graph
from accel.compiler.frontends import Choices, held_to, load
from accel.compiler.graph.interpreter import check_inputs, in_file_shape
from accel.compiler.ir.graph import Graph
from accel.compiler.pipeline import Compilation
from accel.compiler.program.program import CoreProgram
from accel.compiler.reports.inexact_channels import Deviation, deviations, observed
from accel.config import FLASH, AcceleratorConfig
from accel.errors import Refusal
from accel.executors import Counters, Execution, Port, Session, Timing
from accel.explore.fit.remedy import remedy
from accel.explore.fit.result import Fit
from accel.explore.fit.search import Budget, OnProgress
from accel.explore.fit.search import fit as search_fit
from accel.results import Layer, Report, Result
from accel.sim.cycles import loss_attribution
from accel.sim.cycles.cycle_model import LayerCycles
from accel.target import energy, resources
from accel.text import escaped

DEFAULT_BOARD = "icebreaker"

__all__ = [
    "DEFAULT_BOARD",
    "Fit",
    "Layer",
    "Program",
    "Report",
    "Result",
    "Timing",
    "compile",
    "configuration",
    "fit",
]


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

    The executors are made when they are first needed, and kept for the next run: simulators and
    their files are closed at the end of a ``with`` block, or by `close`::

        with accel.compile("model.tflite", board="icebreaker") as program:
            result = program.run(inputs, executor="rtl")

    A program that was closed can be run again.
    """

    def __init__(
        self, code: CoreProgram, board: str | Board | None = None, waves: Path | None = None
    ):
        self.code = code
        self.board = board.name if isinstance(board, Board) else board
        self._board = _found(DEFAULT_BOARD if board is None else board)
        self.session = Session(code, waves)

    def __repr__(self) -> str:
        config, layers = self.config, len(self.code.commands)
        core = f"{config.rows}x{config.columns} {config.format} core"
        place = f"the {core} of {escaped(self.board)}" if self.board else f"a {core}"
        return (
            f"<Program {escaped(self.name)}: {layers} layers for {place}, "
            f"{self.code.size_bytes:,} bytes, contract {self.contract}>"
        )

    def _repr_html_(self) -> str:
        """A table of the core's layers and their cycles, as notebooks show it."""
        return self.report(inexact=())._repr_html_()

    def __enter__(self) -> "Program":  # noqa: PYI034 -- Self came with Python 3.11
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
    def cycles(self) -> list[LayerCycles]:
        """The cycle model's prediction for each layer."""
        return self.session.cycles

    def timing(self, board: str | Board | None = None, *, clock_mhz: float | None = None) -> Timing:
        """What an inference takes with the serial link of a board, see `Timing`.

        ``board`` is the program's without it, ``clock_mhz`` the board's. Bytes on the line are
        those of the driver, exactly; what USB adds is a model.
        """
        found = self._board if board is None else _found(board)
        link = found.link
        return self.session.timing(
            clock_mhz=clock_mhz or found.clock.made_mhz,
            baud=link.fastest or link.baud,
            high_speed=link.high_speed,
        )

    @property
    def energy_uj(self) -> float | None:
        """Microjoules of an inference at the board's clock, see `Report.energy_uj`."""
        cycles, mhz = sum(layer.cycles for layer in self.cycles), self._board.clock.made_mhz
        return energy.estimate(self.config.family, cycles=cycles, mhz=mhz).microjoules

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
            the board that the program was compiled for.

        Raises ``InvalidInput`` for data of another shape or type, or NaN; ``UnknownExecutor``;
        ``CannotOpenPort``; ``WrongCore`` where the board has another core; ``ToolError`` where a
        tool is missing or fails, or a board does not answer.
        """
        link, clock = self._board.link, self._board.clock.made_mhz
        # A rate that is given is kept.
        opened = Port(port, baud, clock) if port and baud else None
        if port and not baud:
            opened = Port(port, link.baud, clock, link.fastest)
        self.session.port = opened
        graph = self.code.graph
        nodes = {node.name: node.outputs[0] for node in graph if self.code.has(node.outputs[0])}
        nodes = nodes if layers else {}
        keep = tuple(dict.fromkeys([*graph.outputs, *nodes.values(), *observed(self.code)]))
        inputs = check_inputs(graph, inputs)
        execution = self.session.execute(executor, inputs, keep, progress, jobs)
        tensors = execution.tensors
        samples = len(next(iter(tensors.values())))
        return Result(
            outputs={name: in_file_shape(graph, name, tensors[name]) for name in graph.outputs},
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
    signature: str | None = None,
    input_quant: str | Sequence[str] | None = None,
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
    signature
        Which network to take of a .tflite file with several signatures.
    input_quant
        The quantization of float inputs that have none in the file, ``SCALE[,ZERO_POINT[,BITS]]``
        or ``NAME=SCALE...``, one or several.
    fuse
        Compute additions and functions of single values in the layer before, which takes no cycles;
        what that layer computes by itself is then nowhere to be seen.
    exact
        Refuse a network of the contract ``onnx`` with a channel that cannot be requantized exactly.
        Otherwise the nearest codes are computed, and every report names the channel. Other
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
    choices = _choices(signature, input_quant)
    if isinstance(model, Graph):
        graph = held_to(model, contract, model.name)
    else:
        graph = load(model, contract, choices)
    if config is None:
        board = board or DEFAULT_BOARD
        config = configuration(board)
    resources.check_datapath(config)
    words = command_words(contract, choices, fuse, exact)
    with advised(model, graph, board, config, fuse=fuse, exact=exact, options=words):
        code = compile_graph(graph, config, fuse=fuse, exact=exact, watch=watch)
    return Program(code, board, waves)


def _choices(signature: str | None, input_quant: str | Sequence[str] | None) -> Choices:
    quantizers = (input_quant,) if isinstance(input_quant, str) else tuple(input_quant or ())
    return Choices(signature=signature, input_quant=quantizers)


@contextmanager
def advised(
    model: str | Path | Graph,
    graph: Graph,
    board: str | Board | None,
    config: AcceleratorConfig,
    *,
    fuse: bool = True,
    exact: bool = False,
    options: Sequence[str] = (),
) -> Iterator[None]:
    """What is refused for size within is told with a configuration that does, if there is one.

    It is searched for when the message is read. ``options`` are those of the command that is told.
    """
    try:
        yield
    except Refusal as problem:
        if problem.of_size and problem.advice is None:
            problem.advice = partial(
                remedy,
                graph,
                _found(board) if board else None,
                config,
                fuse=fuse,
                exact=exact,
                source=None if isinstance(model, Graph) else str(model),
                options=options,
            )
        raise


def command_words(
    contract: str | None, choices: Choices, fuse: bool = True, exact: bool = False
) -> list[str]:
    """Options of the command line for how a network is read and compiled."""
    words = ["--contract", contract] if contract else []
    words += ["--signature", choices.signature] if choices.signature else []
    words += [word for quantizer in choices.input_quant for word in ("--input-quant", quantizer)]
    return [*words, *["--no-fuse"] * (not fuse), *["--exact"] * exact]


def fit(
    model: str | Path | Graph,
    *,
    board: str | Board | None = None,
    config: AcceleratorConfig | None = None,
    ms: float | None = None,
    uj: float | None = None,
    contract: str | None = None,
    signature: str | None = None,
    input_quant: str | Sequence[str] | None = None,
    fuse: bool = True,
    exact: bool = False,
    on_progress: OnProgress = lambda text, done: None,
) -> Fit:
    """Find the configuration of a board that runs a network fastest.

    Arrays, buffers, banks, flash lanes, sum bits and requantizers are ranked by estimate, and the
    best is compiled. That takes at most 10 seconds of the processor and a single compilation,
    unless that one is refused and there is time for the next.

    Parameters
    ----------
    model
        Path of a model file, or a graph.
    board, config
        The board, or its name, the default one if not given; a configuration whose number format
        and processing element are kept, instead of the board's own.
    ms, uj
        What an inference may take at most: milliseconds at the board's clock, microjoules where
        the power of the board's family is known.
    contract, signature, input_quant, fuse, exact
        As of `compile`.
    on_progress
        Called with what is being done, and the share of it that is done.

    Returns a `Fit` with ``config``, ``command`` and ``ranked``, or with a ``certificate`` of why
    there is none. Raises ``UnsupportedModel``, and ``CannotCompile`` for what is no matter of size.
    """
    found = _found(board or DEFAULT_BOARD)
    choices = _choices(signature, input_quant)
    graph = held_to(model, contract, model.name) if isinstance(model, Graph) else None
    return search_fit(
        graph or load(cast(str | Path, model), contract, choices),
        found,
        asked=config,
        budget=Budget(milliseconds=ms, microjoules=uj),
        fuse=fuse,
        exact=exact,
        source=None if isinstance(model, Graph) else str(model),
        options=command_words(contract, choices, fuse, exact),
        on_progress=on_progress,
    )
