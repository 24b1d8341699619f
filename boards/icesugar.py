"""Muse Lab iCESugar 1.5: UP5K, 12 MHz, and the iCELink chip, which has a serial port.

Checked against litex-boards (muselab_icesugar: clock, serial port, LEDs, flash),
and for programmer and USB against its maker's icesprog.c (wuxx/icesugar).
"""

from accel.boards import _devices
from accel.boards._board import QUAD, Board, Flash, Link, platform_of
from accel.boards._programmers import icesprog
from accel.core.clocking import ClockPlan
from accel.usb import UsbChip

BOARD = Board(
    name="icesugar",
    title="Muse Lab iCESugar",
    **_devices.ICE40UP5K.on_board("SG48", flash_lanes=4),
    platform=platform_of("icesugar", "ICESugarPlatform"),
    clock=ClockPlan(family="ice40up", pin="clk12", input_mhz=12.0, output_mhz=37.5, pll_pad=True),
    flash=Flash(offset=1 << 20, size=1 << 23, data_lines=QUAD),
    programmers=(icesprog(),),
    usb_chip=UsbChip(ids=((0x1D50, 0x602B),), serial="^0700", uart=1),
    led=("led_g", 0),
    # The iCELink is a small microcontroller.
    link=Link(baud=115_200),
)
