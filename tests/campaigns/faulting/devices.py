"""What stands at a pseudo-terminal instead of a board that works: other devices, and boards that
are unplugged, go dark or start anew after so many bytes."""

import os
import random
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np

from tests.support.host.fake_core import FakeCore

BYTES = 4096
_LOOK = 0.01  # seconds between two looks at whether the device is to end
_QUIET = 2  # looks without a byte after which a core is no longer deaf


class Device:
    """Something that says nothing, whatever comes."""

    said = ""  # what a message must say of it

    def answer(self, data: bytes) -> bytes:
        """What it says to bytes that come, or unasked to none."""
        return b""


class Silence(Device):
    """An adapter without a board, or a board without a bitstream."""

    said = "Core did not answer"


class Echo(Device):
    """Joined wires, or a program that repeats what it hears."""

    said = "what is sent comes back"

    def answer(self, data: bytes) -> bytes:
        return data


class Modem(Device):
    """A modem, which repeats what it hears and does not know it."""

    said = "something that says"

    def answer(self, data: bytes) -> bytes:
        return b"\r\nERROR\r\n" if data.strip(b"\0") else b""


class Console(Device):
    """A microcontroller that tells its temperature, whoever listens."""

    said = "something that says '[a-z ]*2"

    def answer(self, data: bytes) -> bytes:
        return b"temperature 21.5 degrees\r\n"


class Noise(Device):
    """A line at another rate, or an open one."""

    said = "something that says|^Core .*, 4 times; check"

    def __init__(self) -> None:
        self.random = random.Random("noise")

    def answer(self, data: bytes) -> bytes:
        return self.random.randbytes(self.random.choice((1, 3, 40)))


class Board(Device):
    """A core in Python. After ``moment`` bytes both ways, if ever, ``event`` happens.

    ``unplugged``: the port is gone. ``dark``: the board has no power, its adapter has. ``reset``:
    the board was without power for an instant, and what was in its memory is lost.
    """

    def __init__(self, core: FakeCore, event: str = "", moment: int | None = None):
        self.core, self.event, self.moment = core, event, moment
        self.passed = self.quiet = 0
        self.happened = ""

    def answer(self, data: bytes) -> bytes:
        self.quiet = 0 if data else self.quiet + 1
        if self.quiet == _QUIET:
            self.core.discard()
        if self.happened in ("unplugged", "dark"):
            return b""
        self.core.write(self._until_moment(data))
        said = self.core.read(self.core.unread)
        return self._until_moment(said)

    def _until_moment(self, data: bytes) -> bytes:
        """The part of bytes that passes before the event, which happens after it."""
        left = len(data) if self.moment is None or self.happened else self.moment - self.passed
        part = data[:left]
        self.passed += len(part)
        if len(part) < len(data) or (self.passed == self.moment and not self.happened):
            self.happened = self.event
            if self.event == "reset":
                flash, self.core = self.core.flash, FakeCore(self.core.config)
                self.core.flash = flash
                noise = random.Random(self.moment).randbytes(self.core.memory.size)
                self.core.memory.ravel()[:] = np.frombuffer(noise, np.uint8)
        return part


@contextmanager
def at_port(device: Device) -> Iterator[str]:
    """The name of a port with the device behind it, which goes away with it."""
    import tty  # not every system that tests devices has terminals

    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    stop, name = threading.Event(), os.ttyname(slave)

    def serve() -> None:
        said = b""
        with suppress(OSError):
            while not stop.is_set() and getattr(device, "happened", "") != "unplugged":
                if said:  # nobody may be listening
                    if select.select([], [master], [], _LOOK)[1]:
                        said = said[os.write(master, said) :]
                    continue
                heard = select.select([master], [], [], _LOOK)[0]
                said = device.answer(os.read(master, BYTES) if heard else b"")
        os.close(master)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield name
    finally:
        stop.set()
        thread.join()
        os.close(slave)
