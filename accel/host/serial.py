"""A serial port as a transport: the way to a core on a board."""

import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import serial
from serial.tools import list_ports

from accel.errors import UserError

from .exchange import LinkError
from .port import Port

try:
    import termios
except ImportError:  # this system has no terminals
    _TERMINAL_ERRORS: tuple[type[Exception], ...] = ()
else:
    _TERMINAL_ERRORS = (termios.error,)  # which pyserial lets through

PATIENCE = 2.0  # seconds, more than the core waits for the rest of a frame
QUIET = 0.1  # seconds without a byte that end the core's deafness, and after which none is to come
BITS_PER_BYTE = 10  # with start and stop bit
_EXAMPLE = "/dev/ttyUSB1"
_URL = "://"
_NO_RATE = ("socket://",)  # what is at their other end keeps its rate, whatever is asked for here
_SYSTEM = Path("/sys/class/tty")

_REFUSALS = {
    errno.ENOENT: "does not exist; {ports}",
    errno.ENXIO: "has no device behind it; {ports}",
    errno.ENODEV: "has no device behind it; {ports}",
    errno.EACCES: "may not be used; join the group that owns it, often dialout, and log in again",
    errno.EPERM: "may not be used; join the group that owns it, often dialout, and log in again",
    errno.EBUSY: "is in use; close the program that has it open",
    errno.EAGAIN: "is in use; close the program that has it open",
}


class CannotOpenPort(UserError):
    """There is no such port, or it cannot be used."""


class SerialTransport:
    """A `Transport` over a serial port of 8 data bits, no parity and one stop bit.

    Parameters
    ----------
    port
        The port, which nobody else can open meanwhile; or an URL of pyserial's, such as
        ``rfc2217://HOST:PORT``.
    patience
        Seconds that an answer may take to begin, beside the time that bytes are on the line and
        that the core is known to work.
    quiet
        Seconds of silence that `discard` waits for.

    Raises ``CannotOpenPort``. Reading and writing raise ``LinkError`` where the port goes away.
    """

    def __init__(self, port: Port, *, patience: float = PATIENCE, quiet: float = QUIET):
        # Without a faster rate none is tried.
        self.port = replace(port, fastest=None) if port.name.startswith(_NO_RATE) else port
        self.patience = patience
        self.quiet = quiet
        self._baud = port.baud
        self._sent_at = 0.0  # when the last byte that was written leaves
        self._serial = _opened(port)

    def write(self, data: bytes) -> None:
        """Send all of ``data``."""
        now = time.monotonic()
        self._sent_at = max(now, self._sent_at) + self._line_time(len(data))
        try:
            with _as_os_error(*_TERMINAL_ERRORS, ValueError):
                self._serial.write_timeout = self._sent_at - now + self.patience
                self._serial.write(data)
        except serial.SerialTimeoutException as problem:
            raise LinkError(
                f"Port {self.port.name} takes no more bytes; unplug the board and plug it in again"
            ) from problem
        except OSError as problem:
            raise self._lost(problem) from problem

    def read(self, count: int, cycles: int = 0) -> bytes:
        """Return ``count`` bytes, or fewer where they do not come in time: see `Transport`."""
        sending = max(0.0, self._sent_at - time.monotonic())
        working = cycles / (1e6 * self.port.clock_mhz)
        return self._read(count, sending + working + self.patience + self._line_time(count))

    def discard(self) -> None:
        """Be silent until the core has ended its deafness, and forget all that came unread."""
        sending = max(0.0, self._sent_at - time.monotonic())
        end = time.monotonic() + sending + self.patience + self.quiet
        while self._read(1, sending + self.quiet) and time.monotonic() < end:
            sending = max(0.0, self._sent_at - time.monotonic())
            self._read(self._waiting(), 0)

    def pause(self, cycles: int) -> None:
        """Wait until all is sent, and then for so many cycles of the core."""
        sending = max(0.0, self._sent_at - time.monotonic())
        time.sleep(sending + cycles / (1e6 * self.port.clock_mhz))

    def now(self) -> int:
        """The cycles of the core until all is sent, counted from any time."""
        return int(max(time.monotonic(), self._sent_at) * 1e6 * self.port.clock_mhz)

    @property
    def byte_cycles(self) -> float:
        """The cycles of the core that a byte takes on the line."""
        return self._line_time(1) * 1e6 * self.port.clock_mhz

    def set_baud(self, baud: int) -> bool:
        """Change to another rate once all is sent; whether the port can."""
        time.sleep(max(0.0, self._sent_at - time.monotonic()))
        try:
            with _as_os_error(*_TERMINAL_ERRORS, ValueError):
                self._serial.baudrate = baud
        except (OSError, ValueError, OverflowError):
            return False
        self._baud = baud
        return True

    def close(self) -> None:
        """Let go of the port."""
        self._serial.close()

    def _read(self, count: int, seconds: float) -> bytes:
        try:
            with _as_os_error(*_TERMINAL_ERRORS, ValueError):
                self._serial.timeout = seconds
                return self._serial.read(count)
        except OSError as problem:
            raise self._lost(problem) from problem

    def _waiting(self) -> int:
        try:
            return self._serial.in_waiting
        except OSError as problem:
            raise self._lost(problem) from problem

    def _line_time(self, count: int) -> float:
        return count * BITS_PER_BYTE / self._baud

    def _lost(self, problem: OSError) -> LinkError:
        return LinkError(f"Port {self.port.name} went away ({problem}); plug the board in again")


@contextmanager
def _as_os_error(*kinds: type[Exception]) -> Iterator[None]:
    """What pyserial raises of these kinds where a device is gone, as an error of the system's."""
    try:
        yield
    except kinds as problem:
        raise OSError(*problem.args) from problem


def _opened(port: Port) -> serial.SerialBase:
    """A device or an URL, opened. Raises ``CannotOpenPort``."""
    try:
        with _as_os_error(*_TERMINAL_ERRORS):
            if _URL in port.name:
                return serial.serial_for_url(port.name, port.baud)
            device = serial.Serial(port.name, port.baud, exclusive=True)
    except OSError as problem:
        raise CannotOpenPort(f"Port {port.name} {_refusal(problem)}") from problem
    except (ValueError, OverflowError) as problem:
        if _URL in port.name:
            raise CannotOpenPort(
                f"Port {port.name} is no URL that pyserial opens ({problem}); such are "
                "rfc2217://HOST:PORT, socket://HOST:PORT and spy://DEVICE"
            ) from problem
        raise CannotOpenPort(
            f"Port {port.name} cannot be set to {port.baud} baud; use the rate of the board"
        ) from problem
    shorten_latency(port.name)
    return device


def shorten_latency(name: str, *, system: Path = _SYSTEM) -> bool:
    """Have an FTDI chip pass bytes on after 1 ms instead of 16, where Linux lets us.

    An answer that does not fill a packet of 62 bytes waits so long for more. Returns whether it is
    so now.
    """
    timer = system / Path(name).name / "device" / "latency_timer"
    try:
        if timer.read_text().strip() != "1":
            timer.write_text("1")
    except (OSError, ValueError):
        return False
    return True


def name_a_port() -> str:
    """A message that lists the ports to choose from."""
    names = sorted(port.device for port in list_ports.comports())
    return f"ports here are {', '.join(names)}" if names else "there is no serial port here"


def needed() -> CannotOpenPort:
    """The error for a run on a board without a port."""
    return CannotOpenPort(
        f"Executor board needs the board's serial port, such as {_EXAMPLE}: give --port, "
        f"or port= in Python; {name_a_port()}"
    )


def _refusal(problem: OSError) -> str:
    known = _REFUSALS.get(problem.errno or 0)
    if known is None:
        return f"cannot be opened as a serial port ({problem}); {name_a_port()}"
    return known.format(ports=name_a_port())
