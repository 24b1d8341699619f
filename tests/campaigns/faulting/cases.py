"""A case of a fault, what came of its fault's cases, and the surroundings that they have."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np

from accel.cli import TOOL_EXIT
from accel.host import ports
from accel.host.serial import SerialTransport
from tests.campaigns.faulting.devices import Device, at_port

SECTOR, PAGE = 4096, 256  # that a flash erases, and then writes, at a time
_FT2232 = {"vid": 0x0403, "pid": 0x6010, "product": "iCEBreaker V1.0e"}


@dataclass
class Tally:
    """What came of a fault's cases: how many there were, had their message, were answered rightly
    nevertheless, and were answered wrongly; and what was wrong with those that were not named."""

    moments: int = 0
    named: int = 0
    answered: int = 0
    wrong: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether each case was named, or answered rightly where that may be."""
        return not self.wrong and not self.problems


@dataclass(frozen=True)
class Case:
    """A command, and what must come of it: a message and an exit code, or the right answers where
    ``may_answer``."""

    words: Sequence[object]
    named: str = ""
    code: int = TOOL_EXIT
    may_answer: bool = False
    output: Path | None = None
    expected: np.ndarray | None = None


@contextmanager
def hasty(patience: float) -> Iterator[None]:
    """Has the driver wait so many seconds for an answer."""
    defaults = {**SerialTransport.__init__.__kwdefaults__, "patience": patience}
    with (
        mock.patch.object(SerialTransport.__init__, "__kwdefaults__", defaults),
        mock.patch.object(ports, "PATIENCE", patience),
    ):
        yield


@contextmanager
def plugged_in(*devices: Device) -> Iterator[list[str]]:
    """Has the computer a port for each device, which look like iCEBreakers; gives their names."""
    with ExitStack() as stack:
        names = [stack.enter_context(at_port(device)) for device in devices]
        listed = [
            SimpleNamespace(device=name, location=f"1-{at}:1.1", serial_number=f"ib{at}", **_FT2232)
            for at, name in enumerate(names)
        ]
        stack.enter_context(mock.patch("serial.tools.list_ports.comports", lambda: listed))
        yield names


def written(old: bytes, new: bytes, moment: int) -> bytes:
    """What is in a flash after so many steps of a programmer that erases the sectors, and then
    writes the pages."""
    sectors, pages = -(-len(new) // SECTOR), -(-len(new) // PAGE)
    flash = bytearray(old.ljust(sectors * SECTOR, b"\xff"))
    for step in range(min(moment, sectors)):
        flash[step * SECTOR : (step + 1) * SECTOR] = b"\xff" * SECTOR
    for page in range(min(max(0, moment - sectors), pages)):
        part = new[page * PAGE : (page + 1) * PAGE]
        flash[page * PAGE : page * PAGE + len(part)] = part
    return bytes(flash)
