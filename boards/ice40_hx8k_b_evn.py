"""Lattice iCE40-HX8K Breakout: HX8K, 12 MHz, and an FTDI chip with two channels.

Checked against the constraints that IceStorm (hx8kboard.pcf: clock, LEDs) and PicoRV32
(hx8kdemo.pcf: clock, flash) have for it, and others' for its serial port.
"""

from accel.boards import _devices
from accel.boards._board import FT2232H, Board, iceprog_flash, platform_of
from accel.core.clocking import ClockPlan

BOARD = Board(
    name="ice40_hx8k_b_evn",
    title="Lattice iCE40-HX8K-B-EVN",
    **_devices.ICE40HX8K.on_board("CT256"),
    platform=platform_of("ice40_hx8k_b_evn", "ICE40HX8KBEVNPlatform"),
    clock=ClockPlan(family="ice40", pin="clk12", input_mhz=12.0, output_mhz=84.0),
    flash=iceprog_flash(offset=1 << 20),
    link=FT2232H,
)
