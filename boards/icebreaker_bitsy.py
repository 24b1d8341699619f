"""1BitSquared iCEBreaker Bitsy, revision 1: UP5K, 12 MHz, and a USB port of the FPGA's own.

The link is on the header, on the pins that litex-boards (1bitsquared_icebreaker_bitsy, v1) takes:
P0 (47) receives, P1 (44) sends. Its USB port, which the bootloader uses, is not answered.

Checked against that file (clock, header, USB, LEDs, flash, and the numbers on USB). Programmer:
amaranth-boards, which restarts the board as we do; that the button leads to the bootloader is said
by neither. The bootloader has no place for a program file.
"""

from accel.boards import _devices
from accel.boards._board import Board, Flash, Wires, adapter, platform_of
from accel.boards._programmers import dfu_util
from accel.core.clocking import ClockPlan
from accel.usb import UsbChip

BOARD = Board(
    name="icebreaker_bitsy",
    title="1BitSquared iCEBreaker Bitsy",
    **_devices.ICE40UP5K.on_board("SG48", flash_lanes=2),
    platform=platform_of(
        "icebreaker_bitsy", "ICEBreakerBitsyPlatform", uart=Wires(rx="47", tx="44")
    ),
    # Pin 35 is the pad of the only PLL.
    clock=ClockPlan(family="ice40up", pin="clk12", input_mhz=12.0, output_mhz=37.5, pll_pad=True),
    # Nothing on the board sets the quad-enable bit that four lines need.
    flash=Flash(offset=1 << 20, size=1 << 24),
    programmers=(
        dfu_util(
            "1d50:6146",
            before="hold its button while you plug it in, so that its bootloader runs",
            restart=True,
        ),
    ),
    usb_chip=UsbChip(ids=((0x1D50, 0x6146),)),
    led=("led_g", 0),
    usb=("usb", 0),
    link=adapter(rx="P0 (47)", tx="P1 (44)"),
)
