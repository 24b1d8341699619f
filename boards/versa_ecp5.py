"""Lattice ECP5 Versa: LFE5UM-45F, 100 MHz, and an FTDI chip with two channels."""

from accel.boards import _devices
from accel.boards._board import QUAD, Board, Flash, platform_of
from accel.core.clocking import ClockPlan

BOARD = Board(
    name="versa_ecp5",
    title="Lattice ECP5 Versa",
    **_devices.DEVICES["LFE5UM-45F"].on_board("8BG381"),
    platform=platform_of("versa_ecp5", "VersaECP5Platform"),
    clock=ClockPlan(family="ecp5", pin="clk100", input_mhz=100.0, output_mhz=100.0),
    flash=Flash(offset=1 << 22, lanes=QUAD),
)
