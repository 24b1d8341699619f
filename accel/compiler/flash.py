"""Which chunks are streamed from flash where memory has no room for all, and the image they form."""

import zlib
from collections.abc import Sequence

from ..config import FLASH, AcceleratorConfig
from ..identity import IMAGE_HEADER_BYTES, image_header
from .command import Command, positions

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


def by_loss(
    commands: Sequence[Command], chunk_words: Sequence[int], config: AcceleratorConfig
) -> list[int]:
    """Indices of all chunks, those first whose words in memory save the most cycles each.

    A layer in flash begins when its first group has come, and lasts as long as all of them take to
    come or as its work does, whatever is longer.
    """

    def loss(index: int) -> float:
        command, words = commands[index], chunk_words[index]
        tiles = -(-positions(command.fields) // config.rows)
        work = command.groups * tiles * max(command.steps, config.drain_cycles)
        stream = stream_cycles(words, config)
        return max(stream - work, stream / command.groups) / words

    return sorted(range(len(commands)), key=loss, reverse=True)
