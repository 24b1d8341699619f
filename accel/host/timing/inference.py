"""What an inference takes from the host's side: the core, the line, and the way through USB."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from accel.compiler.program.executable import CoreExecutable
from accel.protocol import EIGHTHS

from ..driven_core import DrivenCore
from ..rate import rates_of
from .line import BITS
from .timed_core import LayerCycles, TimedCore

_SAMPLES, _FIRST = 5, 2  # that are run one after another, and until the rhythm is steady


@dataclass(frozen=True)
class Usb:
    """What the way through a USB adapter adds to bytes, in seconds: to the line, and from it.

    A model, not a measurement: a frame of the bus to begin in, and on the way back the time after
    which the adapter passes on what does not fill a packet.
    """

    out: float
    back: float


HIGH_SPEED = Usb(out=125e-6, back=125e-6 + 1e-3)
"""Frames of 125 us, and a latency timer of 1 ms: FTDI's FT2232H as the driver sets it."""
FULL_SPEED = Usb(out=1e-3, back=1e-3 + 1e-3)
"""Frames of 1 ms: FT231X and microcontrollers."""
NO_USB = Usb(0, 0)


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What an inference takes with the link, by the driver's own frames.

    Attributes
    ----------
    core_ms
        The core's work alone, of one inference.
    latency_ms
        From the host's first byte of an input to its last one of the result, nothing else going on.
    period_ms
        From one of many samples to the next: input, work and result overlap as far as they can.
    load_ms
        To find the core and to load the program, once.
    baud
        Bits a second on the line.
    line_bytes
        That are sent for a sample.
    crossings_ms
        Of the latency, what is between one run of the core and the next, where the driver computes
        in between: the link alone, without the host's own work.
    """

    core_ms: float
    latency_ms: float
    period_ms: float
    load_ms: float
    baud: int
    line_bytes: float
    crossings_ms: tuple[float, ...] = ()

    @property
    def overlapped(self) -> bool:
        """Whether samples one after another take less time than each alone."""
        return self.period_ms < 0.99 * self.latency_ms

    @property
    def link_ms(self) -> float:
        """What the link adds to the core's work where samples come one at a time."""
        return self.latency_ms - self.core_ms

    @property
    def throughput(self) -> float:
        """Inferences a second, of many."""
        return 1e3 / self.period_ms

    def __str__(self) -> str:
        how = "overlapped: " * self.overlapped
        core, link, rate = map(in_digits, (self.core_ms, self.link_ms, self.throughput))
        between = in_digits(sum(self.crossings_ms))
        inside = f" ({between} ms of it inside the network)" if self.crossings_ms else ""
        return f"{core} ms core + {link} ms link{inside}, {how}{rate}/s"

    def as_dict(self) -> dict[str, Any]:
        """With the names of the properties, for JSON."""
        crossings = [round(one, 6) for one in self.crossings_ms]
        return {
            "core_ms": round(self.core_ms, 6),
            "link_ms": round(self.link_ms, 6),
            "latency_ms": round(self.latency_ms, 6),
            "throughput": round(self.throughput, 4),
            "load_ms": round(self.load_ms, 3),
            "baud": self.baud,
            "line_bytes": round(self.line_bytes, 1),
            **({"crossings_ms": crossings} if crossings else {}),
        }


def in_digits(value: float) -> str:
    """A figure in three digits, or in all before the point where these are more."""
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def timing(
    program: CoreExecutable,
    cycles: LayerCycles,
    driven: Callable[[TimedCore], DrivenCore],
    *,
    clock_mhz: float,
    baud: float,
    usb: Usb,
) -> Timing:
    """Run the driver on a core that only keeps time.

    Parameters
    ----------
    program, cycles
        As `TimedCore` has them.
    driven
        Makes the driver of such a core.
    clock_mhz, baud
        Of the core, and the fastest rate of the adapter: the line gets the rate that both make.
    """
    bit, made = next(rates_of(clock_mhz * 1e6, baud))
    hertz = clock_mhz * 1e6
    line = TimedCore(
        program, cycles, BITS * bit / EIGHTHS, out=usb.out * hertz, back=usb.back * hertz
    )
    core = driven(line)
    core.driver.exchange.settle()
    loaded = line.time
    outputs, passing = [*program.partition.outputs], None
    if len(program.runs) > 1:
        outputs = [*dict.fromkeys(program.aliases[name].root for name in outputs)]
        outputs = [name for name in outputs if name in program.stored_tensors()]
        passing = partial(_Nothing, program)
    core.run(_zeros(program, 0, 1), outputs, passing)
    latency, sent = line.time - loaded, line.sent
    crossings = [b - a for (_, a), (b, _) in pairwise(line.worked)]
    ends: list[float] = []
    core.progress = lambda _: ends.append(line.time)
    core.run(_zeros(program, 0, _SAMPLES), outputs, passing)
    return Timing(
        core_ms=sum(cycles(0)) / hertz * 1e3,
        latency_ms=latency / hertz * 1e3,
        period_ms=(ends[-1] - ends[_FIRST - 1]) / (_SAMPLES - _FIRST) / hertz * 1e3,
        load_ms=loaded / hertz * 1e3,
        baud=made,
        line_bytes=(line.sent - sent) / _SAMPLES,
        crossings_ms=tuple(one / hertz * 1e3 for one in crossings),
    )


class _Nothing:
    """A driver that computes zeros, in no time, for samples up to an end."""

    def __init__(self, program: CoreExecutable, first: int, end: int):
        self.program, self.samples = program, end - first

    def inputs(self, segment: int, found: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return _zeros(self.program, segment, self.samples)


def _zeros(program: CoreExecutable, segment: int, samples: int) -> dict[str, np.ndarray]:
    """Stored inputs of samples that a segment takes."""
    rows, inputs = program.config.rows, program.inputs_of(segment)
    words = {one.tensor: program.placement(one.tensor).layout.words(rows) for one in inputs}
    return {name: np.zeros((samples, count * rows), np.uint8) for name, count in words.items()}
