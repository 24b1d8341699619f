"""Radiona ULX3S with an LFE5U-12F: 25 MHz, and an FTDI FT231X.

Its FPGA is made of the die of a 25F, which the open tools use whole. The core stays within what
Lattice promises of a 12F.
"""

from accel.boards import _devices
from accel.boards._board import Board
from accel.boards._ulx3s import FLASH, ulx3s_platform
from accel.core.clocking import ClockPlan

BOARD = Board(
    name="ulx3s_12f",
    title="Radiona ULX3S 12F",
    **_devices.LFE5U_12F.on_board("6BG381"),
    platform=ulx3s_platform("12F"),
    clock=ClockPlan(family="ecp5", pin="clk25", input_mhz=25.0, output_mhz=90.0),
    flash=FLASH,
)
