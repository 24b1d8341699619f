"""Icepi Zero 1.3: LFE5U-25F, 50 MHz, and an FTDI chip with a serial port.

Checked against litex-boards (icepi_zero: clock, serial port, LEDs, USB, flash, programmer) and the
pads' functions in Project Trellis; USB: openFPGALoader's list of boards. Its two other USB ports
are the FPGA's own, and are not answered.
"""

from accel.boards import _devices
from accel.boards._board import FT231X, QUAD, Board, Flash, platform_of
from accel.boards._programmers import open_fpga_loader
from accel.core.clocking import ClockPlan
from accel.usb import UsbChip

BOARD = Board(
    name="icepi_zero",
    title="Icepi Zero 1.3",
    **_devices.LFE5U_25F.on_board("6BG256", flash_lanes=4),
    platform=platform_of("icepi_zero", "IcepiZero1_3Platform"),
    clock=ClockPlan(family="ecp5", pin="clk50", input_mhz=50.0, output_mhz=80.0),
    flash=Flash(offset=1 << 20, data_lines=QUAD),
    programmers=(open_fpga_loader("icepi-zero"),),
    usb_chip=UsbChip(ids=((0x0403, 0x6015),), uart=0),
    usb=("usb", 0),
    link=FT231X,
)
