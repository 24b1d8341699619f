"""TinyFPGA BX: LP8K, 16 MHz.

The link is on the header, on the pins that litex-boards (tinyfpga_bx) takes: 1 (A2) sends, 2 (A1)
receives. Its USB port, which the bootloader uses, is not answered.

Checked against that file (clock, header, USB, LED, flash), and for programmer and USB against
tinyprog's source: early boards have the second number.
"""

from accel.boards import _devices
from accel.boards._board import QUAD, Board, Flash, Wires, adapter, platform_of
from accel.boards._programmers import tinyprog
from accel.core.clocking import ClockPlan
from accel.usb import UsbChip

BOARD = Board(
    name="tinyfpga_bx",
    title="TinyFPGA BX",
    **_devices.ICE40LP8K.on_board("CM81"),
    platform=platform_of("tinyfpga_bx", "TinyFPGABXPlatform", uart=Wires(rx="A1", tx="A2")),
    clock=ClockPlan(family="ice40", pin="clk16", input_mhz=16.0, output_mhz=48.0),
    # The bootloader's area for user data.
    flash=Flash(offset=0x50000, size=1 << 20, bitstream=0x28000, data_lines=QUAD),
    programmers=(tinyprog(),),
    usb_chip=UsbChip(ids=((0x1D50, 0x6130), (0x1209, 0x2100)), product="TinyFPGA"),
    usb=("usb", 0),
    link=adapter(rx="header pin 2 (A1)", tx="header pin 1 (A2)"),
)
