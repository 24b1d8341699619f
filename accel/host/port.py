"""Which serial port a board is at."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Port:
    """A serial port: its name in the system, and bits in a second."""

    name: str
    baud: int
