"""Ports by name and by what is connected: where each name is opened, and a core is asked for."""

import contextlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from accel.advice import how_to_install
from accel.errors import ToolError, UserError
from accel.protocol import MAGIC
from accel.usb import UsbChip

from .exchange import Exchange, LinkError, NoCore
from .port import Port

if TYPE_CHECKING:
    from .serial import SerialTransport

GIVE_IT = "give --port, or port= in Python"
PATIENCE = 0.5  # seconds that a port which is tried out has for an answer to begin


class PortNotFound(UserError):
    """It cannot be told which port a board is at."""


@dataclass(frozen=True, kw_only=True)
class FoundPort:
    """A serial port that is there, and the USB device that it is a part of, if it is of one.

    ``interface`` is the device's interface, counted from 0, where the system tells it.
    """

    name: str
    vid: int | None = None
    pid: int | None = None
    product: str | None = None
    serial_number: str | None = None
    interface: int | None = None

    @property
    def title(self) -> str:
        """The name, and what is known of the device."""
        known = [text for text in (self.product, self.serial_number) if text]
        return f"{self.name} ({', '.join(known)})" if known else self.name

    def leads_to(self, chip: UsbChip) -> bool:
        """Whether it may be the link of a board with this chip, or another port of the same."""
        return chip.uart is not None and self.interface in (None, chip.uart)


def open_port(
    port: Port | None, who: str = "the link to a board", **times: float
) -> "SerialTransport":
    """A transport over the port of that name, which may be an URL of pyserial's; ``times`` are
    `SerialTransport`'s. ``who`` needs the port, for messages.

    Raises ``CannotOpenPort``, also for ``None``, and ``ToolError`` where pyserial is missing.
    """
    try:  # only who has a board needs that package
        from .serial import SerialTransport, needed
    except ModuleNotFoundError as problem:
        raise _missing(problem, who) from problem
    if port is None:
        raise needed()
    return SerialTransport(port, **times)


def found_ports() -> list[FoundPort]:
    """The serial ports of this computer, by name. Raises ``ToolError`` where pyserial is
    missing."""
    try:
        from serial.tools import list_ports
    except ModuleNotFoundError as problem:
        raise _missing(problem) from problem
    ports = sorted(list_ports.comports(), key=lambda port: port.device)
    return [
        FoundPort(
            name=port.device,
            vid=port.vid,
            pid=port.pid,
            product=port.product,
            serial_number=port.serial_number,
            interface=_interface(port.location),
        )
        for port in ports
    ]


def ask(port: Port) -> str | None:
    """Ask a core at a port what it is: ``None`` if there is one, otherwise why there seems to be
    none."""
    try:
        with contextlib.closing(open_port(port, patience=PATIENCE)) as transport:
            found = Exchange(transport).begin()
    except NoCore as problem:
        return problem.what
    except LinkError as problem:
        return str(problem).removeprefix(f"Port {port.name} ")
    except UserError as problem:
        return str(problem).removeprefix(f"Port {port.name} ")
    return None if found[: len(MAGIC)] == MAGIC else "what answers is no core"


def find_port(board: str, candidates: Iterable[FoundPort], settings: Port) -> FoundPort:
    """The only one of a board's possible ports at which a core answers; ``settings`` has its rate.

    Raises ``PortNotFound``, which lists them.
    """
    tried: Mapping[FoundPort, str | None] = {
        port: ask(replace(settings, name=port.name)) for port in candidates
    }
    answering = [port for port, problem in tried.items() if problem is None]
    if len(answering) == 1:
        return answering[0]
    if answering:
        titles = "".join(f"\n    {port.title}" for port in answering)
        raise PortNotFound(
            f"{board}: cores answer at several ports; choose one of them, with --port or port= in "
            f"Python:{titles}"
        )
    listed = "".join(f"\n    {port.title}: {problem}" for port, problem in tried.items())
    raise PortNotFound(
        f"{board}: no core answers at the ports that may be its; load its bitstream with `accel "
        f"program BUILD`, or {GIVE_IT}:{listed}"
    )


def _interface(location: str | None) -> int | None:
    """The interface of a place such as ``1-2.3:1.1``: configuration 1, interface 1."""
    found = re.search(r":\w+\.(\d+)$", location or "")
    return int(found[1]) if found else None


def _missing(problem: ModuleNotFoundError, who: str = "the link to a board") -> ToolError:
    return ToolError(
        f"{who}: the Python package {problem.name} is missing; install it with: "
        f"{how_to_install('serial')}"
    )
