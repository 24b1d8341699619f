"""Sutajio Kosagi Fomu, hacker edition: UP5K in a USB socket, 48 MHz.

The link is on its touch pads: 0 (F4) receives, 1 (E5) sends. Its USB port is not answered.

Checked against litex-boards (kosagi_fomu_hacker: clock, pads, USB, LEDs, flash). Programmer and
USB: amaranth-boards, Fomu's workshop.
"""

from accel.boards import _devices
from accel.boards._board import Board, Flash, Wires, adapter, platform_of
from accel.boards._programmers import dfu_util
from accel.core.clocking import ClockPlan
from accel.usb import UsbChip

BOARD = Board(
    name="fomu_hacker",
    title="Sutajio Kosagi Fomu Hacker",
    **_devices.ICE40UP5K.on_board("UWG30", flash_lanes=2),
    platform=platform_of("fomu_hacker", "FomuHackerPlatform", uart=Wires(rx="F4", tx="E5")),
    clock=ClockPlan(family="ice40up", pin="clk48", input_mhz=48.0, output_mhz=37.5),
    # After the bitstream that the bootloader starts.
    flash=Flash(offset=1 << 19, bitstream=0x40000),
    programmers=(
        dfu_util(
            "1209:5bf0",
            before="plug the board in anew, so that its bootloader runs",
            after="after power-up its bootloader runs first; dfu-util -e starts the core",
        ),
    ),
    usb_chip=UsbChip(ids=((0x1209, 0x5BF0),), product="Fomu Hacker"),
    led=("rgb_led", 0, "g"),
    usb=("usb", 0),
    link=adapter(rx="touch pad 0 (F4)", tx="touch pad 1 (E5)"),
)
