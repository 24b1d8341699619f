"""Muse Lab iCESugar-Pro: LFE5U-25F, 25 MHz, and the iCELink chip, which has a serial port."""

from accel.boards import _devices
from accel.boards._board import QUAD, Board, Flash, Link, platform_of
from accel.core.clocking import ClockPlan

BOARD = Board(
    name="icesugar_pro",
    title="Muse Lab iCESugar-Pro",
    **_devices.LFE5U_25F.on_board("6BG256", flash_lanes=4),
    platform=platform_of("icesugar_pro", "ICESugarProPlatform"),
    clock=ClockPlan(family="ecp5", pin="clk25", input_mhz=25.0, output_mhz=80.0),
    flash=Flash(offset=1 << 22, lanes=QUAD, command="icesprog -o {offset} {file}"),
    led=("rgb_led", 0, "g"),
    # The iCELink is a small microcontroller.
    link=Link(baud=115_200),
)
