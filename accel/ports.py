"""Opens the port of a board, or of one that is simulated within this process."""

from collections.abc import Iterator
from contextlib import contextmanager

from accel.config import AcceleratorConfig
from accel.host.exchange import Transport
from accel.host.port import Port
from accel.host.ports import open_port

SIMULATED = "sim"
"""The name of the port that a core in compiled RTL stands behind."""


def transport_to(
    port: Port | None, config: AcceleratorConfig, image: bytes = b"", who: str = "executor board"
) -> Transport:
    """A transport to the core of this configuration behind a port.

    A simulated board has ``image`` in its flash. ``who`` needs the port, for messages. Raises
    ``CannotOpenPort``, and ``ToolError`` where what it takes is not installed.
    """
    if port is None or port.name != SIMULATED:
        return open_port(port, who=who)
    from accel.sim.rtl.compiled import CompiledCore

    core = CompiledCore(config, image=len(image))
    if image:
        core.burn(image)
    return core


@contextmanager
def opened(
    port: Port | None, config: AcceleratorConfig, image: bytes = b"", who: str = "executor board"
) -> Iterator[Transport]:
    """`transport_to` a port, until the block ends."""
    transport = transport_to(port, config, image, who)
    try:
        yield transport
    finally:
        if hasattr(transport, "close"):
            transport.close()
