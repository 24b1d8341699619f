"""Samples one after another, the input of each sent while the one before is computed."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Generic, Protocol, TypeVar

import numpy as np

from accel.compiler.program.program import CoreProgram
from accel.protocol import ALL_LAYERS

Sample = Mapping[str, np.ndarray]
Run = TypeVar("Run")
Result = TypeVar("Result")

_LATER = 256  # of the cycles, one part more: words that are written may take some
_SLACK = 2  # times the time that an input takes on the line, in which layers leave cycles free


class Runs(Protocol, Generic[Run, Result]):
    """What sends inputs to a core and runs its program."""

    def send(self, sample: Sample, first: int, end: int, when_free: bool = False) -> None:
        """Send words of a sample's inputs, which are numbered through."""

    def begin(self, shared_layers: int) -> Run:
        """Have the program run, after the run in progress, of which so many layers leave cycles
        free for words that are written."""

    def end(self, run: Run) -> Result:
        """The result of a run, once it is there."""

    def now(self) -> int | None:
        """The cycles of the core's clock until all that was sent so far has been, counted from any
        time; ``None`` where nobody knows."""

    def pause(self, cycles: int) -> None:
        """Wait until all is sent, and then so many cycles of the core."""


def input_words(program: CoreProgram) -> int:
    """The words of all inputs."""
    rows = program.config.rows
    return sum(program.placement(one.tensor).layout.words(rows) for one in program.inputs)


def input_banks(program: CoreProgram) -> set[int]:
    """The banks in which inputs lie."""
    return {program.placement(source.tensor).bank for source in program.inputs}


def shared_layers(
    program: CoreProgram, cycles: Sequence[int], byte_cycles: float | None = None
) -> int:
    """How many of the first layers are to leave cycles free for the next input.

    ``cycles`` are those of each layer, ``byte_cycles`` those of a byte on the line. A host may be
    late, so it is more than the input needs.
    """
    if not program.releases:
        return 0
    if byte_cycles is None or not any(cycles):
        return ALL_LAYERS
    rows = program.config.rows
    size = 0
    for one in program.inputs:
        layout = program.placement(one.tensor).layout
        size += layout.words(rows) * layout.lanes(rows)
    ends = list(accumulate(cycles))
    last = ends[program.releases[-1].layer]
    until = max(last, ends[program.releases[0].layer]) + _SLACK * size * byte_cycles
    count = 1 + sum(end < until for end in ends)
    return count if count < min(ALL_LAYERS, len(ends)) else ALL_LAYERS


def overlapped(
    core: Runs[Run, Result],
    program: CoreProgram,
    cycles: Sequence[int],
    samples: Sequence[Sample],
    byte_cycles: float | None = None,
) -> Iterator[Result]:
    """The results of samples, with the cycles of each layer and of a byte on the line as expected.

    What of an input has a place that is free before the run is over is sent meanwhile. If that is
    all of it, so is the request to run: the core goes from one sample to the next by itself.
    """
    ends, words = list(accumulate(cycles)), input_words(program)
    sharing = shared_layers(program, cycles, byte_cycles)
    core.send(samples[0], 0, words)
    run = core.begin(sharing if len(samples) > 1 else 0)
    began = core.now()
    for index, following in enumerate([*samples[1:], None]):
        at = 0
        next_sharing = sharing if index + 2 < len(samples) else 0
        next_run: Run | None = None
        if following is not None:
            for release in program.releases:
                _wait(core, began, ends[release.layer] * (_LATER + 1) // _LATER)
                core.send(following, at, at + release.words, when_free=True)
                at += release.words
            if at == words:
                next_run = core.begin(next_sharing)
        result = core.end(run)
        if following is not None:
            if next_run is None:
                core.send(following, at, words)
                next_run = core.begin(next_sharing)
            run, began = next_run, core.now()
        yield result


def _wait(core: Runs[Run, Result], began: int | None, cycles: int) -> None:
    """Wait until so many cycles after a run began."""
    now = core.now()
    if began is not None and now is not None and began + cycles > now:
        core.pause(began + cycles - now)
