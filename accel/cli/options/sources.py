"""Where ``accel live`` takes its samples from."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accel.cli import _places
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
