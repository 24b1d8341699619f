"""The project from Python: ``accel.compile`` and what it returns, ``accel.open``."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from accel.boards import Board, get
from accel.compiler.compile import compile_graph
from accel.compiler.frontends import Choices, held_to, load, with_states
from accel.compiler.ir.graph import Graph
from accel.compiler.pipeline import Compilation
from accel.compiler.program.program import CoreProgram
from accel.compiler.reports.inexact_channels import deviations, observed
from accel.config import AcceleratorConfig
from accel.errors import Refusal
from accel.executable import DEFAULT_BOARD, Executable, Inputs
from accel.executable import open_program as open
from accel.explore.fit.remedy import remedy
from accel.explore.fit.result import Fit
from accel.explore.fit.search import Budget, OnProgress
from accel.explore.fit.search import fit as search_fit
from accel.host.timing.inference import Timing
from accel.results import Answer, Layer, Report, Result, TensorInfo
from accel.target import resources

__all__ = [
    "DEFAULT_BOARD",
    "Answer",
    "Executable",
    "Fit",
    "Layer",
    "Program",
    "Report",
    "Result",
    "TensorInfo",
    "Timing",
    "compile",
    "configuration",
    "fit",
    "open",
]


class Program(Executable):
    """A network compiled for a configuration, ready to be run.

    It is an `Executable` that knows the network, too: it also runs on the executor ``reference``,
    and gives the outputs of the network's nodes.

    The executors are made when they are first needed, and kept for the next run: simulators and
    their files are closed at the end of a ``with`` block, or by `close`::

        with accel.compile("model.tflite", board="icebreaker") as program:
            result = program.run(inputs, executor="rtl")

    A program that was closed can be run again.
    """

    code: CoreProgram

    def __init__(
        self,
        code: CoreProgram,
        board: str | Board | None = None,
        waves: Path | None = None,
        labels: Sequence[str] = (),
    ):
        super().__init__(code, None if board is None else _found(board), waves, labels)

    def __enter__(self) -> "Program":  # noqa: PYI034 -- Self came with Python 3.11
        return self

    @property
    def compiled(self) -> "Program":
        """The program itself."""
        return self

    def _nodes(self) -> dict[str, str]:
        graph = self.code.graph
        return {node.name: node.outputs[0] for node in graph if self.code.has(node.outputs[0])}

    def _observed(self) -> tuple[str, ...]:
        return observed(self.code)

    def _deviations(self, inputs: Inputs, tensors: Mapping[str, np.ndarray]) -> tuple:
        return deviations(self.code, inputs, tensors)


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
    state: str | Sequence[str] | Mapping[str, str] | None = None,
    fuse: bool = True,
    exact: bool = False,
    host: bool = True,
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
    state
        Outputs that go in again in the next inference, ``OUT=IN``, one or several, or a mapping
        from outputs to inputs. They are no outputs and inputs then, but states, which are 0 in the
        first inference.
    fuse
        Compute additions and functions of single values in the layer before, which takes no cycles;
        what that layer computes by itself is then nowhere to be seen.
    exact
        Refuse a network of the contract ``onnx`` with a channel that cannot be requantized exactly.
        Otherwise the nearest codes are computed, and every report names the channel. Other
        contracts are always exact.
    host
        The driver may compute nodes that the core cannot between two runs of it; else a network
        that needs that is refused.
    waves
        VCD file that the ``pysim`` executor writes.
    watch
        Called after each of the compiler's passes with its name and what it has made, see
        `accel.compiler.pipeline`.

    Raises ``UnsupportedModel`` and ``CannotCompile``, with everything that stands in the way,
    ``DoesNotFit``, and ``InvalidConfiguration`` where the processing element does not serve the
    rest.
    """
    choices = _choices(signature, input_quant, state, host)
    if isinstance(model, Graph):
        graph = held_to(with_states(model, choices.state, model.name), contract, model.name)
        graph = graph if host else graph.replace(host=False)
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


def _choices(
    signature: str | None,
    input_quant: str | Sequence[str] | None,
    state: str | Sequence[str] | Mapping[str, str] | None = None,
    host: bool = True,
) -> Choices:
    quantizers = (input_quant,) if isinstance(input_quant, str) else tuple(input_quant or ())
    if isinstance(state, Mapping):
        state = [f"{output}={given}" for output, given in state.items()]
    pairs = (state,) if isinstance(state, str) else tuple(state or ())
    return Choices(signature=signature, input_quant=quantizers, state=pairs, host=host)


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
    words += [word for pair in choices.state for word in ("--state", pair)]
    words += [*["--no-fuse"] * (not fuse), *["--exact"] * exact]
    return [*words, *["--no-host"] * (not choices.host)]


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
    state: str | Sequence[str] | Mapping[str, str] | None = None,
    fuse: bool = True,
    exact: bool = False,
    host: bool = True,
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
    contract, signature, input_quant, state, fuse, exact, host
        As of `compile`.
    on_progress
        Called with what is being done, and the share of it that is done.

    Returns a `Fit` with ``config``, ``command`` and ``ranked``, or with a ``certificate`` of why
    there is none. Raises ``UnsupportedModel``, and ``CannotCompile`` for what is no matter of size.
    """
    found = _found(board or DEFAULT_BOARD)
    choices = _choices(signature, input_quant, state, host)
    graph = None
    if isinstance(model, Graph):
        graph = held_to(with_states(model, choices.state, model.name), contract, model.name)
        graph = graph.replace(host=graph.host and host)
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
