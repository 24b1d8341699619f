"""Changes the rate of a serial line to a faster one, and back where that does not work."""

from typing import Protocol, runtime_checkable

from accel.protocol import SHORTEST_BIT, Opcode

from .exchange import Exchange, Fault, LinkError
from .port import Port

SLOWEST_GAIN = 2  # a rate that is not so many times faster is not worth the change


@runtime_checkable
class Adjustable(Protocol):
    """A transport whose rate can be changed."""

    port: Port

    def set_baud(self, baud: int) -> bool:
        """Change to another rate once all is sent; whether the port can."""

    def discard(self) -> None:
        """As `Transport` has it."""


def rates(port: Port) -> list[tuple[int, int]]:
    """The rates to try, the fastest first: cycles of the core's clock in a bit, and baud.

    A rate is a whole fraction of the core's clock.
    """
    if port.fastest is None:
        return []
    clock = port.clock_mhz * 1e6
    first = max(SHORTEST_BIT, -(-round(clock) // port.fastest))
    last = int(clock / (SLOWEST_GAIN * port.baud))
    return [(cycles, round(clock / cycles)) for cycles in range(first, last + 1)]


def speed_up(exchange: Exchange, transport: object) -> int | None:
    """Change to the fastest rate that works, of up to three; return it, or ``None``.

    Where one does not work both ends go back to the first rate: the core does when it has heard
    nothing that it understands. Raises ``LinkError`` where they do not find each other any more.
    """
    if not isinstance(transport, Adjustable):
        return None
    port = transport.port
    for cycles, baud in rates(port)[:3]:
        exchange.request(Opcode.RATE, count=cycles - 1)
        if transport.set_baud(baud):
            try:
                exchange.probe()
            except Fault:
                pass
            else:
                return baud
        transport.set_baud(port.baud)
        exchange.begin()
    return None


__all__ = ["Adjustable", "LinkError", "rates", "speed_up"]
