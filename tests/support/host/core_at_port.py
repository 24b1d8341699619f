"""A core in Python at a port: a pseudo-terminal, or a socket's address as pyserial's URL."""

import os
import select
import socket
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from accel.config import AcceleratorConfig
from tests.support.host.fake_core import FakeCore

BYTES = 4096


def _serve(
    core: FakeCore | None,
    stop: threading.Event,
    source: object,
    receive: Callable[[], bytes],
    send: Callable[[bytes], object],
) -> None:
    """Pass bytes on to a core, or to nobody, and back, until there are none or ``stop`` is set."""
    with suppress(OSError):
        while not stop.is_set():
            if select.select([source], [], [], 0.02)[0]:
                data = receive()
                if not data:
                    return
                if core is not None:
                    core.write(data)
                    send(core.read(len(core._answer)))


@contextmanager
def at_terminal(config: AcceleratorConfig | None) -> Iterator[str]:
    """The name of a pseudo-terminal with a core at its other end, or with nobody for ``None``."""
    master, slave = os.openpty()
    tty.setraw(slave)
    stop = threading.Event()
    core = FakeCore(config) if config else None
    thread = threading.Thread(
        target=_serve,
        args=(core, stop, master, lambda: os.read(master, BYTES), lambda d: os.write(master, d)),
    )
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        stop.set()
        thread.join()
        os.close(master)
        os.close(slave)


@contextmanager
def at_socket(config: AcceleratorConfig) -> Iterator[str]:
    """The URL of a socket with a core at its other end, for one connection after the other."""
    stop, core = threading.Event(), FakeCore(config)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)

        def accept() -> None:
            while not stop.is_set():
                with suppress(TimeoutError):
                    connection, _ = server.accept()
                    with connection:
                        receive = partial(connection.recv, BYTES)
                        _serve(core, stop, connection, receive, connection.sendall)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"socket://127.0.0.1:{server.getsockname()[1]}"
        finally:
            stop.set()
            thread.join()
