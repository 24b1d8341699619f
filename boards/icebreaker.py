"""1BitSquared iCEBreaker, revision 1.0: UP5K, 12 MHz, and an FTDI chip with two channels.

Checked against litex-boards (1bitsquared_icebreaker: clock, serial port, LEDs, flash, PMODs),
and for programmer and USB against amaranth-boards and apio's list of boards. Its SRAM is not loaded
directly: the FTDI chip is at the flash's side unless jumpers on the board are cut and soldered.
"""

from accel.boards import _devices
from accel.boards._board import FT2232H, QUAD, Board, Flash, SpiWires, platform_of
from accel.boards._programmers import iceprog
from accel.core.clocking import ClockPlan
from accel.usb import FTDI_DUAL, UsbChip

BOARD = Board(
    name="icebreaker",
    title="1BitSquared iCEBreaker",
    **_devices.ICE40UP5K.on_board("SG48", flash_lanes=4),
    platform=platform_of("icebreaker", "ICEBreakerPlatform"),
    # Pin 35 is the pad of the only PLL.
    clock=ClockPlan(family="ice40up", pin="clk12", input_mhz=12.0, output_mhz=37.5, pll_pad=True),
    flash=Flash(offset=1 << 20, size=1 << 24, data_lines=QUAD),
    programmers=(iceprog(),),
    usb_chip=UsbChip(ids=FTDI_DUAL, product="iCEBreaker", uart=1),
    led=("led_g", 0),
    link=FT2232H,
    spi=SpiWires(cs="4", copi="2", cipo="47", sck="45"),  # PMOD 1A, upper row, as SPI has it there
)
