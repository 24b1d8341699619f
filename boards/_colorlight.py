"""What Colorlight's i5 and i9 have in common, on the extension board that Muse Lab makes for them.

The modules are receiver cards of LED walls: 25 MHz, an FPGA, a flash. The extension board has a
chip that is a CMSIS-DAP probe and a serial port. The flash comes protected against writing.

Checked against litex-boards (colorlight_i5: clock, serial port, LED, flash), the documents and the
platform of those who found the pins (wuxx/Colorlight-FPGA-Projects, i5 7.0 and i9 7.2: clock, LEDs,
flash, and that nothing but the connector is at the pads of data lines 2 and 3), the pads' functions
in Project Trellis, and for programmer and USB openFPGALoader's list of boards. That the serial port
is the chip's USB interface 1 is how DAPLink, which runs on it, has it.
"""

from typing import Any

from amaranth.build import Attrs, Clock, Pins, PinsN, Resource
from amaranth.vendor import LatticePlatform

from accel.boards._board import DUAL, Board, Flash, Link, Wires, flash_resources, uart_resource
from accel.boards._devices import Device
from accel.boards._programmers import open_fpga_loader
from accel.core.clocking import ClockPlan
from accel.usb import UsbChip

_FLASH = flash_resources(DUAL, cs="R2", dq="W2 V2", attributes=Attrs(IO_TYPE="LVCMOS33"))


def _platform(device: Device, led: str) -> LatticePlatform:
    """amaranth-boards 0.0.21 has neither."""

    class ColorlightPlatform(LatticePlatform):
        device = ""
        package = "BG381"
        speed = "6"
        default_clk: Any = "clk25"
        resources: Any = (
            Resource("clk25", 0, Pins("P3", dir="i"), Clock(25e6), Attrs(IO_TYPE="LVCMOS33")),
            Resource("led", 0, PinsN(led, dir="o"), Attrs(IO_TYPE="LVCMOS33")),
            *_FLASH,
        )
        connectors: Any = ()

    ColorlightPlatform.device = device.name
    platform = ColorlightPlatform()
    platform.add_resources([uart_resource(platform, Wires(rx="H18", tx="J17"))])
    return platform


def colorlight(name: str, title: str, device: Device, *, led: str, flash: Flash) -> Board:
    """A module with its FPGA, the pad of its light, and its flash."""
    return Board(
        name=name,
        title=title,
        **device.on_board("6BG381", flash_lanes=2),
        platform=lambda: _platform(device, led),
        clock=ClockPlan(family="ecp5", pin="clk25", input_mhz=25.0, output_mhz=80.0),
        flash=flash,
        programmers=(open_fpga_loader(name.replace("_", "-"), protected=True),),
        usb_chip=UsbChip(ids=((0x0D28, 0x0204),), uart=1),
        # The chip is a small microcontroller.
        link=Link(baud=115_200),
    )
