"""What ``accel live`` says of each sample, and where the time of all of them went."""

from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from accel.pictures.answers import answers_of, classes_of, real

if TYPE_CHECKING:
    from accel.api import Answer, Executable
    from accel.cli.inputs.streams import Sample
    from accel.compiler.ir.graph import Tensor


class ShownAnswer:
    """An answer for people: a class with its value, or what the numbers are like."""

    def __init__(self, tensor: "Tensor", answer: "Answer", names: Sequence[str] | None):
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


class LiveRun:
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

    def counted(self, answers: "Iterator[Answer]") -> "Iterator[Answer]":
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

    def as_dict(self, answer: "Answer") -> dict[str, Any]:
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
