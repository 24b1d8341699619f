"""Which serial port a board is at."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Port:
    """A serial port: its name in the system, bits in a second, and the clock of the core behind it.

    The clock is that of the slowest board unless it is given.
    """

    name: str
    baud: int
    clock_mhz: float = 12.0
