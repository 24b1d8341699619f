"""Exits with 0 if a Dask scheduler answers; a script: ``_dask_probe.py ADDRESS SECONDS``."""

import os
import socket
import sys
import threading
from urllib.parse import urlsplit

try:
    import resource
except ImportError:  # a system without such limits
    resource = None  # type: ignore[assignment]  # a module that may be missing

_BYTES = 4 << 30  # of memory; what answers may be anything and claim to send any amount
_PORT = 8786  # Dask's own, where none is given
_SOCKETS = ("tcp", "tls", "ws", "wss")


def main() -> None:
    sys.path.pop(0)  # the folder of this file, whose modules are of no use to Dask
    address, seconds = sys.argv[1], float(sys.argv[2])
    answered = False
    try:
        # To import Dask takes longer than to see that nobody is there.
        clock = _clock(seconds)
        _connect(address)
        clock.cancel()
        answered = _ask(address, seconds)
    except Exception as problem:  # noqa: BLE001 -- of whatever kind: it is no scheduler
        print(f"{type(problem).__name__}: {problem}")
    os._exit(0 if answered else 1)


def _clock(seconds: float) -> threading.Timer:
    """A timer that ends the process: calls that look names up cannot be interrupted."""
    clock = threading.Timer(seconds, os._exit, (1,))
    clock.daemon = True
    clock.start()
    return clock


def _connect(address: str) -> None:
    """Connect once. Raises ``OSError`` or ``ValueError`` if the address is none, or nobody
    listens."""
    parts = urlsplit(address if "://" in address else f"tcp://{address}")
    if parts.scheme in _SOCKETS:
        if not parts.hostname:
            raise ValueError("no host")
        socket.create_connection((parts.hostname, parts.port or _PORT)).close()


def _ask(address: str, seconds: float) -> bool:
    import asyncio

    from distributed.core import connect

    async def ask() -> bool:
        comm = await connect(address, timeout=seconds)
        await comm.write({"op": "identity", "reply": True})
        return (await comm.read())["type"] == "Scheduler"

    if resource is not None:
        most = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (_BYTES, most))
    _clock(seconds)
    return asyncio.run(asyncio.wait_for(ask(), seconds))


if __name__ == "__main__":
    main()
