"""Lattice ECP5 Evaluation Board: LFE5UM5G-85F, 12 MHz, and an FTDI chip with two channels.

Channel B leads to the FPGA only once two resistors have another place, and the chip's memory says
that it is a serial port: litex-boards (ecp5_evn) and amaranth-boards say so.

Checked against that file (clock, serial port, LEDs, flash) and the pads' functions in Project
Trellis. Programmer and USB: openFPGALoader's list of boards.
"""

import dataclasses

from accel.boards import _devices
from accel.boards._board import FT2232H, QUAD, Board, Flash, platform_of
from accel.boards._programmers import open_fpga_loader
from accel.core.clocking import ClockPlan
from accel.usb import FTDI_DUAL, UsbChip

BOARD = Board(
    name="ecp5_5g_evn",
    title="Lattice ECP5 Evaluation Board",
    **_devices.DEVICES["LFE5UM5G-85F"].on_board("8BG381", flash_lanes=4),
    platform=platform_of("ecp5_5g_evn", "ECP55GEVNPlatform"),
    clock=ClockPlan(family="ecp5", pin="clk12", input_mhz=12.0, output_mhz=100.0),
    flash=Flash(offset=1 << 22, size=1 << 24, data_lines=QUAD),
    programmers=(open_fpga_loader("ecp5_evn"),),
    usb_chip=UsbChip(ids=FTDI_DUAL, product="Lattice ECP5 Evaluation Board", uart=1),
    link=dataclasses.replace(
        FT2232H,
        by_hand="resistors R22 and R23 to R34 and R35; FTDI's channel B to a COM port, by FT_PROG",
    ),
)
