"""``accel demo``"""

import contextlib
import importlib.resources
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from accel.cli import _places
from accel.cli._json import write_json
from accel.cli._output import console, error, progress, say, show
from accel.cli.build import show_report, show_reused
from accel.cli.options import groups
from accel.cli.run import run_with_progress
from accel.cli.tables.listing import table
from accel.cli.tables.program import show_layers

BOARD = "icebreaker"
_SHADES = " ░▒▓█"
_PLAIN_SHADES = " .+#@"
_BAR = 24  # columns of a probability of 1


def demo(
    build: Annotated[
        bool, typer.Option("--build/--no-build", help="Build the iCEBreaker bitstream too.")
    ] = True,
    samples: Annotated[
        int, typer.Option("--samples", min=1, max=360, help="Images to run in RTL.")
    ] = 50,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Folder for the bitstream.",
            metavar="DIR",
            callback=_places.output_folder,
        ),
    ] = Path("accel-demo"),
    json_file: groups.Json = None,
) -> None:
    """Run the whole flow on a small network that reads handwritten digits.

    Compiles it, runs it on the functional machine and in compiled RTL,
    compares every element of every layer, shows an answer and what each
    layer takes, and builds the iCEBreaker's bitstream. FILE has what
    `accel run --json` writes of the run in RTL, and what the demo compared
    and built.

    \b
    accel demo
    accel demo --no-build
    """
    import numpy as np

    import accel
    from accel.flow.tools import check_named_tools

    check_named_tools()
    digits = importlib.resources.files("accel.digits")
    with (
        importlib.resources.as_file(digits / "digits_int8.tflite") as model,
        importlib.resources.as_file(digits / "test_images.npz") as images,
    ):
        started = time.perf_counter()
        program = accel.compile(model, board=BOARD)
        taken = time.perf_counter() - started
        with np.load(images, allow_pickle=False) as archive:
            x, labels = archive["x"], archive["y"]

    _step("Compile")
    say(f"  digits_int8.tflite for {BOARD}, proved exact channel by channel, in {taken:.2f} s")

    _step("Run and compare")
    with contextlib.closing(program):
        machine = program.run(x, "machine", layers=True)
        rtl = run_with_progress(program, x[:samples], "rtl", layers=True)
    right = int((machine.output.argmax(axis=1) == labels).sum())
    say(f"  machine: {right} of {len(x)} test images right, {100 * right / len(x):.2f} %")
    compared, differing = _compare(machine.layers, rtl.layers)
    say(f"  RTL: {samples} images, {compared:,} elements of all layers, {differing} differ")
    if differing:
        error("machine and RTL differ; this is a fault of accel, please report it")
        raise typer.Exit(1)

    _step("An answer, as RTL gives it")
    show(_answer(x[0, :, :, 0], rtl.output[0], int(labels[0]), program))

    _step("What it takes")
    show_layers(rtl.report)
    same = all(layer.cycles == layer.cycles_model for layer in rtl.report.layers)
    say(f"  The cycle model says {'the same' if same else 'otherwise'} for every layer.")

    answer: dict[str, Any] = rtl.report.as_dict() | {
        "accuracy": round(right / len(x), 6),
        "images": len(x),
        "elements_compared": compared,
        "elements_differing": differing,
        "build": None,
    }
    if build:
        _step("Build the bitstream")
        answer["build"] = _build(output)
    _next(build)
    write_json(json_file, answer)


def _step(title: str) -> None:
    console().print(f"\n{title}", style="bold cyan")


def _compare(expected: Any, actual: Any) -> tuple[int, int]:
    """Elements compared, and how many of them differ."""
    compared = differing = 0
    for name, ours in actual.items():
        compared += ours.size
        differing += int((ours != expected[name][: len(ours)]).sum())
    return compared, differing


def _answer(image: Any, codes: Any, label: int, program: Any) -> Any:
    """The image in characters, and beside it the probabilities of the digits."""
    screen = console()
    shades = _SHADES if "utf" in screen.encoding.lower() else _PLAIN_SHADES
    levels = (image.astype(int) + 128) * (len(shades) - 1) // 128
    picture = ["".join(2 * shades[min(level, len(shades) - 1)] for level in row) for row in levels]
    graph = program.code.graph
    q = graph.tensor(graph.outputs[0]).quantization
    chances = [(int(code) - q.zero_point[0]) * q.scale[0] for code in codes]
    best = max(range(len(chances)), key=chances.__getitem__)
    grid = table("digit", "", ">probability")
    for digit, chance in enumerate(chances):
        bar = shades[-1] * round(_BAR * chance)
        style = "bold green" if digit == best else None
        grid.add_row(str(digit), bar, f"{100 * chance:.1f} %", style=style)
    side = Table.grid(padding=(1, 4))
    side.add_row("\n".join(picture), grid)
    side.add_row(f"label {label}, answer {best}", "")
    return side


def _build(output: Path) -> dict[str, Any]:
    from accel.boards import get
    from accel.target.bitstream import build as run_build

    fastest = get(BOARD).seeds[:1]
    with progress("build", 1.0) as advance:
        result = run_build(
            BOARD, output, seeds=fastest, on_progress=lambda text, share: advance(share, text)
        )
    show_report(result.report)
    show_reused(result.reused)
    say(f"Bitstream: {result.bitstream}")
    return {**result.report, "bitstream": str(result.bitstream)}


def _next(built: bool) -> None:
    _step("What to type next")
    rows = [
        ("accel check MODEL.tflite", "what of your network runs, and on which board"),
        ("accel run MODEL.tflite -i X.npy -o Y.npy", "run it, bit for bit as the hardware will"),
        ("accel compile MODEL.tflite -o DIR", "the program that a board loads"),
        ("accel build --board ulx3s_85f -o DIR", "a bitstream for another board"),
    ]
    if not built:
        rows.insert(0, ("accel demo", "the same with the iCEBreaker's bitstream"))
    width = max(len(command) for command, _ in rows)
    for command, what in rows:
        say(f"  {command:{width}}  # {what}")
