"""The frames that a host and a core exchange, byte by byte over any link.

A request is a header of ``HEADER_BYTES``: opcode, location (3 bytes), count (2 bytes), CRC. After
the header of ``WRITE`` follow ``count`` memory words and their CRC. A reply is a status byte; where
the request asks for data and the status is ``OK``, the data and their CRC follow. Numbers are
little-endian. A byte 0 between frames is skipped. Within a frame the core waits at most
``2 ** TIMEOUT_BITS`` cycles for a byte, then it forgets the frame.

=========  =========================================  ==========================================
opcode     meaning of location and count              data of the reply
=========  =========================================  ==========================================
WRITE      first word; words
READ       first word; words                          the words
RUN        first chunk; layers, 0 for all             none: the status comes when it is done
INFO       none                                       identity, counters, ``FlashStatus``
CHECK      none                                       none: the check of the flash begins anew
=========  =========================================  ==========================================

A location is a pointer as `Isa` has it: a word address, with the bank in the bit above the address.
A core with a flash reads from there, too, as many bytes as the words have, where the pointer's
highest bit is set; the other bits then are the number of a unit of the flash's image. The core runs
nothing from a flash in which it has not found a whole image for a core like itself.
"""

from enum import IntEnum

from amaranth.lib.crc import catalog

HEADER_BYTES = 7
LOCATION_BYTES = 3
COUNT_BYTES = 2
COUNTER_BITS = 26
TIMEOUT_BITS = 22
CRC = catalog.CRC8_SMBUS(data_width=8)  # initial value 0, not reflected

MAGIC = b"accl"
PROTOCOL_VERSION = 3
IDENTITY_BYTES = 16  # magic, protocol version, rows, columns, weight bits, 8 bytes of digest
COUNTERS = ("cycles", "busy", "waiting_weights", "waiting_drain")
COUNTERS_BYTES = COUNTER_BITS * len(COUNTERS) // 8  # one directly after the other
INFO_BYTES = IDENTITY_BYTES + COUNTERS_BYTES + 1


class Opcode(IntEnum):
    """What a request asks for; ``NONE`` stands between frames."""

    NONE = 0
    WRITE = 1
    READ = 2
    RUN = 3
    INFO = 4
    CHECK = 5


class Status(IntEnum):
    """How a reply begins."""

    OK = 0xA5
    BAD_HEADER = 0xE1
    BAD_DATA = 0xE2
    BAD_FLASH = 0xE3


class FlashStatus(IntEnum):
    """What a core has found in its flash."""

    CHECKING = 0
    OK = 1
    NO_CHIP = 2
    WRONG_HEADER = 3
    WRONG_CRC = 4


FLASH_IMAGE_LIMIT = 1 << 23  # bytes: an image has fewer


_CRC_TABLE = bytes(CRC.compute([byte]) for byte in range(256))


def crc(data: bytes) -> int:
    """The CRC of ``data``."""
    value = 0
    for byte in data:
        value = _CRC_TABLE[value ^ byte]
    return value


def header(opcode: Opcode, location: int = 0, count: int = 0) -> bytes:
    """A request's header with its CRC."""
    fields = bytes([opcode]) + location.to_bytes(LOCATION_BYTES, "little")
    fields += count.to_bytes(COUNT_BYTES, "little")
    return fields + bytes([crc(fields)])
