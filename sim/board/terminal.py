"""A simulated core behind a pseudo-terminal, which any program opens as a serial port."""

import contextlib
import os
import select
import threading
from pathlib import Path
from types import TracebackType

from accel.errors import ToolError, UserError

from ..rtl.compiled import CompiledCore

STEP = 4000  # cycles between two looks at the pseudo-terminal
BYTES = 1024  # that it has under way at a time
_QUIET_CYCLES = 1 << 23  # without a byte, after which time passes slowly: nobody waits for it
_QUIET_STEP = 1 << 16
_QUIET_SECONDS = 0.05


class NoPseudoTerminals(ToolError):
    """The system has no pseudo-terminals."""


class CannotLink(UserError):
    """The port's link cannot be made where it is to be."""


class TerminalBoard:
    """A core at the other end of a pseudo-terminal, in a thread of its own until it is unplugged.

    ``port`` is the name of the port. A program may set any rate there, as it does on a port that is
    USB alone. Without a byte for some time the core's time passes more slowly than that of a core
    at work, so that a board that nobody uses leaves the computer to others.

    Raises ``NoPseudoTerminals``.
    """

    def __init__(self, core: CompiledCore):
        if not hasattr(os, "openpty"):
            raise NoPseudoTerminals(
                "This system has no pseudo-terminals; use --port sim, a simulated board within "
                "the command itself"
            )
        import tty

        self.core = core
        self.cycles_quiet = 0
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.port = os.ttyname(self._slave)
        # A thread that is waited for by `join` counts as ended where a signal comes meanwhile.
        self._stopped, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def from_host(self, data: bytes) -> bytes:
        """What the line to the core makes of bytes: nothing, unless it is a bad one."""
        return data

    def from_core(self, data: bytes) -> bytes:
        """The same of the line to the host."""
        return data

    def _run(self) -> None:
        try:
            self._serve()
        finally:
            self._ended.set()

    def _serve(self) -> None:
        sending = answering = b""
        while not self._stopped.is_set():
            quiet = self.cycles_quiet > _QUIET_CYCLES
            wait = _QUIET_SECONDS if quiet and not sending and not answering else 0
            if len(sending) < BYTES and select.select([self.master], [], [], wait)[0]:
                sending += self.from_host(os.read(self.master, BYTES))
                quiet = False
            # Who does not read has the core wait; a real line would lose the bytes.
            wanted = 0 if answering else BYTES
            cycles = _QUIET_STEP if quiet else STEP
            if not sending and not wanted:
                self._stopped.wait(_QUIET_SECONDS)
            taken, come = self.core.advance(sending, wanted, cycles)
            sending = sending[taken:]
            answering += self.from_core(come)
            self.cycles_quiet = 0 if taken or come else self.cycles_quiet + cycles
            if answering:
                with contextlib.suppress(BlockingIOError):
                    answering = answering[os.write(self.master, answering) :]

    def wait(self, seconds: float) -> bool:
        """Wait for so long, or until the board has ended; whether it still runs."""
        return not self._ended.wait(seconds)

    def unplug(self) -> None:
        """Be gone, as a board whose cable is pulled; once or more often."""
        if not self._stopped.is_set():
            self._stopped.set()
            self._ended.wait()
            os.close(self.master)
            os.close(self._slave)

    def __enter__(self) -> "TerminalBoard":  # noqa: PYI034 -- Self came with Python 3.11
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.unplug()


@contextlib.contextmanager
def linked(port: str, link: Path | None):
    """While the block runs ``link`` leads to the port. A link that was there is replaced.

    Raises ``CannotLink``.
    """
    if link is None:
        yield
        return
    if link.exists() and not link.is_symlink():
        raise CannotLink(f"{link}: is there and is no symbolic link; give another --link")
    made = link.with_name(f".{link.name}-{os.getpid()}")
    try:
        made.symlink_to(port)
        made.replace(link)
    except OSError as problem:
        with contextlib.suppress(OSError):
            made.unlink()
        why = problem.strerror or problem
        raise CannotLink(f"{link}: cannot be made: {why}; give another --link") from problem
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if os.readlink(link) == port:
                link.unlink()
