"""Programs in SPI flash: reading, checking, streaming and copying into memory."""
