"""``accel run``"""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accel.cli import _places
from accel.cli._boards_found import port_of
from accel.cli._json import write_json
from accel.cli._output import note, progress, say, show_exactness, write_whole
from accel.cli.options import completion, groups
from accel.cli.options.values import BadOption
from accel.cli.tables.program import show_layers, show_timing

if TYPE_CHECKING:
    from accel.api import Program, Report, Result
    from accel.boards import Board
    from accel.cli.inputs.batch import Batch
    from accel.pictures.answers import Answers

_STEPPED = ("rtl", "pysim", "board")
_PARALLEL = ("machine", "rtl")


@dataclass(frozen=True, kw_only=True)
class ExecutorOptions:
    """What runs a program, and what it needs for that."""

    executor: Annotated[
        str,
        typer.Option(
            "--executor",
            "-e",
            help="reference (NumPy), machine (fast), rtl (compiled), pysim (with waves) or board "
            "(a real one, with the bitstream of accel build).",
            metavar="NAME",
            autocompletion=completion.executors,
        ),
    ] = "machine"
    port: Annotated[
        str | None,
        typer.Option(
            "--port",
            help="Serial port of the executor board, an URL of pyserial's, or sim for a simulated "
            "board.",
            metavar="PORT",
            show_default="found on USB",
        ),
    ] = None
    baud: Annotated[
        int | None,
        typer.Option(
            "--baud", help="Its rate, if it is not that of the board's file.", metavar="N", min=1
        ),
    ] = None
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            help="Parts of the batch that machine and rtl run at a time; all cores if not given.",
            metavar="N",
            min=1,
        ),
    ] = None
    waves: Annotated[
        Path | None,
        typer.Option(
            "--waves",
            help="Waves of the executor pysim.",
            metavar="FILE.vcd",
            callback=_places.output_file,
        ),
    ] = None

    def check(self) -> None:
        """Raise ``BadOption`` for options of another executor, ``ToolError`` for a missing tool."""
        from accel.flow.tools import check_named_tools
        from accel.ports import SIMULATED

        if self.executor == "rtl" or self.port == SIMULATED:
            check_named_tools()
        if self.waves and self.executor != "pysim":
            raise BadOption(f"--waves is for --executor pysim, not {self.executor}")
        if self.executor != "board" and (self.port or self.baud):
            raise BadOption(f"--port and --baud are for --executor board, not {self.executor}")
        if self.jobs and self.executor not in _PARALLEL:
            raise BadOption(f"--jobs is for --executor machine and rtl, not {self.executor}")

    def arguments(self, board: "Board") -> dict[str, Any]:
        """Those of `Program.run`; the board's port is looked for where none is given."""
        port = self.port if self.executor != "board" else port_of(board, self.port, self.baud)
        return {"port": port, "baud": self.baud, "jobs": self.jobs}


@dataclass(frozen=True, kw_only=True)
class ProductOptions:
    """Files that a run writes beside its answers."""

    layers: Annotated[
        Path | None,
        typer.Option(
            "--layers",
            help="Folder for each layer's output as .npy; layers are not fused then, if the "
            "network fits like that.",
            metavar="DIR",
            callback=_places.output_folder,
        ),
    ] = None
    json_file: groups.Json = None
    html: Annotated[
        Path | None,
        typer.Option(
            "--html",
            help="A page of the run: its answers, where the cycles go, roofline, memory over time, "
            "the network.",
            metavar="FILE.html",
            callback=_places.output_file,
        ),
    ] = None
    trace: Annotated[
        Path | None,
        typer.Option(
            "--trace",
            help="A timeline of one inference in the Chrome trace format, for ui.perfetto.dev.",
            metavar="FILE.json",
            callback=_places.output_file,
        ),
    ] = None


def run(
    model: groups.Model,
    input: Annotated[
        Path,
        typer.Option(
            "--input",
            "-i",
            help="A batch [N, ...] or one sample: .npy, or .npz with one array, arrays named as "
            "the inputs, or x and the true classes y. Real numbers are quantized "
            "by the input's scale.",
            metavar="X.npy",
            callback=_places.input_files,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Where the answers go.",
            metavar="Y.npy",
            callback=_places.output_file,
        ),
    ],
    target: groups.TargetOptions,
    network: groups.NetworkOptions,
    how: ExecutorOptions,
    products: ProductOptions,
    labels: Annotated[
        list[Path] | None,
        typer.Option(
            "--labels",
            help="True classes of the samples, for accuracy, or names of the classes: .npy, .npz "
            "with y, .json, or text with one a line; twice for both.",
            metavar="FILE",
            callback=_places.input_files,
        ),
    ] = None,
) -> None:
    """Run a batch through a network on the core; all executors answer bit for bit alike.

    With --labels, or an array y beside x, the classes that the network decides
    for are listed and counted. FILE has cycles and utilization, and then also
    "classification".

    \b
    accel run model.tflite --input x.npy --output y.npy
    accel run model.tflite -i test.npz -o y.npy --labels names.txt
    accel run model.tflite --board ulx3s_85f -i x.npy -o y.npy \\
        --executor rtl --json cycles.json
    accel run model.tflite -i x.npy -o y.npy --layers layers/
    accel run model.tflite -i x.npy -o y.npy -e rtl \\
        --html run.html --trace run.json
    accel run model.tflite -b icebreaker -i x.npy -o y.npy \\
        --executor board
    accel run model.tflite -b icebreaker -i x.npy -o y.npy \\
        --executor board --port /dev/ttyUSB1
    """
    from accel.cli.inputs.batch import read_batch
    from accel.cli.inputs.labels import read_labels
    from accel.compiler.graph.interpreter import check_inputs
    from accel.pictures.answers import answers_of

    how.check()
    board, config = target.find()
    arguments = how.arguments(board)
    options = {**network.arguments(), "board": board, "config": config, "waves": how.waves}
    program = _compiled(model, products.layers is not None, options)
    graph = program.code.graph
    batch = read_batch(input, graph)
    inputs = check_inputs(graph, batch.inputs)
    samples = len(next(iter(inputs.values())))
    first = graph.tensor(graph.outputs[0])
    known = read_labels(labels or [], batch.labels, first, samples)
    with contextlib.closing(program):
        result = run_with_progress(
            program,
            inputs,
            how.executor,
            layers=products.layers is not None,
            **arguments,
        )
    is_asked = known.classes is not None or known.names is not None
    answers = answers_of(first, result.output, known.classes, known.names) if is_asked else None
    _write(result, answers, output, board, products)
    _show(result.report, board, batch, answers)
    say(f"Wrote {output}: {result.output.dtype} {list(result.output.shape)}")
    classification = {"classification": answers.as_dict()} if answers else {}
    write_json(products.json_file, result.report.as_dict() | classification)


def _compiled(model: Path, unfused: bool, options: dict[str, Any]) -> "Program":
    """The program; without fusion, if it then fits, for who wants to see every layer's output."""
    import accel
    from accel.compiler.diagnostics import DoesNotFit

    try:
        return accel.compile(model, **options | {"fuse": options["fuse"] and not unfused})
    except DoesNotFit:
        if not unfused:
            raise
        note(
            "with each layer's output the network does not fit: those of fused layers are left out"
        )
        return accel.compile(model, **options)


def _write(
    result: "Result",
    answers: "Answers | None",
    output: Path,
    board: "Board",
    products: ProductOptions,
) -> None:
    """All files but the JSON."""
    import numpy as np

    from accel.flow.output import staged
    from accel.pictures import pages
    from accel.pictures.timeline import timeline

    clock = board.clock.made_mhz
    with contextlib.ExitStack() as stack:
        if products.layers is not None:
            folder = stack.enter_context(staged(products.layers))
            for name, data in result.layers.items():
                np.save(folder / f"{name}.npy", data)
        write_whole(output, lambda file: np.save(file, result.output))
        if products.html is not None:
            page = pages.run_page(result.report, clock, result.outputs, answers)
            write_whole(products.html, lambda file: file.write(page.encode()))
        if products.trace is not None:
            events = json.dumps(timeline(result.report, clock))
            write_whole(products.trace, lambda file: file.write(events.encode()))


def run_with_progress(
    program: "Program", x: Any, executor: str, layers: bool = False, **options: Any
) -> "Result":
    """`Program.run`, with a bar for the executors that take samples one by one."""
    from accel.ports import SIMULATED

    if executor not in _STEPPED:
        return program.run(x, executor, layers=layers, **options)
    if executor == "rtl" or options.get("port") == SIMULATED:
        note("compiling the core's RTL, unless it is in the cache (about 15 s)")
    samples = len(next(iter(x.values()))) if isinstance(x, dict) else len(x)
    with progress(f"{executor}: {samples} samples", samples) as advance:
        return program.run(x, executor, layers=layers, progress=advance, **options)


def _show(report: "Report", board: "Board", batch: "Batch", answers: "Answers | None") -> None:
    from accel.cli.tables.answers import show_answers

    for line in batch.said:
        say(line)
    show_layers(report)
    show_timing(report.program, board)
    show_exactness(report)
    if answers is not None:
        show_answers(answers)
