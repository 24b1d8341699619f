"""Lattice ECP5 Versa: LFE5UM-45F, 100 MHz, and an FTDI chip with two channels.

Checked against litex-boards (lattice_versa_ecp5: clock, serial port, LEDs, flash) and the pads'
functions in Project Trellis. amaranth-boards 0.0.21 has data lines 0 and 1 of the flash the wrong
way round. Programmer and USB: amaranth-boards, whose configuration of openocd it is; that loads the
FPGA and does not write its flash.
"""

from amaranth.build import Attrs

from accel.boards import _devices
from accel.boards._board import FT2232H, OWN_QUAD, Board, Flash, flash_resources, platform_of
from accel.boards._programmers import openocd
from accel.core.clocking import ClockPlan
from accel.usb import FTDI_DUAL, UsbChip

_FLASH = flash_resources(OWN_QUAD, cs="R2", dq="W2 V2 Y2 W1", attributes=Attrs(IO_TYPE="LVCMOS33"))

BOARD = Board(
    name="versa_ecp5",
    title="Lattice ECP5 Versa",
    **_devices.DEVICES["LFE5UM-45F"].on_board("8BG381", flash_lanes=4),
    platform=platform_of("versa_ecp5", "VersaECP5Platform", more=_FLASH),
    clock=ClockPlan(family="ecp5", pin="clk100", input_mhz=100.0, output_mhz=100.0),
    flash=Flash(offset=1 << 22, data_lines=OWN_QUAD),
    programmers=(openocd(),),
    usb_chip=UsbChip(ids=FTDI_DUAL, product="(?i)ECP5.*VERSA", uart=1),
    link=FT2232H,
)
