"""``accel live``"""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accel.cli import _places
from accel.cli._json import json_lines
from accel.cli._output import note, say, status
from accel.cli.options import groups
from accel.cli.options.executors import ExecutorOptions
from accel.cli.options.values import BadOption

if TYPE_CHECKING:
    from accel.api import Executable
    from accel.cli.inputs.streams import Sample


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """Where samples come from: standard input, if nothing else is said."""

    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            help="Samples from the .npy and .npz files of a folder, in the order of their names.",
            metavar="DIR",
            callback=_places.input_files,
        ),
    ] = None
    wav: Annotated[
        Path | None,
        typer.Option(
            "--wav",
            help="Windows of a WAV file, for a network that takes raw audio.",
            metavar="FILE",
            callback=_places.input_files,
        ),
    ] = None
    hop: Annotated[
        int | None,
        typer.Option(
            "--hop", help="Samples from a window of --wav to the next one.", metavar="N", min=1
        ),
    ] = None
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            help="Raw frames of a camera of this size on standard input, resized to the network's.",
            metavar="WxHxC",
        ),
    ] = None
    dtype: Annotated[
        str | None,
        typer.Option(
            "--dtype",
            help="What bytes on standard input are: int8, uint8 or float32 (real numbers); as the "
            "network's input if not given, of frames uint8.",
            metavar="NAME",
        ),
    ] = None
    count: Annotated[
        int | None,
        typer.Option("--count", help="End after so many samples.", metavar="N", min=1),
    ] = None

    def check(self) -> None:
        """Raise ``BadOption`` for options that do not go together."""
        given = [
            name
            for name, value in (
                ("--folder", self.folder),
                ("--wav", self.wav),
                ("--size", self.size),
            )
            if value is not None
        ]
        if len(given) > 1:
            raise BadOption(f"{' and '.join(given)} are different sources of samples; leave one")
        if self.hop and not self.wav:
            raise BadOption("--hop is for --wav FILE")
        if self.dtype and (self.folder or self.wav):
            raise BadOption(f"--dtype is for standard input, not {given[0]}")
        if not (self.folder or self.wav) and sys.stdin.isatty():
            raise BadOption(
                "Standard input is a terminal: send samples there, as in `cat x.raw | accel live "
                "program.bin`, or give --folder or --wav"
            )

    def samples(self, program: "Executable") -> "Iterator[Sample]":
        """The samples, read when they are asked for. Raises ``UserError``."""
        from accel.cli.inputs import audio, camera, streams

        graph = program.code.graph
        if self.folder is not None:
            found = streams.folder(graph, self.folder)
        elif self.wav is not None:
            found = audio.windows(graph, self.wav, self.hop)
        elif self.size is not None:
            found = camera.frames(graph, sys.stdin.buffer, self.size, self.dtype)
        else:
            found = streams.raw(graph, sys.stdin.buffer, self.dtype)
        return islice(found, self.count)


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
    accel live program/program.bin -e board --port /dev/ttyUSB1 < samples.raw
    """
    from accel.cli.inputs.labels import names_of, read_names
    from accel.cli.inputs.programs import runnable

    how.check()
    source.check()
    found = runnable(program, target, network)
    first = found.code.graph.tensor(found.code.graph.outputs[0])
    names = read_names(labels, first) if labels else names_of(found.labels, first)
    run = _Run(found, how.executor)
    with (
        contextlib.closing(found),
        json_lines(json_file) as write,
        status() as tell,
    ):
        try:
            answers = found.stream(run.timed(source.samples(found)), how.executor, **how.arguments())
            for answer in run.counted(answers):
                shown = _Shown(first, answer, names)
                write({**run.as_dict(answer), **shown.as_dict()})
                say(f"{run.count - 1:>6}  {shown}  {run.sample}".rstrip())
                tell(run.line)
        except KeyboardInterrupt:
            note("stopped")
        write({"summary": run.summary()})
    for line in run.lines():
        say(line)


class _Shown:
    """An answer for people: a class with its value, or what the numbers are like."""

    def __init__(self, tensor: Any, answer: Any, names: Any):
        from accel.pictures.answers import answers_of, classes_of, real

        self.index: int | None = None
        self.confidence: float | None = None
        found = answers_of(tensor, answer.output, None, names)
        if found is None:
            numbers = real(tensor, answer.output)
            least, mean, most = numbers.min(), numbers.mean(), numbers.max()
            self.name = f"{least:.4g} to {most:.4g}, mean {mean:.4g}"
            return
        self.index = int(found.chosen[0])
        self.name = found.name(self.index)
        if classes_of(tensor):
            self.confidence = float(found.values[0, self.index])

    def __str__(self) -> str:
        value = "" if self.confidence is None else f"{self.confidence:.3f}"
        return f"{self.name:<16} {value:>6}"

    def as_dict(self) -> dict[str, Any]:
        label = {} if self.index is None else {"label": self.name}
        value = None if self.confidence is None else round(self.confidence, 6)
        return {"class": self.index, **label, "confidence": value}


class _Run:
    """Counts samples, and adds up where the time goes."""

    def __init__(self, program: "Executable", executor: str):
        self.program, self.executor = program, executor
        self.clock = program.link_board.clock.made_mhz
        self.count, self.sample = 0, ""
        self.reading = self.answering = self.core = 0.0  # seconds
        self.began = perf_counter()
        self.ended = self.began
        self.measured = False

    def timed(self, samples: "Iterator[Sample]") -> "Iterator[Any]":
        """The inputs of samples; how long each took to be read is counted."""
        self.began = perf_counter()
        while True:
            start = perf_counter()
            sample = next(samples, None)
            self.reading += perf_counter() - start
            if sample is None:
                return
            self.sample = sample.name
            yield sample.inputs

    def counted(self, answers: "Iterator[Any]") -> "Iterator[Any]":
        for answer in answers:
            self.count += 1
            self.answering += answer.seconds
            self.core += answer.cycles / self.clock / 1e6
            self.measured = answer.measured
            self.ended = perf_counter()
            yield answer

    @property
    def rate(self) -> float:
        """Samples a second, from the first one's reading to the last one's answer."""
        seconds = self.ended - self.began
        return self.count / seconds if self.count and seconds else 0.0

    @property
    def line(self) -> str:
        each = 1e3 / max(1, self.count)
        return (
            f"{self.count:,} samples, {self.rate:.1f}/s: reading {self.reading * each:.2f} ms, "
            f"core {self.core * each:.3f} ms, {self._rest} {self._beside * each:.2f} ms"
        )

    @property
    def _rest(self) -> str:
        """What answering takes beside the core's own time, or that a simulation takes for it."""
        kinds = {"board": "link", "machine": "this computer"}
        return kinds.get(self.executor, "simulation")

    @property
    def _beside(self) -> float:
        return self.answering - self.core if self.executor == "board" else self.answering

    def as_dict(self, answer: Any) -> dict[str, Any]:
        """A sample's line of JSON, but for what it was answered."""
        core = answer.cycles / self.clock / 1e3
        seconds = 1e3 * answer.seconds
        on_board = self.executor == "board"
        return {
            "sample": self.count - 1,
            "source": self.sample or None,
            "cycles": answer.cycles,
            "core_ms": round(core, 6),
            "link_ms": round(seconds - core, 6) if on_board else None,
            "host_ms": round(seconds, 6),
        }

    def summary(self) -> dict[str, Any]:
        """The last line of JSON; milliseconds are those of a sample."""
        each = 1e3 / max(1, self.count)
        on_board = self.executor == "board"
        return {
            "program": self.program.name,
            "executor": self.executor,
            "samples": self.count,
            "seconds": round(self.ended - self.began, 6),
            "throughput": round(self.rate, 3),
            "reading_ms": round(self.reading * each, 6),
            "core_ms": round(self.core * each, 6),
            "link_ms": round(self._beside * each, 6) if on_board else None,
            "host_ms": round(self.answering * each, 6),
            "cycles_measured": self.measured,
            "clock_mhz": self.clock,
        }

    def lines(self) -> Iterator[str]:
        """The summary for people."""
        samples = f"{self.count:,} sample{'s' * (self.count != 1)}"
        if not self.count:
            yield f"{samples}: nothing came"
            return
        each = 1e3 / self.count
        yield f"{samples} in {self.ended - self.began:.2f} s: {self.rate:.1f}/s"
        yield f"  reading {self.reading * each:.3f} ms a sample"
        source = "as it counted" if self.measured else "by the cycle model"
        where = f"{self.core * each:.3f} ms a sample at {self.clock:g} MHz, {source}"
        if self.executor == "board":
            yield f"  core {where}"
            yield f"  link and driver {self._beside * each:.3f} ms a sample"
        else:
            yield f"  {self.executor} on this computer {self.answering * each:.3f} ms a sample"
            yield f"  a board's core would take {where}; its link comes on top"
