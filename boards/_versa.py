"""What both Lattice ECP5 Versa have in common: 100 MHz, and an FTDI chip with two channels.

Checked against litex-boards (lattice_versa_ecp5: clock, serial port, LEDs, flash) and the pads'
functions in Project Trellis. amaranth-boards 0.0.21 has data lines 0 and 1 of the flash the wrong
way round. Programmer and USB: amaranth-boards, whose configuration of openocd it is, for either
FPGA; that loads the FPGA and does not write its flash.
"""

from amaranth.build import Attrs

from accel.boards import _devices
from accel.boards._board import FT2232H, OWN_QUAD, Board, Flash, flash_resources, platform_of
from accel.boards._programmers import openocd
from accel.core.clocking import ClockPlan
from accel.usb import FTDI_DUAL, UsbChip

_FLASH = flash_resources(OWN_QUAD, cs="R2", dq="W2 V2 Y2 W1", attributes=Attrs(IO_TYPE="LVCMOS33"))


def versa(name: str, title: str, *, device: str, module: str, platform: str) -> Board:
    """The board with one of its two FPGAs, by its module and platform in amaranth-boards."""
    return Board(
        name=name,
        title=title,
        **_devices.DEVICES[device].on_board("8BG381", flash_lanes=4),
        platform=platform_of(module, platform, more=_FLASH),
        clock=ClockPlan(family="ecp5", pin="clk100", input_mhz=100.0, output_mhz=100.0),
        flash=Flash(offset=1 << 22, size=1 << 24, data_lines=OWN_QUAD),
        programmers=(openocd(),),
        # Its name on USB is the same with either FPGA.
        usb_chip=UsbChip(ids=FTDI_DUAL, product="(?i)ECP5.*VERSA", uart=1),
        link=FT2232H,
    )
