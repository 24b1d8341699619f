"""``accel quantize``"""

import contextlib
import json
from collections import Counter
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer

from accel.cli import _options
from accel.cli._output import check_writable, progress, say, show, table, write_whole
from accel.cli.check import CANNOT_RUN, check_board

CHUNK = 32  # samples between two steps of the progress bar
_TOOLS = ("onnxruntime", "onnx", "numpy")
_NAMES = {"float32": "float32, onnxruntime", "int8_onnxruntime": "int8, onnxruntime"}


def quantize(
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A float32 .onnx file.", show_default=False),
    ],
    calibration: Annotated[
        Path,
        typer.Option(
            "--calibration",
            "-c",
            help="Typical inputs: array x, float32 [N, ...], and perhaps their classes, y.",
            metavar="X.npz",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The quantized network.", metavar="OUT.onnx")
    ],
    test: Annotated[
        Path | None,
        typer.Option(
            "--test",
            "-t",
            help="Samples to measure with, x and y; without it, those of the calibration.",
            metavar="T.npz",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            help="Classes of the samples that are measured, instead of their file's y.",
            metavar="Y.npy",
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            "--method", help="How ranges are found: minmax, entropy, percentile.", metavar="NAME"
        ),
    ] = "minmax",
    per_tensor: Annotated[
        bool,
        typer.Option("--per-tensor", help="One scale for all weights of a layer."),
    ] = False,
    form: Annotated[
        str | None,
        typer.Option(
            "--form",
            help="qop: operators on codes; qdq: operators between QuantizeLinear and "
            "DequantizeLinear.",
            metavar="NAME",
            show_default="qop, and qdq where that does not do",
        ),
    ] = None,
    activations: Annotated[
        str, typer.Option("--activations", help="Their codes: u8 or s8.", metavar="NAME")
    ] = "u8",
    board: _options.BoardName = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="All of it as JSON.", metavar="FILE")
    ] = None,
) -> None:
    """Quantize a float ONNX network to int8, and measure what that does to its answers.

    Takes what torch.onnx.export writes: one float32 input of a fixed shape
    but for the batch. x has the network's own shape and numbers, images
    scaled as in training. Calibrates with ONNX Runtime, which only this
    command needs (pip install 'accel[quantize]'), and runs the samples
    there in float32 and int8 and on our core. Without --board all boards
    are checked. Ends with 2 if the network runs on none of them; OUT.onnx is
    written whenever it can be read.

    \b
    accel quantize model.onnx --calibration x.npz -o int8.onnx
    accel quantize model.onnx -c train.npz --test test.npz -o int8.onnx --board icebreaker
    accel quantize model.onnx -c x.npz --labels y.npy -o int8.onnx --json report.json
    """
    from accel import boards
    from accel.quantization import quantizer

    _choose("--method", method, quantizer.METHODS)
    _choose("--form", form or "qop", quantizer.FORMS)
    _choose("--activations", activations, quantizer.ACTIVATIONS)
    asked = [boards.get(board)] if board else list(boards.BOARDS.values())
    check_writable(output, json_file)
    if output.exists() and model.exists() and output.samefile(model):
        raise _options.BadOption(f"{output}: is the float model itself; give another --output")
    settings = quantizer.Settings(
        method=method, form=form, activations=activations, per_tensor=per_tensor
    )
    made, report, programs = _work(model, calibration, test, labels, settings, asked)
    write_whole(output, lambda file: file.write(made.data))
    report = {"model": model.name, "output": output.name, **report}
    if json_file is not None:
        text = json.dumps(report, indent=2) + "\n"
        write_whole(json_file, lambda file: file.write(text.encode()))
    _show(report)
    if board:
        check_board(made.graph, asked[0], _options.configuration(board, None, None, None, None))
    else:
        _show_boards(report["boards"])
    say(f"Wrote {output}: {len(made.data):,} bytes, {report['form']}")
    if not any(programs):
        raise typer.Exit(CANNOT_RUN)


def _choose(option: str, value: str, known: Any) -> None:
    if value not in known:
        raise _options.BadOption(f"{option} must be one of {', '.join(known)}, not {value!r}")


def _work(
    path: Path,
    calibration: Path,
    test: Path | None,
    labels: Path | None,
    settings: Any,
    asked: Sequence[Any],
) -> tuple[Any, dict[str, Any], list[Any]]:
    """Quantize and measure. Gives the network, the report, and a program or None for each board."""
    from accel.quantization import measure, preparation
    from accel.quantization.model import read_model
    from accel.quantization.quantizer import quantize as quantize_model
    from accel.quantization.runtime import Session, runtime
    from accel.quantization.samples import read_samples

    runtime()
    model = read_model(path)
    typical = read_samples(calibration, model.shape, None if test else labels)
    samples = read_samples(test, model.shape, labels) if test else typical
    fixed = preparation.fixed(model)
    float_session = Session(fixed, model.name)
    samples.check_classes(preparation.check_answer(float_session, model, samples.x))
    prepared = preparation.folded(fixed, model.name)

    count = len(typical.x)
    with progress(f"calibrating with {count} samples", count) as advance:
        made = quantize_model(prepared, model.name, typical.x, settings, advance)
    with progress("checking boards", len(asked)) as advance:
        programs, boards = _on_boards(made.graph, asked, advance)
    answers = {}
    for who, session in (
        (measure.FLOAT, float_session),
        (measure.RUNTIME, Session(made.data, f"{model.name}, quantized")),
    ):
        with progress(f"{_NAMES[who]}: {len(samples.x)} samples", len(samples.x)) as advance:
            answers[who] = session.run(samples.x, advance)
    program = next(filter(None, programs), None)
    answers[measure.OURS] = _our_answers(made.graph, program, samples.x)
    softmax = any(node.operator == "softmax" for node in made.graph)
    report = {
        "form": made.form,
        "method": settings.method,
        "activations": settings.activations,
        "weights": "s8 per tensor" if settings.per_tensor else "s8 per channel",
        "contract": made.graph.contract,
        "calibration": {"file": typical.name, "samples": count},
        "test": {
            "file": samples.name,
            "executor": "machine" if program else "reference",
            **measure.measure(answers, samples.y, softmax).as_dict(),
        },
        "bytes": {"float32": model.bytes, "int8": len(made.data)},
        "operators": dict(Counter(node.operator for node in made.graph)),
        "boards": boards,
        "tools": [{"name": name, "version": metadata.version(name)} for name in _TOOLS],
    }
    return made, report, programs


def _our_answers(graph: Any, program: Any, x: Any) -> Any:
    """The first output as the machine gives it, as the reference does where nothing fits."""
    import numpy as np

    from accel.compiler import reference

    def run(part: Any) -> Any:
        if program is None:
            return reference.run(graph, part)[graph.outputs[0]]
        return program.run(part, "machine").output

    answers = []
    with progress(f"int8, accel: {len(x)} samples", len(x)) as advance:
        for start in range(0, len(x), CHUNK):
            answers.append(run(x[start : start + CHUNK]))
            advance(start + len(answers[-1]))
    if program is not None:
        program.close()
    return np.concatenate(answers)


def _on_boards(graph: Any, asked: Sequence[Any], advance: Any) -> tuple[list, list]:
    """Each board's program, or None, and what to say of it."""
    import accel
    from accel import resources
    from accel.errors import UserError

    programs, told = [], []
    for done, board in enumerate(asked, 1):
        program, reasons = None, []
        with contextlib.ExitStack() as stack:
            stack.callback(advance, done)
            try:
                program = accel.compile(graph, board=board.name)
                reasons = resources.problems(program.config, board)
            except UserError as problem:
                reasons = str(problem).splitlines()
        cycles = None if program is None else program.report().cycles
        programs.append(None if reasons else program)
        told.append(
            {
                "board": board.name,
                "runs": not reasons,
                "reasons": reasons,
                "cycles": cycles,
                "milliseconds": cycles and round(cycles / board.clock.made_mhz / 1e3, 4),
            }
        )
    return programs, told


def _show(report: dict[str, Any]) -> None:
    test, sizes = report["test"], report["bytes"]
    source = test["file"]
    if source == report["calibration"]["file"]:
        source += ", which it was calibrated with"
    title = f"{report['model']}: {test['samples']} samples of {source}"
    listing = table("network", ">accuracy", ">class as in float32", ">bytes", title=title)
    names = {**_NAMES, "int8_accel": f"int8, accel ({test['executor']})"}
    for who, name in names.items():
        same = test["same_class_as_float32"].get(who)
        size = sizes["float32" if who == "float32" else "int8"]
        listing.add_row(name, _percent(test["accuracy"].get(who)), _percent(same), f"{size:,}")
    show(listing)
    say(
        f"  accel and onnxruntime: {test['elements_differing_from_onnxruntime']:,} of "
        f"{test['elements']:,} elements differ, {test['classes_differing_from_onnxruntime']} classes"
    )
    if not test["accuracy"]:
        say("  no accuracy without labels: add an array y to the .npz file, or give --labels")
    made = f"{report['weights']}, activations {report['activations']}, {report['method']}"
    tools = ", ".join(f"{tool['name']} {tool['version']}" for tool in report["tools"])
    say(f"  weights {made} of {report['calibration']['samples']} samples; {tools}")


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f} %"


def _show_boards(boards: list[dict[str, Any]]) -> None:
    for board in boards:
        if board["runs"]:
            say(f"  {board['board']}: runs, {board['cycles']:,} cycles, {board['milliseconds']} ms")
            continue
        say(f"  {board['board']}: does not run", style="bold red")
        for reason in board["reasons"]:
            say(f"    {reason}")
