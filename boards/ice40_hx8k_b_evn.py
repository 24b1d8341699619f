"""Lattice iCE40-HX8K Breakout: HX8K, 12 MHz, and an FTDI chip with two channels.

Checked against the constraints that IceStorm (hx8kboard.pcf: clock, LEDs) and PicoRV32
(hx8kdemo.pcf: clock, flash) have for it, and others' for its serial port. Programmer and USB:
amaranth-boards, iceprog(1) for the jumpers, and apio's list of boards.
"""

from accel.boards import _devices
from accel.boards._board import FT2232H, Board, Flash, platform_of
from accel.boards._programmers import iceprog
from accel.core.clocking import ClockPlan
from accel.usb import FTDI_DUAL, UsbChip

BOARD = Board(
    name="ice40_hx8k_b_evn",
    title="Lattice iCE40-HX8K-B-EVN",
    **_devices.ICE40HX8K.on_board("CT256"),
    platform=platform_of("ice40_hx8k_b_evn", "ICE40HX8KBEVNPlatform"),
    clock=ClockPlan(family="ice40", pin="clk12", input_mhz=12.0, output_mhz=84.0),
    flash=Flash(offset=1 << 20, size=1 << 22),
    programmers=(
        iceprog(
            sram=True,
            before="set jumpers J6 and J7 as the board's manual says for SRAM, or with --flash "
            "for flash",
        ),
    ),
    usb_chip=UsbChip(ids=FTDI_DUAL, product="Lattice FTUSB Interface Cable", uart=1),
    link=FT2232H,
)
