"""When the words of a chunk in flash reach the sequencer, exactly as `WordPacker` delivers them."""

from accel.config import AcceleratorConfig
from accel.core.flash.reader import depth_of

from .flash_bytes import ByteTimes

# The reading begins in the cycle before the first word is asked for, which is cycle 0.
_START = -1


class WordTimes:
    """The words of one chunk, in order."""

    def __init__(self, config: AcceleratorConfig, memory_latency: int):
        self.rows = config.rows
        self.memory_latency = memory_latency
        self.bytes = ByteTimes(
            data_lines=config.flash_lanes,
            divider=config.flash_divider,
            depth=depth_of(config.family),
        )
        self.valid = self._collect(0)
        # Cycles that a word takes at most, to one who waits for it, once the reading has begun
        self.longest = config.rows * (self.bytes.period + 1) + memory_latency

    def take(self, first: int, words: int) -> int:
        """The cycle in which the last of ``words`` is taken, the first being requested at
        ``first``."""
        cycle = first - 1
        for _ in range(words):
            cycle = max(cycle + 1, self.valid)
            self.taken(cycle)
        return cycle

    def taken(self, cycle: int) -> None:
        """The word that is valid at ``valid`` is taken in this cycle."""
        self.valid = self._collect(cycle + self.memory_latency)

    def _collect(self, ready: int) -> int:
        """The first cycle in which the next word is valid, if its bytes are taken from ``ready``
        on."""
        for _ in range(self.rows):
            ready = self.bytes.take(ready - _START) + _START + 1
        return ready
