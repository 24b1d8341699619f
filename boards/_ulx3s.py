"""What all ULX3S have in common, whatever their FPGA."""

from accel.boards._board import Flash

FLASH = Flash(
    offset=1 << 22,
    lanes={1: "spi_flash"},
    command="openFPGALoader -b ulx3s -f -o {offset} {file}",
)
