"""``accel run``"""

import contextlib
import json
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Annotated, Any

import typer

from accel.cli import _options, _places
from accel.cli._output import (
    note,
    progress,
    say,
    show,
    show_exactness,
    table,
    write_whole,
)
from accel.errors import UserError

_STEPPED = ("rtl", "pysim", "board")
_PARALLEL = ("machine", "rtl")
# What NumPy raises for spoilt files; it has Python's own parser read the header, and takes what begins
# as a zip file for an archive.
_NO_ARRAY = (
    ArithmeticError,
    EOFError,
    MemoryError,
    RecursionError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


class UnreadableInput(UserError):
    """The input file is no array."""


def run(
    model: _options.Model,
    input: Annotated[
        Path,
        typer.Option(
            "--input",
            "-i",
            help="Batch [N, ...] of the input's type.",
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
    board: _options.BoardName = None,
    contract: _options.Contract = None,
    fuse: _options.Fuse = True,
    exact: _options.Exact = False,
    executor: Annotated[
        str,
        typer.Option(
            "--executor",
            "-e",
            help="reference (NumPy), machine (fast), rtl (compiled), pysim (with waves) or board "
            "(a real one, with the bitstream of accel build).",
            metavar="NAME",
        ),
    ] = "machine",
    port: Annotated[
        str | None,
        typer.Option("--port", help="Serial port of the executor board.", metavar="PORT"),
    ] = None,
    baud: Annotated[
        int | None,
        typer.Option(
            "--baud", help="Its rate, if it is not that of the board's file.", metavar="N", min=1
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            help="Parts of the batch that machine and rtl run at a time; all cores if not given.",
            metavar="N",
            min=1,
        ),
    ] = None,
    layers: Annotated[
        Path | None,
        typer.Option(
            "--layers",
            help="Folder for each layer's output as .npy; layers are not fused then, if the network "
            "fits like that.",
            metavar="DIR",
            callback=_places.output_folder,
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json",
            help="Cycles and utilization as JSON.",
            metavar="FILE",
            callback=_places.output_file,
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html",
            help="A page of charts: where the cycles go, roofline, memory over time, the network.",
            metavar="FILE.html",
            callback=_places.output_file,
        ),
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(
            "--trace",
            help="A timeline of one inference in the Chrome trace format, for ui.perfetto.dev.",
            metavar="FILE.json",
            callback=_places.output_file,
        ),
    ] = None,
    waves: Annotated[
        Path | None,
        typer.Option(
            "--waves",
            help="Waves of the executor pysim.",
            metavar="FILE.vcd",
            callback=_places.output_file,
        ),
    ] = None,
    rows: _options.Rows = None,
    cols: _options.Columns = None,
    format: _options.Format = None,
    pe: _options.Pe = None,
    values: _options.Values = None,
) -> None:
    """Run a batch through a network on the core; all executors answer bit for bit alike.

    \b
    accel run model.tflite --input x.npy --output y.npy
    accel run model.tflite --board ulx3s_85f -i x.npy -o y.npy --executor rtl --json cycles.json
    accel run model.tflite -i x.npy -o y.npy --layers layers/
    accel run model.tflite -i x.npy -o y.npy -e rtl --html run.html --trace run.json
    accel run model.tflite -b icebreaker -i x.npy -o y.npy --executor board --port /dev/ttyUSB1
    """
    import numpy as np

    import accel
    from accel.api import DEFAULT_BOARD
    from accel.compiler.diagnostics import DoesNotFit
    from accel.flow.output import staged
    from accel.flow.tools import check_named_tools
    from accel.pictures import pages
    from accel.pictures.timeline import timeline

    if executor == "rtl":
        check_named_tools()
    if waves and executor != "pysim":
        raise _options.BadOption(f"--waves is for --executor pysim, not {executor}")
    if executor != "board" and (port or baud):
        raise _options.BadOption(f"--port and --baud are for --executor board, not {executor}")
    if jobs and executor not in _PARALLEL:
        raise _options.BadOption(f"--jobs is for --executor machine and rtl, not {executor}")
    found = _options.find_board(board or DEFAULT_BOARD)
    config = _options.configuration(found, rows, cols, format, pe, values)
    options = {
        "board": found,
        "config": config,
        "contract": contract,
        "exact": exact,
        "waves": waves,
    }
    try:
        program = accel.compile(model, **options, fuse=fuse and layers is None)
    except DoesNotFit:
        if layers is None:
            raise
        note(
            "with each layer's output the network does not fit: those of fused layers are left out"
        )
        program = accel.compile(model, **options)
    x = _read_input(input, program)
    with contextlib.closing(program):
        options = {"port": port, "baud": baud, "jobs": jobs}
        result = run_with_progress(program, x, executor, layers=layers is not None, **options)

    report = result.report
    text = json.dumps(report.as_dict(), indent=2) + "\n"
    with contextlib.ExitStack() as stack:
        if layers is not None:
            folder = stack.enter_context(staged(layers))
            for name, data in result.layers.items():
                np.save(folder / f"{name}.npy", data)
        write_whole(output, lambda file: np.save(file, result.output))
        if json_file is not None:
            write_whole(json_file, lambda file: file.write(text.encode()))
        if html is not None:
            page = pages.run_page(report, found.clock.made_mhz)
            write_whole(html, lambda file: file.write(page.encode()))
        if trace is not None:
            events = json.dumps(timeline(report, found.clock.made_mhz))
            write_whole(trace, lambda file: file.write(events.encode()))
    show_layers(report)
    show_exactness(report)
    say(f"Wrote {output}: {result.output.dtype} {list(result.output.shape)}")


def run_with_progress(
    program: Any, x: Any, executor: str, layers: bool = False, **options: Any
) -> Any:
    """`Program.run`, with a bar for the executors that take samples one by one."""
    if executor not in _STEPPED:
        return program.run(x, executor, layers=layers, **options)
    if executor == "rtl":
        note("compiling the core's RTL, unless it is in the cache (about 15 s)")
    with progress(f"{executor}: {len(x)} samples", len(x)) as advance:
        return program.run(x, executor, layers=layers, progress=advance, **options)


def show_layers(report: Any) -> None:
    """Print what each layer of one inference takes."""
    config = report.program.config
    counted = "counted on the board" if report.executor == "board" else "counted in RTL"
    source = counted if report.measured else "from the cycle model"
    title = f"{report.program.name} on {config.rows}x{config.columns} {config.format}, {source}"
    listing = table("layer", "mode", ">MACs", ">cycles", ">of peak", title=title)
    for layer in report.layers:
        cycles = layer.cycles_model if layer.cycles is None else layer.cycles
        share = f"{100 * layer.utilization:.1f} %" if layer.macs else ""
        listing.add_row(layer.name, layer.mode, f"{layer.macs:,}", f"{cycles:,}", share)
    listing.add_section()
    total = f"{100 * report.utilization:.1f} %"
    listing.add_row("one inference", "", f"{report.macs:,}", f"{report.cycles:,}", total)
    show(listing)


def _read_input(path: Path, program: Any) -> Any:
    """The array of a ``.npy`` file; float64 becomes float32 where the network takes floats."""
    import numpy as np

    try:
        with np.errstate(over="raise"):  # sizes of absurd shapes
            x = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as problem:
        why = problem.strerror or problem
        raise UnreadableInput(f"{path}: cannot be read: {why}; give an .npy file") from problem
    except _NO_ARRAY as problem:
        raise UnreadableInput(
            f"{path}: is not a whole .npy file of numbers; write it with numpy.save"
        ) from problem
    if not isinstance(x, np.ndarray):
        x.close()
        raise UnreadableInput(f"{path}: is an archive of arrays; give an .npy file with one array")
    graph = program.code.graph
    wanted = graph.tensor(graph.inputs[0]).dtype
    if wanted == "float32" and x.dtype.kind == "f":
        return x.astype(np.float32)
    return np.asarray(x)
