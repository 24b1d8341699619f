"""Radiona ULX3S with an LFE5U-85F: 25 MHz, and an FTDI FT231X.

Its pins were checked as `_ulx3s` says.
"""

from accel.boards import _devices
from accel.boards._board import Board
from accel.boards._ulx3s import ULX3S, ulx3s_platform
from accel.core.clocking import ClockPlan

BOARD = Board(
    name="ulx3s_85f",
    title="Radiona ULX3S 85F",
    **_devices.LFE5U_85F.on_board("6BG381", flash_lanes=4),
    platform=ulx3s_platform("85F"),
    clock=ClockPlan(family="ecp5", pin="clk25", input_mhz=25.0, output_mhz=100.0),
    **ULX3S,
)
