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
from accel.boards._records import recorded
from accel.discovery import discover
from accel.errors import UserError

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


__all__ = [
    "BOARDS",
    "SPI",
    "Board",
    "PlatformOptions",
    "SpiWires",
    "UnknownBoard",
    "UnusablePlatform",
    "from_platform",
    "get",
    "names_platform",
    "recorded",
    "spi_resource",
]
