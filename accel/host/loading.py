"""Loads another program into a core that is there: no synthesis, just bytes over the link."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from accel.compiler.program.executable import CoreExecutable
from accel.config import FLASH

from .driver import Driver
from .exchange import Transport
from .flash import check_flash


@dataclass(frozen=True)
class Loading:
    """What was loaded: ``size`` bytes of chunks; ``sent`` bytes, framing included."""

    size: int
    sent: int
    seconds: float


class _Counted:
    """A transport that counts what is sent."""

    def __init__(self, inner: Transport):
        self.inner = inner
        self.sent = 0
        self.read, self.discard = inner.read, inner.discard
        for name in ("port", "set_baud"):  # of a serial line
            if hasattr(inner, name):
                setattr(self, name, getattr(inner, name))

    def write(self, data: bytes) -> None:
        self.sent += len(data)
        self.inner.write(data)


def load(
    program: CoreExecutable, transport: Transport, progress: Callable[[int], None] | None = None
) -> Loading:
    """Load a program into the core at the other end of ``transport``.

    ``progress`` is called with the number of bytes done. Raises ``WrongCore`` where the core is of
    another build than the program is for, ``LinkError`` where it does not answer, and what
    `check_flash` raises where the core should find a part in its flash and does not.
    """
    start, counted = time.monotonic(), _Counted(transport)
    driver = Driver(counted, program.config)
    driver.connect()
    if program.flash:
        check_flash(driver, program.flash)
    chunks = [chunk for chunk in program.contents if chunk.bank != FLASH]
    size = sum(len(chunk.data) for chunk in chunks)
    done = 0
    for chunk in chunks:
        driver.write(chunk.bank, chunk.address, chunk.data)
        done += len(chunk.data)
        if progress:
            progress(done)
    driver.exchange.settle()
    return Loading(size, counted.sent, time.monotonic() - start)
