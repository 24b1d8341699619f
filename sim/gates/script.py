"""What a host does at a core, written down while it talks to RTL: sent bytes, answers, waiting.

The driver itself talks to the core in RTL here, and everything is done to a netlist in the same
cycles again.
"""

from dataclasses import dataclass

from accel.core.clocking.reset import HOLD_US
from accel.host.port import Port
from accel.protocol import EIGHTHS, SHORTEST_BIT, SILENCE_BITS

from .bench import Bench, Heard, bit_of

_PATIENCE = 1 << 17  # cycles that an answer may take beyond those that the driver expects
_QUIET_BITS = 24  # from an answer to another rate of the line, and to a lost lock
_UNLOCKED = 777  # cycles for which a lock is lost
_BEGIN_CYCLES = 4096  # after a reset: the flash is woken meanwhile
MOST_DELAY = 8  # cycles by which a netlist's answers may come after RTL's: of registers at pads


@dataclass(frozen=True)
class Send:
    """From a cycle of RTL on bytes are sent, one directly after the other."""

    cycle: int
    data: bytes


@dataclass(frozen=True)
class Expect:
    """As many bytes are waited for as RTL has answered here, for at most ``limit`` cycles."""

    heard: tuple[Heard, ...]
    wanted: int
    limit: int


@dataclass(frozen=True)
class Forget:
    """All that has come unread up to a cycle of RTL is looked at and forgotten."""

    cycle: int
    heard: tuple[Heard, ...]


@dataclass(frozen=True)
class Rate:
    """In a cycle of RTL the host changes the length of its bits."""

    cycle: int
    eighths: int


@dataclass(frozen=True)
class Lock:
    """In a cycle of RTL the PLL loses its lock, for so many cycles; ``until`` is the cycle in which
    the core works again."""

    cycle: int
    lost: int
    until: int


@dataclass(frozen=True)
class Mark:
    """What follows belongs to this, in words."""

    text: str


Event = Send | Expect | Forget | Rate | Lock | Mark


@dataclass(frozen=True, kw_only=True)
class LineClock:
    """The core's clock, the rate of the line at first, and what a lost lock does.

    ``resets`` says whether it resets the core, else the clock stops; ``ready`` are the cycles from
    the lock until the core has begun.
    """

    clock_mhz: float
    baud: int
    resets: bool
    ready: int

    @classmethod
    def of(cls, family: str, clock_mhz: float, baud: int) -> "LineClock":
        """That of a board: `ClockGenerator` stops an ECP5's clock, and resets an iCE40's core."""
        ready = round(HOLD_US * clock_mhz) + _BEGIN_CYCLES
        return cls(clock_mhz=clock_mhz, baud=baud, resets=family != "ecp5", ready=ready)

    @property
    def bit(self) -> int:
        """The eighths of a cycle that a bit takes at first."""
        return bit_of(self.clock_mhz, self.baud)


class Recorder:
    """A transport to a core in RTL that writes down all that passes, and that a driver can set to
    the fastest rate of the line."""

    def __init__(self, bench: Bench, clock: LineClock):
        self.bench, self.clock = bench, clock
        self.events: list[Event] = []
        fastest = int(clock.clock_mhz * 1e6 / SHORTEST_BIT)
        self.port = Port("rtl", clock.baud, clock.clock_mhz, fastest)
        self._bit = clock.bit
        self.pause(clock.ready)

    @property
    def byte_cycles(self) -> float:
        """The cycles that a byte takes on the line."""
        return 10 * self._bit / EIGHTHS

    def mark(self, text: str) -> None:
        """Say in words what follows."""
        self.events.append(Mark(text))

    def write(self, data: bytes) -> None:
        """Send all of ``data``."""
        self.events.append(Send(self.bench.cycle, data))
        self.bench.run(data, 0, sending_limit(data, self._bit))

    def read(self, count: int, cycles: int = 0) -> bytes:
        """Wait for ``count`` bytes, and a little longer: a netlist's may be late by some cycles."""
        limit = _PATIENCE + cycles
        heard = self.bench.run(b"", count, limit)
        self.events.append(Expect(tuple(heard), count, limit))
        self.pause(MOST_DELAY)
        return bytes(byte.byte for byte in heard)

    def discard(self) -> None:
        """Be silent for longer than the core is deaf, and forget what came."""
        self.pause(2 << SILENCE_BITS)
        self.forget()

    def forget(self) -> None:
        """Forget what came unread."""
        self.pause(self._quiet)
        heard = self.bench.wait(0, take=True)
        self.events.append(Forget(self.bench.cycle, tuple(heard)))

    def pause(self, cycles: int) -> None:
        """Let so many cycles pass."""
        self.bench.wait(cycles)

    def now(self) -> int:
        """The cycles that have passed."""
        return self.bench.cycle

    def set_baud(self, baud: int) -> bool:
        """Change to another rate once the core is heard no more."""
        self.pause(self._quiet)
        self._set_bit(bit_of(self.clock.clock_mhz, baud))
        return True

    def lose_lock(self, working: int) -> None:
        """Have the PLL lose its lock for some time, and wait until the core is ready again, and has
        done what takes ``working`` cycles.

        The host begins at the first rate again if that resets the core.
        """
        self.forget()
        begin, lasts = self.bench.cycle, self.clock.ready + working
        if self.clock.resets:
            self.bench.lock(False)
        self.pause(_UNLOCKED + lasts)
        self.events.append(Lock(begin, _UNLOCKED, begin + _UNLOCKED + lasts))
        if self.clock.resets:
            self._set_bit(self.clock.bit)

    @property
    def _quiet(self) -> int:
        """Cycles in which a byte has long ended."""
        return int(_QUIET_BITS * self._bit / EIGHTHS) + MOST_DELAY

    def _set_bit(self, eighths: int) -> None:
        self._bit = eighths
        self.events.append(Rate(self.bench.cycle, eighths))
        self.bench.set_bit(eighths)


def sending_limit(data: bytes, bit: int) -> int:
    """More cycles than sending takes."""
    return 2 + (10 * bit * len(data)) // EIGHTHS + bit
