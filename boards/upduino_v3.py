"""tinyVision UPduino 3: UP5K, and 12 MHz once the jumper OSC is closed.

The serial wires of its USB chip are those of the flash (14 and 15), so the link is on the header
instead: 23 receives, 25 sends. The UltraPlus's own oscillator is too inaccurate for a link.

Checked against Icestudio's constraints, which are the maker's (upduino3/pinout.pcf: clock, LEDs,
header, flash). Programmer and USB: amaranth-boards, and apio's list of boards.
"""

from accel.boards import _devices
from accel.boards._board import Board, Flash, Wires, adapter, platform_of
from accel.boards._programmers import iceprog
from accel.core.clocking import ClockPlan
from accel.usb import UsbChip

BOARD = Board(
    name="upduino_v3",
    title="tinyVision UPduino 3",
    **_devices.ICE40UP5K.on_board("SG48", flash_lanes=2),
    platform=platform_of("upduino_v3", "UpduinoV3Platform", uart=Wires(rx="23", tx="25")),
    clock=ClockPlan(family="ice40up", pin="clk12", input_mhz=12.0, output_mhz=37.5),
    # Another data line of it is the clock.
    flash=Flash(offset=1 << 20, size=1 << 22),
    programmers=(iceprog(),),
    usb_chip=UsbChip(ids=((0x0403, 0x6014),), product="UPduino"),
    led=("rgb_led", 0, "g"),
    link=adapter(rx="header pin 23", tx="header pin 25", also="solder jumper OSC shut"),
)
