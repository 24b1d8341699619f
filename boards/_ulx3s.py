"""What all ULX3S have in common, whatever their FPGA.

Checked against the constraints of the board's makers (emard/ulx3s, ulx3s_v20.lpf: clock, serial
port, LEDs, flash, wifi_gpio0), amaranth-boards, the pads' functions in Project Trellis, and for
programmers and USB openFPGALoader's list of boards and fujprog's README.
"""

from collections.abc import Callable
from typing import Any

from amaranth.build import Attrs, Pins, Resource
from amaranth.build.plat import TemplatedPlatform

from accel.boards._board import FT231X, OWN_QUAD, Flash, flash_resources, platform_of
from accel.boards._programmers import fujprog, open_fpga_loader
from accel.usb import UsbChip

# The ESP32 on the board waits for a low level here as for a button, and then loads a bitstream of
# its own into the FPGA.
_WIFI_GPIO0 = Resource(
    "wifi_gpio0",
    0,
    Pins("L2", dir="o"),
    Attrs(IO_TYPE="LVCMOS33", PULLMODE="UP", DRIVE="4"),
)

# amaranth-boards has one data line of it only.
_FLASH = flash_resources(
    OWN_QUAD,
    cs="R2",
    dq="W2 V2 Y2 W1",
    attributes=Attrs(PULLMODE="NONE", DRIVE="4", IO_TYPE="LVCMOS33"),
)

ULX3S: dict[str, Any] = {
    "flash": Flash(offset=1 << 22, size=1 << 24, data_lines=OWN_QUAD),
    "programmers": (open_fpga_loader("ulx3s"), fujprog()),
    # Its name may say another size of FPGA than the board has.
    "usb_chip": UsbChip(ids=((0x0403, 0x6015),), product="ULX[23]S", uart=0),
    "link": FT231X,
    "held_high": (("wifi_gpio0", 0),),
}
"""Arguments of ``Board``."""


def ulx3s_platform(size: str) -> Callable[[], TemplatedPlatform]:
    """A function that makes a fresh platform with an FPGA of a size, such as ``25F``."""
    return platform_of("ulx3s", f"ULX3S_{size}_Platform", more=[*_FLASH, _WIFI_GPIO0])
