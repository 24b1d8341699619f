"""What all OrangeCrabs r0.2 have in common, whatever their FPGA: 48 MHz.

The link is on the header's serial pins, as every Feather has them: 0 (N17) receives, 1 (M18) sends.
Its USB port, which the bootloader uses, is not answered.

Checked against litex-boards (gsd_orangecrab, revision 0.2: clock, LEDs, header, USB, flash) and the
pads' functions in Project Trellis. Programmer and USB: amaranth-boards and the makers' examples
(orangecrab-fpga/orangecrab-examples); the bootloader has no place for a program file.
"""

from accel.boards._board import QUAD, Board, Flash, Wires, adapter, platform_of
from accel.boards._devices import Device
from accel.boards._programmers import dfu_util
from accel.core.clocking import ClockPlan
from accel.usb import UsbChip


def orangecrab(size: str, device: Device) -> Board:
    """The board with an FPGA of a size, such as ``25F``."""
    wires = Wires(rx="N17", tx="M18")
    return Board(
        name=f"orangecrab_r0_2_{size.lower()}",
        title=f"OrangeCrab r0.2 {size}",
        **device.on_board("8MG285", flash_lanes=4),
        platform=platform_of("orangecrab_r0_2", f"OrangeCrabR0_2_{size}Platform", uart=wires),
        clock=ClockPlan(family="ecp5", pin="clk", input_mhz=48.0, output_mhz=100.0),
        flash=Flash(offset=1 << 22, size=1 << 24, bitstream=0x80000, data_lines=QUAD),
        programmers=(
            dfu_util(
                "1209:5af0", before="hold its button while you plug it in: its bootloader runs"
            ),
        ),
        usb_chip=UsbChip(ids=((0x1209, 0x5AF0),), product="OrangeCrab"),
        led=("rgb_led", 0, "g"),
        usb=("usb", 0),
        link=adapter(rx="header pin 0 (RX, N17)", tx="header pin 1 (TX, M18)"),
    )
