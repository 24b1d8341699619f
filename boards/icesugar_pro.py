"""Muse Lab iCESugar-Pro: LFE5U-25F, 25 MHz, and the iCELink chip, which has a serial port.

Checked against the maker's repository (wuxx/icesugar-pro: clock, LEDs), litex-boards
(muselab_icesugar_pro: serial port, flash, LEDs) and the pads' functions in Project Trellis. The
LEDs light when they are low, as litex-boards has them; amaranth-boards 0.0.21 has them the other
way, and the colours of the pins in another order. Programmer and USB: its maker's icesprog.c
(wuxx/icesugar).
"""

from amaranth.build import Attrs, PinsN, Resource

from accel.boards import _devices
from accel.boards._board import QUAD, Board, Flash, Link, platform_of
from accel.boards._programmers import icesprog
from accel.core.clocking import ClockPlan
from accel.usb import UsbChip

_GREEN = Resource("status_led", 0, PinsN("A11", dir="o"), Attrs(IO_TYPE="LVCMOS33"))

BOARD = Board(
    name="icesugar_pro",
    title="Muse Lab iCESugar-Pro",
    **_devices.LFE5U_25F.on_board("6BG256", flash_lanes=4),
    platform=platform_of("icesugar_pro", "ICESugarProPlatform", more=[_GREEN]),
    clock=ClockPlan(family="ecp5", pin="clk25", input_mhz=25.0, output_mhz=80.0),
    flash=Flash(offset=1 << 22, size=1 << 25, data_lines=QUAD),
    programmers=(icesprog(),),
    usb_chip=UsbChip(ids=((0x1D50, 0x602B),), serial="^0710", uart=1),
    led=("status_led", 0),
    # The iCELink is a small microcontroller.
    link=Link(baud=115_200),
)
