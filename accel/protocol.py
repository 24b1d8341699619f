"""The bytes that a host and a core exchange over any link: protocol 4.

The page [core/host_link/README.md](core/host_link/README.md) says what they mean and in which order
they come; its tables are made from what stands here.
"""

import zlib
from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

MAGIC = b"accl"
PROTOCOL_VERSION = 4
IDENTITY_BYTES = 16  # magic, protocol version, rows, columns, weight bits, 8 bytes of digest

COUNTER_BITS = 26
COUNTERS = ("cycles", "busy", "waiting_weights", "waiting_drain")
COUNTERS_BYTES = COUNTER_BITS * len(COUNTERS) // 8  # one directly after the other
STATE_BYTES = 1  # see `State`
RESULT_BYTES = COUNTERS_BYTES + STATE_BYTES  # before the words of a result
INFO_BYTES = IDENTITY_BYTES + RESULT_BYTES

COUNT_BITS = 11
HEADER: Mapping[str, int] = MappingProxyType(
    {"opcode": 8, "number": 8, "count": COUNT_BITS, "lanes_less_one": 5, "location": 24}
)
"""Fields of a header in their order from the lowest bit on, and their bits."""
EXTENSION: Mapping[str, int] = MappingProxyType(
    {"location": 24, "count": COUNT_BITS, "lanes_less_one": 5, "limit": 8}
)
"""Fields of the payload of ``READ`` and ``RUN``."""
CRC_BYTES = 4
FIELD_BYTES = sum(HEADER.values()) // 8
HEADER_BYTES = FIELD_BYTES + CRC_BYTES
EXTENSION_BYTES = sum(EXTENSION.values()) // 8
PAYLOAD_BYTES = 1024  # of a ``WRITE``, at most
FRAME_BYTES = HEADER_BYTES + PAYLOAD_BYTES + CRC_BYTES  # so many zeros end any frame
ACKNOWLEDGEMENT_BYTES = 2 + CRC_BYTES

NUMBERS = 256  # numbers of frames, one after another, modulo this
LEAST_LIMIT_BITS = 12  # a run's limit is 2 to the power of this and its ``limit`` more
NO_LIMIT = 15  # a run may take as long as it does
LIMIT_BITS = 4  # of the byte that has the limit; above it are the layers that leave cycles free
ALL_LAYERS = 15  # all layers of a run leave cycles free; less: so many of them do
BAND_BITS = 3  # of the counter of bands that no layer has counted out
FREE_BITS = 3  # of the counter of places that are free and have not been written
TIMEOUT_BITS = 22  # a frame is forgotten after 2 to the power of this many cycles without a byte
SILENCE_BITS = 16  # after a spoilt frame the core is deaf until so long nothing has come
SHORTEST_BIT = 3  # cycles of the core's clock that a bit on a serial line takes at least
EIGHTHS = 8  # of a cycle, in which ``RATE`` has a bit's length
LEAST_EIGHTHS = 16  # which it leaves out


class Opcode(IntEnum):
    """What a frame asks for; ``NONE`` stands between frames."""

    NONE = 0
    WRITE = 1
    RUN = 2
    READ = 3
    INFO = 4
    HELLO = 5
    CHECK = 6
    ABORT = 7
    RATE = 8


OPCODE_BITS = 4  # below them in its byte; above it are flags
WHEN_FREE = 1 << OPCODE_BITS
"""Flag of ``WRITE``: only where nothing runs, or a place is free, which is counted out."""
BAND = 2 << OPCODE_BITS
"""Flag of ``WRITE``: with its words a band is whole, and counted in."""
SHARED_BANKS = 1 << OPCODE_BITS
"""Flags of ``RUN``, one for each bank from this bit on: layers that read it leave cycles free, as
many of the run's as the byte of the limit says."""


class Status(IntEnum):
    """How an answer begins: one with data with its opcode, or an acknowledgement."""

    RESULT = 0x82
    DATA = 0x83
    INFO = 0x84
    OK = 0xE0
    SPOILT = 0xE1
    UNKNOWN = 0xE2
    EARLY = 0xE3


ACKNOWLEDGEMENTS = (Status.OK, Status.SPOILT, Status.UNKNOWN, Status.EARLY)


class Outcome(IntEnum):
    """How a run ended."""

    DONE = 0
    LAYERS = 1
    CYCLES = 2
    ABORTED = 3
    BAD_FLASH = 4


class FlashStatus(IntEnum):
    """What a core has found in its flash."""

    CHECKING = 0
    OK = 1
    NO_CHIP = 2
    WRONG_HEADER = 3
    WRONG_CRC = 4


OUTCOME_SHIFT = 4  # of the outcome in the byte that tells a core's state, above the flash's status
FLASH_IMAGE_LIMIT = 1 << 23  # bytes: an image has fewer


def crc(data: bytes) -> bytes:
    """The CRC of ``data``: zlib's CRC-32, the lowest byte first."""
    return zlib.crc32(data).to_bytes(CRC_BYTES, "little")


def closed(data: bytes) -> bytes:
    """``data`` and their CRC."""
    return data + crc(data)


def fields_of(layout: Mapping[str, int], values: Mapping[str, int]) -> bytes:
    """The bytes of fields, the lowest first; fields that are not given are 0.

    Raises ``OverflowError`` for a value that its field does not hold.
    """
    total = start = 0
    for name, bits in layout.items():
        value = values.get(name, 0)
        if not 0 <= value < 1 << bits:
            raise OverflowError(f"Field {name} must be 0 to {(1 << bits) - 1}, not {value!r}")
        total |= value << start
        start += bits
    return total.to_bytes(start // 8, "little")


def values_of(layout: Mapping[str, int], data: bytes) -> dict[str, int]:
    """The values of fields from their bytes."""
    values, left = {}, int.from_bytes(data[: sum(layout.values()) // 8], "little")
    for name, bits in layout.items():
        values[name] = left & (1 << bits) - 1
        left >>= bits
    return values


def header(opcode: int, number: int = 0, **values: int) -> bytes:
    """A header with its CRC; ``values`` are further fields of it, the opcode may have flags."""
    return closed(fields_of(HEADER, {"opcode": opcode, "number": number, **values}))


def extension(**values: int) -> bytes:
    """The payload of ``READ`` and ``RUN``, with its CRC."""
    return closed(fields_of(EXTENSION, values))
