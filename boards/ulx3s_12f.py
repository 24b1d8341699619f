"""Radiona ULX3S with an LFE5U-12F: 25 MHz, and an FTDI FT231X.

Its FPGA is made of the die of a 25F, which the open tools use whole. The core stays within what
Lattice promises of a 12F. Its pins were checked as `_ulx3s` says.
"""

from accel.boards import _devices
from accel.boards._board import Board
from accel.boards._ulx3s import ULX3S, ulx3s_platform
from accel.core.clocking import ClockPlan

BOARD = Board(
    name="ulx3s_12f",
    title="Radiona ULX3S 12F",
    **_devices.LFE5U_12F.on_board("6BG381", flash_lanes=4),
    platform=ulx3s_platform("12F"),
    clock=ClockPlan(family="ecp5", pin="clk25", input_mhz=25.0, output_mhz=90.0),
    **ULX3S,
)
