"""Samples one after another, the input of each sent while the one before is computed."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Protocol, TypeVar

import numpy as np

from accel.compiler.memory.pieces import Piece
from accel.compiler.program.executable import CoreExecutable
from accel.protocol import ALL_LAYERS

Sample = Mapping[str, np.ndarray]
Run = TypeVar("Run")
Result_co = TypeVar("Result_co", covariant=True)

_LATER = 256  # of the cycles, one part more: words that are written may take some
_SLACK = 2  # times the time that an input takes on the line, in which layers leave cycles free


class Runs(Protocol[Run, Result_co]):
    """What sends inputs to a core and runs its program."""

    def send(self, sample: Sample, piece: Piece, when_free: bool = False) -> None:
        """Send a piece of a sample's inputs."""

    def begin(self, shared_layers: int) -> Run:
        """Have the program run, after the run in progress, of which so many layers leave cycles
        free for words that are written."""

    def end(self, run: Run) -> Result_co:
        """The result of a run, once it is there."""

    def now(self) -> int | None:
        """The cycles of the core's clock until all that was sent so far has been, counted from any
        time; ``None`` where nobody knows."""

    def pause(self, cycles: int) -> None:
        """Wait until all is sent, and then so many cycles of the core."""


def input_banks(program: CoreExecutable) -> set[int]:
    """The banks in which inputs lie."""
    return {program.placement(source.tensor).bank for source in program.inputs}


def input_bytes(program: CoreExecutable) -> int:
    """The bytes of all inputs that are on the line."""
    rows = program.config.rows
    layouts = [program.placement(one.tensor).layout for one in program.inputs]
    return sum(layout.words(rows) * layout.lanes(rows) for layout in layouts)


def shared_layers(
    program: CoreExecutable, cycles: Sequence[int], byte_cycles: float | None = None
) -> int:
    """How many of the first layers are to leave cycles free for the next input.

    ``cycles`` are those of each layer, ``byte_cycles`` those of a byte on the line. A host may be
    late, so it is more than the input needs.
    """
    free = [piece.after for piece in program.pieces if piece.after is not None]
    if not free:
        return 0
    if byte_cycles is None or not any(cycles):
        return ALL_LAYERS
    ends = list(accumulate(cycles))
    until = max(ends[free[-1]], ends[free[0]] + _SLACK * input_bytes(program) * byte_cycles)
    count = 1 + sum(end < until for end in ends)
    return count if count < min(ALL_LAYERS, len(ends)) else ALL_LAYERS


def overlapped(
    core: Runs[Run, Result_co],
    program: CoreExecutable,
    cycles: Sequence[int],
    samples: Sequence[Sample],
    byte_cycles: float | None = None,
) -> Iterator[Result_co]:
    """The results of samples, with the cycles of each layer and of a byte on the line as expected.

    What of an input has a place that is free before the run is over is sent meanwhile. If that is
    all of it, so is the request to run: the core goes from one sample to the next by itself. It
    does not where there are states: a result that was lost could not be computed again.
    """
    own = [piece for piece in program.pieces if piece.during]
    coming = [piece for piece in program.pieces if not piece.during]
    early = [piece for piece in coming if piece.after is not None]
    sharing = shared_layers(program, cycles, byte_cycles)

    def begin(number: int) -> Run:
        return core.begin(sharing if own or number + 1 < len(samples) else 0)

    for piece in coming:
        core.send(samples[0], piece)
    run: Run | None = begin(0)
    clock = _Clock(core, cycles)
    for number, sample in enumerate(samples):
        for piece in own:
            clock.send(sample, piece)
        following = samples[number + 1] if number + 1 < len(samples) else None
        next_run: Run | None = None
        if following is not None:
            for piece in early:
                clock.send(following, piece)
            if len(early) == len(coming) and not program.states:
                next_run = begin(number + 1)
        assert run is not None, "a run has begun"
        result = core.end(run)
        if following is not None:
            if next_run is None:
                for piece in coming[len(early) :]:
                    core.send(following, piece)
                next_run = begin(number + 1)
            clock = _Clock(core, cycles)
        run = next_run
        yield result


class _Clock:
    """Sends pieces during a run when their places are free, as far as one knows."""

    def __init__(self, core: Runs, cycles: Sequence[int]):
        self.core, self.began = core, core.now()
        self.ends = list(accumulate(cycles))
        self.late = 0  # cycles that layers have waited for bands

    def send(self, sample: Sample, piece: Piece) -> None:
        """Wait until the place is free, then send a piece."""
        if piece.takes and piece.after is not None:
            self._wait(self.ends[piece.after] * (_LATER + 1) // _LATER + self.late)
        self.core.send(sample, piece, piece.takes)
        now = self.core.now()
        if piece.during and piece.reader and now is not None and self.began is not None:
            begins = self.ends[piece.reader - 1] + self.late
            self.late += max(0, now - self.began - begins)

    def _wait(self, cycles: int) -> None:
        """Wait until so many cycles after the run began."""
        now = self.core.now()
        if self.began is not None and now is not None and self.began + cycles > now:
            self.core.pause(self.began + cycles - now)
