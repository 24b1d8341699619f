"""Muse Lab iCESugar 1.5: UP5K, 12 MHz, and the iCELink chip, which has a serial port.

Checked against litex-boards (muselab_icesugar: clock, serial port, LEDs, flash).
"""

from accel.boards import _devices
from accel.boards._board import QUAD, Board, Flash, Link, platform_of
from accel.core.clocking import ClockPlan

BOARD = Board(
    name="icesugar",
    title="Muse Lab iCESugar",
    **_devices.ICE40UP5K.on_board("SG48", flash_lanes=4),
    platform=platform_of("icesugar", "ICESugarPlatform"),
    clock=ClockPlan(family="ice40up", pin="clk12", input_mhz=12.0, output_mhz=37.5, pll_pad=True),
    flash=Flash(offset=1 << 20, data_lines=QUAD, command="icesprog -o {offset} {file}"),
    led=("led_g", 0),
    # The iCELink is a small microcontroller.
    link=Link(baud=115_200),
)
