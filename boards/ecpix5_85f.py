"""LambdaConcept ECPIX-5 with an LFE5UM5G-85F: 100 MHz, and an FTDI chip with two channels."""

from accel.boards import _devices
from accel.boards._board import QUAD, Board, Flash, platform_of
from accel.core.clocking import ClockPlan

BOARD = Board(
    name="ecpix5_85f",
    title="LambdaConcept ECPIX-5 85F",
    **_devices.DEVICES["LFE5UM5G-85F"].on_board("8BG554", flash_lanes=4),
    platform=platform_of("ecpix5", "ECPIX585Platform"),
    clock=ClockPlan(family="ecp5", pin="clk100", input_mhz=100.0, output_mhz=100.0),
    flash=Flash(
        offset=1 << 22, lanes=QUAD, command="openFPGALoader -b ecpix5 -f -o {offset} {file}"
    ),
    led=("rgb_led", 0, "g"),
)
