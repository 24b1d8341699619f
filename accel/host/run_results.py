"""What runs are asked for and what they answer: limits, counters, results."""

from dataclasses import astuple, dataclass

from accel.protocol import COUNTER_BITS, COUNTERS, LEAST_LIMIT_BITS, NO_LIMIT

SPARE_CYCLES = 1 << 20  # that a run may take beyond what is expected, before the core ends it


@dataclass(frozen=True)
class Counters:
    """What the core counted during a run, in cycles; see `core.control.sequencer`."""

    cycles: int
    busy: int
    waiting_weights: int
    waiting_drain: int

    def unwrapped(self, expected: "Counters") -> "Counters":
        """These counts with the overflows that the core's counters could not hold.

        A counter wraps around after ``2**COUNTER_BITS`` cycles, about a second. Of all counts that
        it may stand for, the one nearest to ``expected`` is taken.
        """
        period = 1 << COUNTER_BITS
        pairs = zip(astuple(self), astuple(expected), strict=True)
        return Counters(*(n + period * max(0, (e - n + period // 2) // period) for n, e in pairs))

    def __add__(self, other: "Counters") -> "Counters":
        return Counters(*map(sum, zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class RunResult:
    """What a run counted, and the words that were read after it."""

    counters: Counters
    data: bytes


@dataclass(frozen=True)
class RunBegun:
    """A run that has been asked for: its number, its limits, and the lanes of its result."""

    number: int
    limit: int
    cycles: int
    layers: int
    lanes: int


def limit_of(cycles: int) -> int:
    """The least limit that a run of about so many cycles stays below."""
    needed = (cycles + SPARE_CYCLES).bit_length()
    least = max(0, needed - LEAST_LIMIT_BITS)
    return least if cycles and LEAST_LIMIT_BITS + least < COUNTER_BITS else NO_LIMIT


def counters_of(data: bytes) -> Counters:
    """The counters from their bytes in an answer."""
    values = int.from_bytes(data, "little")
    shifts = range(0, len(COUNTERS) * COUNTER_BITS, COUNTER_BITS)
    return Counters(*(values >> shift & (1 << COUNTER_BITS) - 1 for shift in shifts))
