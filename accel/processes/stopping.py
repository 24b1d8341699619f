"""How a command ends that is told to stop: it cleans up, within seconds in any case.

A signal raises an exception in the main thread, which undoes what is half done. That may take too
long or never happen, as when the main thread is in a library that does not return. So a thread of
its own receives the signal too: if the process is still there after a while, the thread kills the
tools, removes temporary files and ends the process.
"""

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from typing import Any

from accel.processes import children, leftovers

MESSAGE = "stopped; no file was left half-written"
_STDERR = 2
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
_GRACE_S = 2.0
_SHOW_CURSOR = b"\x1b[?25h"
_ENDING = threading.Lock()
_STOPPED: list[int] = []  # the signal that came first


class Stopped(SystemExit):
    """This process was told to end."""


def install(grace_s: float = _GRACE_S) -> None:
    """Let signals that ask for the end raise ``KeyboardInterrupt`` or ``Stopped`` in the main
    thread, and end the process ``grace_s`` later if it is still there; without ``grace_s``, at
    once.

    One that is ignored, as ``nohup`` and a shell's background jobs have it, stays so.
    """
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    numbers = [n for n in numbers if signal.getsignal(n) not in (signal.SIG_IGN, None)]
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    threading.Thread(target=_watch, args=(ours, theirs, {*numbers}, grace_s), daemon=True).start()
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)

    def stop(number: int, frame: Any) -> None:
        # Only the first: a second one would break off what undoes things.
        if _STOPPED or not grace_s:
            return
        _STOPPED.append(number)
        raise KeyboardInterrupt if number == signal.SIGINT else Stopped(128 + number)

    for number in numbers:
        signal.signal(number, stop)


def _watch(ours: socket.socket, theirs: socket.socket, numbers: set[int], grace_s: float) -> None:
    """``theirs`` is only kept: the system writes to it."""
    while True:
        for number in ours.recv(64):
            if number in numbers:
                time.sleep(grace_s)
                end_now(128 + number, quiet=not grace_s)


def end_now(code: int, quiet: bool = False) -> None:
    """End this process from any thread: no tool and no temporary file is left."""
    if not _ENDING.acquire(blocking=False):
        time.sleep(60)  # another thread is at it
    try:
        children.kill_all()
        leftovers.end()
        children.remove_folder()
        if not quiet:
            say_stopped()
    finally:
        os._exit(code)


def finish() -> None:
    """After a command that was stopped, end the process at once.

    What else Python does at its end takes a second where there are many objects.
    """
    if _STOPPED:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        end_now(128 + _STOPPED[0], quiet=True)


def end_with(pipe: Any) -> None:
    """End this process as soon as the other end of a ``multiprocessing`` connection is closed."""

    def wait() -> None:
        with contextlib.suppress(OSError, EOFError):
            pipe.recv_bytes()
        end_now(1, quiet=True)

    threading.Thread(target=wait, daemon=True).start()


def say_stopped() -> None:
    """Say so, if there is still anybody to hear it: a terminal that was closed is not there."""
    with contextlib.suppress(OSError):
        if os.isatty(_STDERR):
            os.write(_STDERR, _SHOW_CURSOR)  # progress bars hide it
        os.write(_STDERR, f"error: {MESSAGE}\n".encode())
