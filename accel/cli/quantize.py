"""``accel quantize``"""

from pathlib import Path
from typing import Annotated, Any

import typer

from accel.cli import _places
from accel.cli._json import write_json
from accel.cli._output import say, show, write_whole
from accel.cli._quantization import NAMES, work
from accel.cli.check import CANNOT_RUN, check_board
from accel.cli.options import completion, groups, values
from accel.cli.tables.listing import name as name_of
from accel.cli.tables.listing import table
from accel.cli.tables.matrix import show_matrix


def quantize(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="A float32 .onnx file.",
            show_default=False,
            callback=_places.input_files,
        ),
    ],
    calibration: Annotated[
        Path,
        typer.Option(
            "--calibration",
            "-c",
            help="Typical inputs: array x, float32 [N, ...], and perhaps their classes, y.",
            metavar="X.npz",
            callback=_places.input_files,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="The quantized network.",
            metavar="OUT.onnx",
            callback=_places.output_file,
        ),
    ],
    test: Annotated[
        Path | None,
        typer.Option(
            "--test",
            "-t",
            help="Samples to measure with, x and y; without it, those of the calibration.",
            metavar="T.npz",
            callback=_places.input_files,
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            help="Classes of the samples that are measured, instead of their file's y.",
            metavar="Y.npy",
            callback=_places.input_files,
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="How ranges are found: minmax, entropy, percentile.",
            metavar="NAME",
            autocompletion=completion.one_of("minmax", "entropy", "percentile"),
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
            autocompletion=completion.one_of("qop", "qdq"),
        ),
    ] = None,
    weights: Annotated[
        str,
        typer.Option(
            "--weights",
            help="Their codes: int8, int4 or ternary.",
            metavar="NAME",
            autocompletion=completion.one_of("int8", "int4", "ternary"),
        ),
    ] = "int8",
    activations: Annotated[
        str,
        typer.Option(
            "--activations",
            help="Their codes: u8 or s8.",
            metavar="NAME",
            autocompletion=completion.one_of("u8", "s8"),
        ),
    ] = "u8",
    board: groups.BoardNames = None,
    json_file: groups.Json = None,
) -> None:
    """Quantize a float ONNX network to int8, and measure what that does to its answers.

    Takes what torch.onnx.export writes: one float32 input of a fixed shape
    but for the batch. x has the network's own shape and numbers, images
    scaled as in training. ONNX Runtime, which only this command needs,
    calibrates and quantizes; then it runs the samples in float32 and in int8,
    and our core does. Without --board all boards are checked. Ends with 2
    if the network runs on none of them; OUT.onnx is there even so. FILE has
    how it was made, accuracy and distance before and after, and each board.

    --weights int4 and ternary are per channel, fitted to the calibration, and
    run on a core of int8 weights as on one of --format int8_int4 or
    int8_ternary, which holds them in half or a quarter of the memory.

    \b
    accel quantize model.onnx --calibration x.npz -o int8.onnx
    accel quantize model.onnx -c train.npz -t test.npz -o int8.onnx -b icebreaker
    accel quantize model.onnx -c x.npz --labels y.npy -o int8.onnx --json r.json
    """
    from accel import boards
    from accel.quantization import quantizer
    from accel.target import resources

    values.one_of("--method", method, quantizer.METHODS)
    values.one_of("--form", form or "qop", quantizer.FORMS)
    values.one_of("--weights", weights, quantizer.WEIGHTS)
    values.one_of("--activations", activations, quantizer.ACTIVATIONS)
    every = not board or values.ALL in board
    asked = [boards.get(name) for name in (boards.BOARDS if every else dict.fromkeys(board or []))]
    settings = quantizer.Settings(
        method=method, form=form, activations=activations, per_tensor=per_tensor, weights=weights
    )
    made, report, answers = work(model, output, calibration, test, labels, settings, asked)
    write_whole(output, lambda file: file.write(made.data))
    report = {"model": model.name, "output": output.name, **report}
    _show(report)
    if len(asked) > 1:
        show_matrix(answers)
    else:
        core = resources.configure(asked[0])
        check_board(made.graph, asked[0], core, groups.NetworkOptions(), model=str(output))
    say(f"Wrote {output}: {len(made.data):,} bytes, {report['form']}")
    write_json(json_file, report)
    if not any(answer.runs for answer in answers):
        raise typer.Exit(CANNOT_RUN)


def _show(report: dict[str, Any]) -> None:
    from accel.quantization.saturation import NOTE

    test, sizes = report["test"], report["bytes"]
    source = test["file"]
    if source == report["calibration"]["file"]:
        source += ", which it was calibrated with"
    say(f"{report['model']}: {test['samples']} samples of {source}", style="bold")
    columns = (">accuracy", ">class as in float32", ">RMS distance", ">bytes")
    listing = table("network", *columns)
    names = {**NAMES, "int8_accel": f"int8, accel ({test['executor']})"}
    for who, name in names.items():
        same = test["same_class_as_float32"].get(who)
        size = sizes["float32" if who == "float32" else "int8"]
        shares = (test["accuracy"].get(who), same, test["distance_from_float32"].get(who))
        listing.add_row(name_of(name), *map(_percent, shares), f"{size:,}")
    show(listing)
    say(
        f"  accel and onnxruntime: {test['elements_differing_from_onnxruntime']:,} of "
        f"{test['elements']:,} elements differ, "
        f"{test['classes_differing_from_onnxruntime']} classes"
    )
    if test["onnxruntime_may_saturate"] and test["elements_differing_from_onnxruntime"]:
        say(f"  {NOTE}", style="yellow")
    if not test["accuracy"]:
        say("  no accuracy without labels: add an array y to the .npz file, or give --labels")
    if report["scales_moved"]:
        why = "scales of weights moved by less than 0.01 %, so that the core rounds exactly"
        say(f"  {why}: {report['scales_moved']}")
    made = f"{report['weights']}, activations {report['activations']}, {report['method']}"
    tools = ", ".join(f"{tool['name']} {tool['version']}" for tool in report["tools"])
    say(f"  weights {made} of {report['calibration']['samples']} samples; {tools}")


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f} %"
