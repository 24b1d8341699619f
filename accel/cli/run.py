"""``accel run``"""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accel.cli import _places
from accel.cli._json import write_json
from accel.cli._output import note, progress, say, show_exactness, write_whole
from accel.cli.options import groups
from accel.cli.options.executors import BatchOptions
from accel.cli.tables.program import show_layers, show_timing

if TYPE_CHECKING:
    from accel.api import Executable, Report, Result
    from accel.cli.inputs.batch import Batch
    from accel.pictures.answers import Answers

_STEPPED = ("rtl", "pysim", "board")


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

    def check(self, program: "Executable") -> None:
        """Raise ``NeedsModel`` for a file that cannot be made of this program."""
        from accel.api import Program
        from accel.executors import NeedsModel

        for option, path in (("--layers", self.layers), ("--html", self.html)):
            if path is not None and not isinstance(program, Program):
                raise NeedsModel(option, program.name, f"{option} {path}")
        if self.trace is not None:
            _ = program.link_board  # whose clock it is drawn for


def run(
    model: groups.Runnable,
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
    how: BatchOptions,
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
    stream: Annotated[
        bool,
        typer.Option(
            "--stream",
            help="For a network with states: go on where the last run of the same program ended, "
            "on whatever executor, instead of beginning anew.",
        ),
    ] = False,
) -> None:
    """Run a batch through a network on the core; all executors answer bit for bit alike.

    The samples of a network with states are successive inferences.

    With --labels, or an array y beside x, the classes that the network decides
    for are listed and counted. FILE has cycles and utilization, and then also
    "classification".

    A program.bin runs without its model, on every executor but reference; --layers
    and --html take the model.

    \b
    accel run model.tflite --input x.npy --output y.npy
    accel run model.tflite -i test.npz -o y.npy --labels names.txt
    accel run program/program.bin -i x.npy -o y.npy
    accel run model.tflite --board ulx3s_85f -i x.npy -o y.npy \\
        --executor rtl --json cycles.json
    accel run model.tflite -i x.npy -o y.npy --layers layers/
    accel run model.tflite -i x.npy -o y.npy -e rtl \\
        --html run.html --trace run.json
    accel run model.tflite -b icebreaker -i x.npy -o y.npy \\
        --executor board
    """
    from accel.cli.inputs.batch import read_batch
    from accel.cli.inputs.labels import names_of, read_labels
    from accel.cli.inputs.programs import runnable
    from accel.compiler.graph.interpreter import check_inputs
    from accel.pictures.answers import answers_of

    how.check()
    program = runnable(model, target, network, waves=how.waves, unfused=products.layers is not None)
    products.check(program)
    graph = program.code.graph
    batch = read_batch(input, graph)
    inputs = check_inputs(graph, batch.inputs)
    samples = len(next(iter(inputs.values())))
    first = graph.tensor(graph.outputs[0])
    known = read_labels(labels or [], batch.labels, first, samples)
    with contextlib.closing(program):
        result = _result(program, inputs, how, products, stream)
    names = known.names or names_of(program.labels, first)
    is_asked = known.classes is not None or names is not None
    answers = answers_of(first, result.output, known.classes, names) if is_asked else None
    _write(result, answers, output, products)
    _show(result.report, batch, answers)
    say(f"Wrote {output}: {result.output.dtype} {list(result.output.shape)}")
    classification = {"classification": answers.as_dict()} if answers else {}
    write_json(products.json_file, result.report.as_dict() | classification)


def _result(
    program: "Executable", inputs: Any, how: BatchOptions, products: ProductOptions, stream: bool
) -> "Result":
    """The result of the run, whose states are kept for the next one."""
    from accel.cli import _left_states

    options = how.arguments(program)
    if stream and program.states:
        program.use_port(options["port"], options["baud"])
        _left_states.go_on(program, how.executor)
    layers = products.layers is not None
    result = run_with_progress(
        program, inputs, how.executor, layers=layers, stream=stream, **options
    )
    if program.states:
        _left_states.keep(program, how.executor)
    return result


def _write(
    result: "Result",
    answers: "Answers | None",
    output: Path,
    products: ProductOptions,
) -> None:
    """All files but the JSON."""
    import numpy as np

    from accel.flow.output import staged
    from accel.pictures import pages
    from accel.pictures.timeline import timeline

    with contextlib.ExitStack() as stack:
        if products.layers is not None:
            folder = stack.enter_context(staged(products.layers))
            for name, data in result.layers.items():
                np.save(folder / f"{name}.npy", data)
        write_whole(output, lambda file: np.save(file, result.output))
        if products.html is not None:
            page = pages.run_page(result.report, _clock(result), result.outputs, answers)
            write_whole(products.html, lambda file: file.write(page.encode()))
        if products.trace is not None:
            events = json.dumps(timeline(result.report, _clock(result)))
            write_whole(products.trace, lambda file: file.write(events.encode()))


def _clock(result: "Result") -> float:
    return result.report.program.link_board.clock.made_mhz


def run_with_progress(
    program: "Executable", x: Any, executor: str, layers: bool = False, **options: Any
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


def _show(report: "Report", batch: "Batch", answers: "Answers | None") -> None:
    from accel.cli.tables.answers import show_answers

    for line in batch.said:
        say(line)
    show_layers(report)
    if report.timing:
        show_timing(report.program, report.program.link_board)
    show_exactness(report)
    if answers is not None:
        show_answers(answers)
