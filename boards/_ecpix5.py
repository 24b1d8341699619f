"""What both ECPIX-5 have in common: 100 MHz, and an FTDI chip with two channels.

Checked against litex-boards (ecpix5: clock, serial port, LEDs), the pads' functions in Project
Trellis (flash), and openFPGALoader's lists of boards and cables (programmer, USB). amaranth-boards
0.0.21 has data lines 0 and 1 of the flash the wrong way round.
"""

from amaranth.build import Attrs

from accel.boards import _devices
from accel.boards._board import (
    FT2232H,
    OWN_QUAD,
    Board,
    Flash,
    flash_resources,
    platform_of,
)
from accel.boards._programmers import open_fpga_loader
from accel.core.clocking import ClockPlan
from accel.usb import FTDI_DUAL, UsbChip

_FLASH = flash_resources(
    OWN_QUAD, cs="AA2", dq="AE2 AD2 AF2 AE1", attributes=Attrs(IO_TYPE="LVCMOS33")
)


def ecpix5(size: str) -> Board:
    """The board with an FPGA of a size, such as ``85F``."""
    return Board(
        name=f"ecpix5_{size.lower()}",
        title=f"LambdaConcept ECPIX-5 {size}",
        **_devices.DEVICES[f"LFE5UM5G-{size}"].on_board("8BG554", flash_lanes=4),
        platform=platform_of("ecpix5", f"ECPIX5{size[:-1]}Platform", more=_FLASH),
        clock=ClockPlan(family="ecp5", pin="clk100", input_mhz=100.0, output_mhz=100.0),
        flash=Flash(offset=1 << 22, data_lines=OWN_QUAD),
        programmers=(open_fpga_loader("ecpix5"),),
        usb_chip=UsbChip(ids=FTDI_DUAL, uart=1),
        led=("rgb_led", 0, "g"),
        link=FT2232H,
    )
