"""Whether a core's flash holds the program that is to run, and if not, what it holds."""

import time
from typing import Protocol

from accel.config import AcceleratorConfig
from accel.errors import UserError
from accel.identity import IMAGE_HEADER_BYTES, IMAGE_MAGIC, IMAGE_VERSION
from accel.protocol import FlashStatus

CHECK_SECONDS = 60.0
_REMEDY = (
    "write the program there, with `accel program DIR --board BOARD --flash` where DIR has the "
    "program.bin of `accel compile`, and try again"
)
_QUAD = (
    " (or its quad-enable bit is not set: set it, with `iceprog -Q` or `openFPGALoader -b BOARD "
    "--enable-quad`, or use a core with --set flash_lanes=2)"
)
_CRC_BYTES = 4


class FlashRefused(UserError):
    """The core's flash does not hold the program that is to run."""

    def __init__(self, found: str) -> None:
        super().__init__(f"Core's flash {found}; {_REMEDY}")


class FlashDriver(Protocol):
    """What this module needs of a `Driver`."""

    config: AcceleratorConfig

    def check_flash(self) -> None: ...
    def flash_status(self) -> FlashStatus: ...
    def read_flash(self, address: int, count: int) -> bytes: ...


def check_flash(driver: FlashDriver, image: bytes) -> None:
    """Have the core check its flash, and compare what is there with the program's image.

    Raises ``FlashRefused`` with what is there instead.
    """
    driver.check_flash()
    status, patience = driver.flash_status(), time.monotonic() + CHECK_SECONDS
    while status == FlashStatus.CHECKING:
        if time.monotonic() > patience:
            raise FlashRefused(f"was not checked within {CHECK_SECONDS:g} s")
        status = driver.flash_status()
    if status == FlashStatus.NO_CHIP:
        raise FlashRefused("does not answer: there is no chip, or one of another kind")
    found = driver.read_flash(0, IMAGE_HEADER_BYTES)
    if status == FlashStatus.WRONG_HEADER:
        raise FlashRefused(_instead(found) + (_QUAD if driver.config.flash_lanes == 4 else ""))
    if status == FlashStatus.WRONG_CRC:
        raise FlashRefused("holds a program that is damaged or cut off: its CRC is wrong")
    end = len(image) - _CRC_BYTES
    if found != image[: len(found)] or driver.read_flash(end, _CRC_BYTES) != image[end:]:
        raise FlashRefused("holds another program, or another version of this one")


def _instead(found: bytes) -> str:
    """What a header is that the core refuses."""
    version = int.from_bytes(found[len(IMAGE_MAGIC) :][:4], "little")
    if not found.strip(b"\xff"):
        return "is erased"
    if found[: len(IMAGE_MAGIC)] != IMAGE_MAGIC:
        return f"holds no program, but bytes {found[: len(IMAGE_MAGIC)].hex(' ')}"
    if version != IMAGE_VERSION:
        return f"holds a program of format version {version}, not {IMAGE_VERSION}"
    return "holds a program for another core"
