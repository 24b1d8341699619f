"""When the sums of a tile are read, leave the array and are written, in layers of wide sums."""

from dataclasses import dataclass
from functools import cache

from ...config import AcceleratorConfig
from ..primitives import dual_port, memory
from . import drain, post_op, requantizer


@dataclass(frozen=True)
class SumsTiming:
    """Cycles of what happens to the first sums of a tile, counted from 0 in the cycle after its
    first row has finished. The same happens to the next ones ``AcceleratorConfig.sums_pace`` later.

    Parameters
    ----------
    emission
        They leave the array. Words of what was kept are read from cycle 1 on, one a cycle, and have
        arrived.
    biased
        Their biased sums are there, for this cycle.
    write
        The first of their words is written, one a cycle.
    """

    emission: int
    biased: int
    write: int


@cache
def sums_timing(config: AcceleratorConfig) -> SumsTiming:
    """The earliest cycles in which no word is read while one is written.

    Words of kept sums are read in the same phases of the pace. So it is chosen how long sums wait
    for the last of them, and how long biased sums wait before they are written.
    """
    words, pace = config.sum_words, config.sums_pace
    early = words + memory.latency_of(config.family) + 1 - drain.latency_of(config.family)
    code_written = (
        dual_port.latency_of(config.family)
        + requantizer.latency_of(config.family)
        + post_op.latency_of(config)
        + 1
    )
    reads = range(1, words + 1)
    for emission in range(early, early + pace - words + 1):
        if (emission + code_written) % pace in reads:
            continue
        biased = emission + dual_port.latency_of(config.family) + requantizer.BIASED_CYCLES
        for write in range(biased + 1, biased + 2 + pace - words):
            asked = (write - 1) % pace  # in the cycle before
            in_time = write + words <= emission + code_written + 1  # before the layer ends
            if words <= asked <= pace - words and in_time:
                return SumsTiming(emission=emission, biased=biased, write=write)
    raise AssertionError("the pace leaves room for reads and writes")
