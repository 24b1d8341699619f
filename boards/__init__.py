"""Boards, one file each: the file name is the board name."""

import difflib
import sys
from collections.abc import Mapping

from accel.boards._board import SPI, Board, SpiWires, spi_resource
from accel.boards._platforms import (
    PlatformOptions,
    UnusablePlatform,
    from_platform,
    names_platform,
)
from accel.boards._programmers import Programmer, ProgrammerTool
from accel.boards._records import recorded
from accel.discovery import discover
from accel.errors import UserError
from accel.usb import OnUsb

BOARDS: Mapping[str, Board] = discover(sys.modules[__name__], "BOARD")


class UnknownBoard(UserError):
    """There is no board of that name."""


def get(name: str) -> Board:
    """Return the board called ``name``. Raises ``UnknownBoard``, which names those that there
    are."""
    if name in BOARDS:
        return BOARDS[name]
    close = difflib.get_close_matches(name.lower().replace("-", "_"), BOARDS, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise UnknownBoard(f"Board must be one of {', '.join(BOARDS)}, not {name!r}{hint}")


def of_device(device: OnUsb) -> list[Board]:
    """The boards that a USB device may be: several where they share a chip and none is named."""
    alike = [b for b in BOARDS.values() if b.usb_chip and b.usb_chip.may_be(device)]
    named = [b for b in alike if b.usb_chip and b.usb_chip.is_named(device)]
    return named or alike


__all__ = [
    "BOARDS",
    "SPI",
    "Board",
    "PlatformOptions",
    "Programmer",
    "ProgrammerTool",
    "SpiWires",
    "UnknownBoard",
    "UnusablePlatform",
    "from_platform",
    "get",
    "names_platform",
    "of_device",
    "recorded",
    "spi_resource",
]
