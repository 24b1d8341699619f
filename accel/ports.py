"""Opens the port of a board, or of one that is simulated within this process."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from accel.advice import how_to_install
from accel.config import AcceleratorConfig
from accel.errors import ToolError
from accel.host.exchange import Transport
from accel.host.port import Port
from accel.sim.rtl.compiled import CompiledCore

SIMULATED = "sim"
"""The name of the port that a core in compiled RTL stands behind."""


@contextmanager
def opened(
    port: Port | None, config: AcceleratorConfig, image: bytes = b"", who: str = "executor board"
) -> Iterator[Transport]:
    """A transport to the core of this configuration behind a port, until the block ends.

    A simulated board has ``image`` in its flash. ``who`` needs the port, for messages. Raises
    ``CannotOpenPort``, and ``ToolError`` where what it takes is not installed.
    """
    if port is not None and port.name == SIMULATED:
        core = CompiledCore(config, image=len(image))
        if image:
            core.burn(image)
        yield core
        return
    # Only who has a board needs the package that this takes.
    try:
        from accel.host.serial import SerialTransport, needed
    except ModuleNotFoundError as problem:
        what = f"{who}: the Python package {problem.name} is missing"
        raise ToolError(f"{what}; install it with: {how_to_install('serial')}") from problem
    if port is None:
        raise needed()
    with closing(SerialTransport(port)) as transport:
        yield transport
