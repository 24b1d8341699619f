"""Radiona ULX3S with an LFE5U-45F: 25 MHz, and an FTDI FT231X.

Its pins were checked as `_ulx3s` says.
"""

from accel.boards import _devices
from accel.boards._board import Board
from accel.boards._ulx3s import ULX3S, ulx3s_platform
from accel.core.clocking import ClockPlan

BOARD = Board(
    name="ulx3s_45f",
    title="Radiona ULX3S 45F",
    **_devices.LFE5U_45F.on_board("6BG381", flash_lanes=4),
    platform=ulx3s_platform("45F"),
    clock=ClockPlan(family="ecp5", pin="clk25", input_mhz=25.0, output_mhz=80.0),
    **ULX3S,
)
