"""Radiona ULX3S with an LFE5U-25F: 25 MHz, and an FTDI FT231X."""

from accel.boards import _devices
from accel.boards._board import Board, platform_of
from accel.boards._ulx3s import FLASH
from accel.core.clocking import ClockPlan

BOARD = Board(
    name="ulx3s_25f",
    title="Radiona ULX3S 25F",
    **_devices.LFE5U_25F.on_board("6BG381"),
    platform=platform_of("ulx3s", "ULX3S_25F_Platform"),
    clock=ClockPlan(family="ecp5", pin="clk25", input_mhz=25.0, output_mhz=80.0),
    flash=FLASH,
)
