"""The serial port of a board."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Port:
    """A serial port: its name in the system, bits a second, and the clock of the core connected to
    it.

    The clock is that of the slowest board unless it is given. ``fastest`` is the rate that core and
    port may change to once they understand each other.
    """

    name: str
    baud: int
    clock_mhz: float = 12.0
    fastest: int | None = None

    def at(self, baud: int | None) -> "Port":
        """It at another rate, if one is given, which is kept."""
        return Port(self.name, baud, self.clock_mhz) if baud else self
