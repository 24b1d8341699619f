"""Sutajio Kosagi Fomu, production: UP5K in a USB socket, 48 MHz.

The link is on its user pads: pad 1 (E4) receives, pad 2 (D5) sends. Its USB port is not answered.

Checked against litex-boards (kosagi_fomu_pvt: clock, pads, USB, LEDs, flash), which gives the LED's
three pins other colours than amaranth-boards; all of them light when they are low.
"""

from accel.boards import _devices
from accel.boards._board import Board, Flash, Link, Wires, platform_of
from accel.core.clocking import ClockPlan

BOARD = Board(
    name="fomu_pvt",
    title="Sutajio Kosagi Fomu PVT",
    **_devices.ICE40UP5K.on_board("UWG30", flash_lanes=2),
    platform=platform_of("fomu_pvt", "FomuPVTPlatform", uart=Wires(rx="E4", tx="D5")),
    clock=ClockPlan(family="ice40up", pin="clk48", input_mhz=48.0, output_mhz=37.5),
    # After the bitstream that the bootloader starts.
    flash=Flash(offset=1 << 19),
    led=("rgb_led", 0, "g"),
    usb=("usb", 0),
    # The user connects an adapter: a rate that all of them support.
    link=Link(baud=115_200),
)
