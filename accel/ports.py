"""Finds the port of a board and opens it, or that of one that is simulated within this process."""

from collections.abc import Iterator
from contextlib import contextmanager

from accel.boards import Board, of_device
from accel.config import AcceleratorConfig
from accel.host.exchange import Transport
from accel.host.port import Port
from accel.host.ports import GIVE_IT, FoundPort, PortNotFound, find_port, found_ports, open_port

SIMULATED = "sim"
"""The name of the port that a core in compiled RTL stands behind."""


def board_port(board: Board, baud: int | None = None) -> FoundPort:
    """The only port on a USB device of that board's at which a core answers, at the board's rate or
    at ``baud``.

    Raises ``PortNotFound``, which lists the ports that there are.
    """
    here = found_ports()
    listed = ", ".join(port.title for port in here)
    listed = f"ports here are {listed}" if here else "there is no serial port here"
    chip = board.usb_chip
    if chip is None or chip.uart is None:
        why = (
            "it is not known what it is on USB"
            if chip is None
            else f"its link is on pins, to {board.link.by_hand}"
        )
        raise PortNotFound(
            f"{board.name}: {why}, so its port cannot be looked for; {GIVE_IT}; {listed}"
        )
    alike = [port for port in here if board in of_device(port) and port.leads_to(chip)]
    if not alike:
        raise PortNotFound(
            f"{board.name}: no serial port is on a USB device {chip.names}; plug the board in, or "
            f"{GIVE_IT}; {listed}"
        )
    settings = Port("", baud or board.link.baud, board.clock.made_mhz)
    return find_port(board.name, alike, settings)


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
