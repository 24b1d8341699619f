"""Lattice iCE40UP5K-B-EVN: UP5K and 12 MHz, with jumper J51 closed as it is delivered.

Its USB chip has no serial wires to the FPGA. The link is on header C (J3), on the pins that
litex-boards (lattice_ice40up5k_evn) takes the first of: 12 (J3 pin 2) sends, 21 (J3 pin 4)
receives.

Checked against that file (clock, LEDs, header C, flash, for which jumper J7 must be closed).
Programmer and USB: amaranth-boards, and apio's list of boards.
"""

from accel.boards import _devices
from accel.boards._board import Board, Flash, Wires, adapter, platform_of
from accel.boards._programmers import iceprog
from accel.core.clocking import ClockPlan
from accel.usb import FTDI_DUAL, UsbChip

BOARD = Board(
    name="ice40_up5k_b_evn",
    title="Lattice iCE40UP5K-B-EVN",
    **_devices.ICE40UP5K.on_board("SG48", flash_lanes=2),
    platform=platform_of("ice40_up5k_b_evn", "ICE40UP5KBEVNPlatform", uart=Wires(rx="21", tx="12")),
    clock=ClockPlan(family="ice40up", pin="clk12", input_mhz=12.0, output_mhz=37.5, pll_pad=True),
    flash=Flash(offset=1 << 20, size=1 << 22),
    programmers=(iceprog(before="close jumper J7"),),
    usb_chip=UsbChip(ids=FTDI_DUAL, product="Lattice iCE40UP5K Breakout"),
    led=("led_g", 0),
    link=adapter(rx="J3 pin 4 (21)", tx="J3 pin 2 (12)"),
)
