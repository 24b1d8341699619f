"""``accel live``"""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from accel.cli import _places
from accel.cli._json import json_lines
from accel.cli._output import note, say, status
from accel.cli.options import groups
from accel.cli.options.executors import ExecutorOptions
from accel.cli.options.sources import SourceOptions


def live(
    program: Annotated[
        Path,
        typer.Argument(
            metavar="PROGRAM",
            help="A program.bin of accel compile, or a quantized .tflite or .onnx file.",
            show_default=False,
            callback=_places.input_files,
        ),
    ],
    target: groups.TargetOptions,
    network: groups.NetworkOptions,
    how: ExecutorOptions,
    source: SourceOptions,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            help="Names of the classes, if the program file has none: .json, .npy, or text, one a "
            "line.",
            metavar="FILE",
            callback=_places.input_files,
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json",
            help="A line of JSON for each sample, and one for all; with - they go to standard "
            "output, and what people read to standard error.",
            metavar="FILE",
            callback=_places.json_file,
        ),
    ] = None,
) -> None:
    """Answer samples one after another, as they come: class, confidence, rate.

    Samples come from standard input as raw bytes, from a folder of arrays, from
    a WAV file in windows, or from a camera as raw frames on standard input. In
    the end, and with Ctrl-C, it says how fast it was and where the time went.
    The next sample is read when the one before is answered.

    Codes of 8 bits are taken as they are; uint8 for an int8 input becomes 128
    less, and int8 for uint8 128 more. Real numbers are quantized by the input's
    scale: those of --dtype float32, and sound, which is -1 to 1.

    \b
    accel live program/program.bin --folder samples
    accel live program/program.bin --wav sound.wav --hop 8000
    ffmpeg -i /dev/video0 -pix_fmt gray -s 320x240 -f rawvideo - | \\
        accel live program/program.bin --size 320x240x1
    cat samples.raw | accel live program/program.bin -e board --port /dev/ttyUSB1
    """
    from accel.cli import STOPPED_EXIT
    from accel.cli.inputs.labels import names_of, read_names
    from accel.cli.inputs.programs import runnable
    from accel.cli.tables.live import LiveRun, ShownAnswer

    how.check()
    source.check()
    found = runnable(program, target, network)
    first = found.code.graph.tensor(found.code.graph.outputs[0])
    names = read_names(labels, first) if labels else names_of(found.labels, first)
    stopped = False
    run = LiveRun(found, how.executor)
    with (
        contextlib.closing(found),
        json_lines(json_file) as write,
        status() as tell,
    ):
        try:
            answers = found.stream(
                run.timed(source.samples(found)), how.executor, **how.arguments(found)
            )
            for answer in run.counted(answers):
                shown = ShownAnswer(first, answer, names)
                write({**run.as_dict(answer), **shown.as_dict()})
                say(f"{run.count - 1:>6}  {shown}  {run.sample}".rstrip())
                tell(run.line)
        except KeyboardInterrupt:
            note("stopped")
            stopped = True
        write({"summary": run.summary()})
    for line in run.lines():
        say(line)
    if stopped:
        raise typer.Exit(STOPPED_EXIT)
