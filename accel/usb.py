"""What a board shows itself by on USB, what is connected now, and who may use it."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Id = tuple[int, int]
"""Vendor and product of a USB device."""

FTDI_DUAL: tuple[Id, ...] = ((0x0403, 0x6010),)
"""FTDI's FT2232: channel A programs, channel B is the serial port."""

_SYSTEM = Path("/sys/bus/usb/devices")
_NODES = Path("/dev/bus/usb")
_RULES = "/etc/udev/rules.d/60-accel-{name}.rules"


@dataclass(frozen=True, kw_only=True)
class UsbChip:
    """The chip by which a computer sees a board: it programs the board, and may be its serial port.

    Attributes
    ----------
    ids : tuple of (int, int)
        Vendor and product, of which boards of one kind may have several.
    product, serial : str or None
        Regular expressions that find what the device calls itself and its serial number, where
        makers let them say more than which chip it is.
    uart : int or None
        The USB interface, counted from 0, that leads to the link's pins of the FPGA; ``None`` where
        none does.
    """

    ids: tuple[Id, ...]
    product: str | None = None
    serial: str | None = None
    uart: int | None = None

    def may_be(self, device: "OnUsb") -> bool:
        """Whether a device may be the chip, by its numbers."""
        return (device.vid, device.pid) in self.ids

    def is_named(self, device: "OnUsb") -> bool:
        """Whether a device says by its name or its serial number that it is the chip."""
        pairs = ((self.product, device.product), (self.serial, device.serial_number))
        return any(wanted and found and re.search(wanted, found) for wanted, found in pairs)

    @property
    def names(self) -> str:
        """The numbers as tools print them."""
        return " or ".join(f"{vid:04x}:{pid:04x}" for vid, pid in self.ids)


class OnUsb(Protocol):
    """Something that a USB device is seen by, such as a serial port."""

    @property
    def vid(self) -> int | None: ...
    @property
    def pid(self) -> int | None: ...
    @property
    def product(self) -> str | None: ...
    @property
    def serial_number(self) -> str | None: ...


@dataclass(frozen=True, kw_only=True)
class UsbDevice:
    """A device that is connected: its numbers and name, its place, and whether we may use it."""

    vid: int
    pid: int
    product: str | None
    serial_number: str | None
    place: str
    usable: bool


def connected(*, system: Path | None = None, nodes: Path | None = None) -> list[UsbDevice] | None:
    """The USB devices that the system knows of; ``None`` where it does not tell, as others than
    Linux do not."""
    try:
        folders = sorted((system or _SYSTEM).iterdir())
    except OSError:
        return None
    found = (_device(folder, nodes or _NODES) for folder in folders)
    return [device for device in found if device]


def _device(folder: Path, nodes: Path) -> UsbDevice | None:
    """The device of a folder; ``None`` for an interface, or if it was pulled just now."""

    def text(name: str) -> str | None:
        try:
            return (folder / name).read_text(errors="replace").strip()
        except OSError:
            return None

    try:
        vid, pid = (int(text(name) or "", 16) for name in ("idVendor", "idProduct"))
        bus, number = (int(text(name) or "") for name in ("busnum", "devnum"))
    except ValueError:
        return None
    return UsbDevice(
        vid=vid,
        pid=pid,
        product=text("product"),
        serial_number=text("serial"),
        place=folder.name,
        usable=os.access(nodes / f"{bus:03}" / f"{number:03}", os.R_OK | os.W_OK),
    )


def udev_rule(ids: Iterable[Id], name: str) -> str:
    """How whoever sits at the computer may use a device on Linux: a file, its content, and what to
    type then."""
    lines = "\n".join(
        f'    SUBSYSTEMS=="usb", ATTRS{{idVendor}}=="{vid:04x}", ATTRS{{idProduct}}=="{pid:04x}", '
        'MODE="0660", TAG+="uaccess"'
        for vid, pid in ids
    )
    return (
        f"write into {_RULES.format(name=name)} as root:\n{lines}\n"
        "then type: sudo udevadm control -R && sudo udevadm trigger\n"
        "and plug the board in again"
    )
