"""Changes the rate of a serial line to a faster one, and back where that does not work."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from accel.protocol import EIGHTHS, LEAST_EIGHTHS, SHORTEST_BIT, Opcode

from .exchange import Exchange, Fault, LinkError
from .port import Port

SLOWEST_GAIN = 2  # a rate that is not so many times faster is not worth the change
_DIFFERENCE = 0.01  # of the two ends' rates: a tenth of a bit until a byte's stop bit


@runtime_checkable
class Adjustable(Protocol):
    """A transport whose rate can be changed."""

    port: Port

    def set_baud(self, baud: int) -> bool:
        """Change to another rate once all is sent; whether the port can."""

    def discard(self) -> None:
        """As `Transport` has it."""


def rates(port: Port) -> list[tuple[int, int]]:
    """The rates to try, the fastest first: eighths of a cycle of the core in a bit, and baud."""
    if port.fastest is None:
        return []
    return list(rates_of(port.clock_mhz * 1e6, port.fastest, at_least=SLOWEST_GAIN * port.baud))


def rates_of(clock: float, fastest: float, *, at_least: float = 1) -> Iterator[tuple[int, int]]:
    """Rates that an adapter and a core make alike, the fastest first.

    An adapter makes whole fractions of its ``fastest`` rate in any case; a core's bits are as long
    as eighths of a cycle of its ``clock`` in Hz say, and at least `SHORTEST_BIT` cycles.
    """
    for divisor in range(1, int(fastest / at_least) + 1):
        baud = fastest / divisor
        bit = round(EIGHTHS * clock / baud)
        if bit >= EIGHTHS * SHORTEST_BIT and abs(EIGHTHS * clock / (bit * baud) - 1) <= _DIFFERENCE:
            yield bit, round(baud)


def speed_up(exchange: Exchange, transport: object) -> int | None:
    """Change to the fastest rate that works, of up to three; return it, or ``None``.

    Where one does not work both ends go back to the first rate: the core does when it has heard
    nothing that it understands. Raises ``LinkError`` where they do not find each other any more.
    """
    if not isinstance(transport, Adjustable):
        return None
    port = transport.port
    for bit, baud in rates(port)[:3]:
        exchange.request(Opcode.RATE, count=bit - LEAST_EIGHTHS)
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


__all__ = ["Adjustable", "LinkError", "rates", "rates_of", "speed_up"]
