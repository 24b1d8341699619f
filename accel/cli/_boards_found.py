"""Boards that are connected: which USB devices may be which, and the port that leads to one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from accel.cli._output import note
from accel.host import ports

if TYPE_CHECKING:
    from accel.boards import Board


def port_of(board: "Board", given: str | None, baud: int | None = None) -> str:
    """The port that was given, or the one at which the board's core answers.

    Raises ``PortNotFound``.
    """
    from accel.ports import board_port

    if given is not None:
        return given
    found = board_port(board, baud)
    note(f"the core of {board.name} answers at {found.title}")
    return found.name


def boards_found() -> list[dict[str, Any]]:
    """What is on USB that may be a board: ``boards``, ``usb``, ``product``, ``ports`` and whether
    it is ``usable`` by its programmer, ``None`` where the system does not tell."""
    from accel import boards, usb
    from accel.errors import ToolError

    found: dict[tuple[object, ...], dict[str, Any]] = {}
    try:
        here = ports.found_ports()
    except ToolError:  # without pyserial nothing is known of ports
        here = []
    devices: Sequence[usb.UsbDevice | ports.FoundPort] = [*(usb.connected() or []), *here]
    for seen in devices:
        names = [board.name for board in boards.of_device(seen)]
        if names:
            known = (seen.vid, seen.pid, seen.product, seen.serial_number)
            new: dict[str, Any] = {
                "boards": names,
                "usb": f"{seen.vid or 0:04x}:{seen.pid or 0:04x}",
                "product": seen.product,
                "ports": [],
                "usable": None,
            }
            entry = found.setdefault(known, new)
            if isinstance(seen, usb.UsbDevice):
                entry["usable"] = seen.usable or bool(entry["usable"])
            else:
                entry["ports"].append(seen.name)
    return list(found.values())
