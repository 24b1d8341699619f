"""When the bytes of a flash can be taken, exactly as `FlashReader` delivers them."""

from collections import deque

from accel.core.flash.bus import DATA_LINES, DIVIDERS, PAD_CYCLES, READ_CLOCKS
from accel.core.flash.reader import GAP, depth_of

_REQUEST_CYCLES = 1  # from a read's start to the bus
_QUEUE_CYCLES = 2  # from a byte's arrival to where it can be taken
_ROOM_CYCLES = 2  # from when a byte is taken to when there is room for another


class ByteTimes:
    """Cycles of one read, counted from that of its ``start``.

    A byte begins when the one before it has ended, fewer than ``depth`` bytes have begun and were
    not taken, and the flash's clock may rise in that cycle. Where a read begins, and what went on
    before it, make no difference.

    Parameters
    ----------
    data_lines, divider, depth, gap : int
        As the reader has them.
    """

    def __init__(
        self, *, data_lines: int, divider: int, depth: int = depth_of("generic"), gap: int = GAP
    ):
        if data_lines not in DATA_LINES or divider not in DIVIDERS:
            raise ValueError(
                f"Flash must have 1, 2 or 4 data lines and a divider of 1 or 2, "
                f"not {data_lines!r} and {divider!r}"
            )
        self.divider = divider
        self.depth = depth
        self.period = 8 // data_lines * divider
        self.latency = self.period - divider + PAD_CYCLES + _QUEUE_CYCLES
        # Of the next byte, at the earliest
        self._begin = _REQUEST_CYCLES + (gap + READ_CLOCKS + 1) * divider
        self._last = 0  # when the last byte was taken
        self._recent: deque[int] = deque()  # when the last ``depth`` ones were

    def take(self, ready: int) -> int:
        """The cycle in which the next byte is taken by a reader that is ready from ``ready`` on."""
        begin = self._begin
        if len(self._recent) == self.depth:
            room = self._recent.popleft() + _ROOM_CYCLES
            begin = max(begin, room + (begin - room) % self.divider)
        self._begin = begin + self.period
        self._last = max(ready, begin + self.latency, self._last + 1)
        self._recent.append(self._last)
        return self._last
