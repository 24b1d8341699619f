"""The image that a core finds in its flash, and how fast words come from there."""

import zlib
from collections.abc import Sequence

from ...config import FLASH, AcceleratorConfig
from ...identity import IMAGE_HEADER_BYTES, image_header

_CRC_BYTES = 4


def image_of(chunks: Sequence, config: AcceleratorConfig) -> bytes:
    """What a core finds and checks in its flash: header, length, the chunks that are there, CRC-32.

    ``chunks`` have ``bank``, ``address`` and ``data``; those of the bank ``FLASH`` are taken.
    """
    image = bytearray(IMAGE_HEADER_BYTES)
    for chunk in chunks:
        if chunk.bank == FLASH:
            image += bytes(chunk.address - len(image)) + chunk.data
    length = len(image) + _CRC_BYTES
    image[:IMAGE_HEADER_BYTES] = image_header(config) + length.to_bytes(4, "little")
    return bytes(image) + zlib.crc32(image).to_bytes(_CRC_BYTES, "little")


def stream_cycles(words: int, config: AcceleratorConfig) -> int:
    """Cycles in which that many words come from flash."""
    return words * config.rows * 8 // config.flash_lanes * config.flash_divider
