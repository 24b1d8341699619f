"""OrangeCrab r0.2 with an LFE5U-85F: 48 MHz.

The link is on the header's serial pins, as every Feather has them: 0 (N17) receives, 1 (M18) sends. Its
USB port, which the bootloader uses, is not answered.
"""

from accel.boards import _devices
from accel.boards._board import QUAD, Board, Flash, Link, Wires, platform_of
from accel.core.clocking import ClockPlan

BOARD = Board(
    name="orangecrab_r0_2_85f",
    title="OrangeCrab r0.2 85F",
    **_devices.LFE5U_85F.on_board("8MG285"),
    platform=platform_of(
        "orangecrab_r0_2", "OrangeCrabR0_2_85FPlatform", uart=Wires(rx="N17", tx="M18")
    ),
    clock=ClockPlan(family="ecp5", pin="clk", input_mhz=48.0, output_mhz=80.0),
    flash=Flash(offset=1 << 22, lanes=QUAD),
    led=("rgb_led", 0, "g"),
    usb=("usb", 0),
    # For an adapter of the user's.
    link=Link(baud=115_200),
)
