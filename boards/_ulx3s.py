"""What all ULX3S have in common, whatever their FPGA."""

from collections.abc import Callable

from amaranth.build import Attrs, Pins, PinsN, Resource, Subsignal
from amaranth.build.plat import TemplatedPlatform

from accel.boards._board import Flash, platform_of

FLASH = Flash(
    offset=1 << 22,
    lanes={1: "spi_flash", 2: "spi_flash_2x", 4: "spi_flash_4x"},
    command="openFPGALoader -b ulx3s -f -o {offset} {file}",
)

# Lanes 0 to 3: what the single-lane resource of amaranth-boards calls copi, cipo, wp and hold. The
# clock's pin is the configuration's own.
_FLASH_PINS = ("W2", "V2", "Y2", "W1")


def ulx3s_platform(size: str) -> Callable[[], TemplatedPlatform]:
    """A function that makes a fresh platform with an FPGA of a size, such as ``25F``, whose flash
    has resources with two and four lanes too."""
    make = platform_of("ulx3s", f"ULX3S_{size}_Platform")

    def make_with_lanes() -> TemplatedPlatform:
        platform = make()
        platform.add_resources(
            [
                Resource(
                    FLASH.lanes[lanes],
                    0,
                    Subsignal("cs", PinsN("R2", dir="o")),
                    Subsignal("dq", Pins(" ".join(_FLASH_PINS[:lanes]), dir="io")),
                    Attrs(PULLMODE="NONE", DRIVE="4", IO_TYPE="LVCMOS33"),
                )
                for lanes in (2, 4)
            ]
        )
        return platform

    return make_with_lanes
