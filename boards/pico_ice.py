"""tinyVision pico-ice: UP5K beside an RP2040, which gives it 12 MHz and is its way to USB.

With the firmware that it comes with, the RP2040 passes its second serial port on to the FPGA's pins
27 (receives) and 25 (sends), at 115,200 baud. Or it is the host itself, over SPI: GPIO 6 is the
clock (20), GPIO 7 sends (18), GPIO 4 receives (26), GPIO 5 selects (23), which is its SPI 0.

Checked against the maker's files (tinyvision-ai-inc): pico-ice-sdk's pico_ice.pcf, pico_ice.h (the
RP2040's pins) and amaranth/pico_ice.py (LEDs, flash), and pico-ice's Firmware/pico-ice-default
(clock, serial ports, USB interfaces, names of DFU's settings). The chip select of the RAM that
shares the flash's wires (37) is left alone. DFU's setting is given by name, since its number has
changed between firmwares; that which loads the FPGA until power is off is not used, because some
firmwares start the RP2040 anew after it, and with it the FPGA.
"""

from typing import Any

from amaranth.build import Attrs, Clock, Pins, PinsN, Resource, Subsignal
from amaranth.vendor import SiliconBluePlatform

from accel.boards import _devices
from accel.boards._board import Board, Flash, Link, SpiWires, Wires, uart_resource
from accel.boards._programmers import dfu_util
from accel.core.clocking import ClockPlan
from accel.usb import UsbChip

_LVCMOS = Attrs(IO_STANDARD="SB_LVCMOS")
_SELECT = Subsignal("cs", PinsN("16", dir="o"))
_CLOCK = Subsignal("clk", Pins("15", dir="o"))


class PicoIcePlatform(SiliconBluePlatform):
    """amaranth-boards 0.0.21 has none."""

    device = "iCE40UP5K"
    package = "SG48"
    default_clk: Any = "clk12"
    resources: Any = (
        Resource("clk12", 0, Pins("35", dir="i"), Clock(12e6), Attrs(GLOBAL=True), _LVCMOS),
        Resource("led_g", 0, PinsN("39", dir="o"), _LVCMOS),
        Resource(
            "spi_flash_1x",
            0,
            _SELECT,
            _CLOCK,
            Subsignal("copi", Pins("14", dir="o")),
            Subsignal("cipo", Pins("17", dir="i")),
            _LVCMOS,
        ),
        Resource(
            "spi_flash_2x",
            0,
            _SELECT,
            _CLOCK,
            Subsignal("dq", Pins("14 17", dir="io")),
            _LVCMOS,
        ),
    )
    connectors: Any = ()


def _platform() -> PicoIcePlatform:
    platform = PicoIcePlatform()
    platform.add_resources([uart_resource(platform, Wires(rx="27", tx="25"))])
    return platform


BOARD = Board(
    name="pico_ice",
    title="tinyVision pico-ice",
    **_devices.ICE40UP5K.on_board("SG48", flash_lanes=2),
    platform=_platform,
    # Pin 35 is the pad of the only PLL.
    clock=ClockPlan(family="ice40up", pin="clk12", input_mhz=12.0, output_mhz=37.5, pll_pad=True),
    # Nothing on the board sets the quad-enable bit that four lines need.
    flash=Flash(offset=1 << 20, size=1 << 22),
    programmers=(
        dfu_util(
            "1209:b1c0",
            alternate="iCE40 DFU (Flash)",
            before="its RP2040 must run the firmware that it comes with",
            restart=True,
        ),
    ),
    # Of the second serial port; the first one is the firmware's own.
    usb_chip=UsbChip(ids=((0x1209, 0xB1C0),), uart=2),
    led=("led_g", 0),
    link=Link(baud=115_200),
    spi=SpiWires(sck="20", copi="18", cipo="26", cs="23"),
)
