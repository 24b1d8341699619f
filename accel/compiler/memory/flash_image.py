"""The image that a core reads from its flash, and how fast words come from there."""

import zlib
from collections.abc import Sequence
from typing import Protocol

from ...config import FLASH, AcceleratorConfig
from ...identity import IMAGE_HEADER_BYTES, image_header

_CRC_BYTES = 4


class _Chunk(Protocol):
    """What is loaded to an address of a bank; see `program.Chunk`."""

    @property
    def bank(self) -> int: ...

    @property
    def address(self) -> int: ...

    @property
    def data(self) -> bytes: ...


def image_of(chunks: Sequence[_Chunk], config: AcceleratorConfig) -> bytes:
    """What a core reads from its flash, and checks: header, length, chunks, CRC-32.

    Of ``chunks`` those of the bank ``FLASH`` are taken, in the order of their addresses.
    """
    image = bytearray(IMAGE_HEADER_BYTES)
    for chunk in chunks:
        if chunk.bank == FLASH:
            image += bytes(chunk.address - len(image)) + chunk.data
    length = len(image) + _CRC_BYTES
    image[:IMAGE_HEADER_BYTES] = image_header(config) + length.to_bytes(4, "little")
    return bytes(image) + zlib.crc32(image).to_bytes(_CRC_BYTES, "little")


def stream_cycles(words: int, config: AcceleratorConfig) -> int:
    """Cycles that so many words take to be read from flash, without the time until the first."""
    return words * config.rows * 8 // config.flash_lanes * config.flash_divider
