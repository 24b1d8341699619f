"""Tells an ONNX file by its first bytes.

The format has no identifier: a file is the protocol buffer ``ModelProto``. Its fields come in
order, so that it begins with the version of the format.
"""

VARINT, LENGTH = 0, 2
WIRE_TYPES = {
    1: VARINT,
    2: LENGTH,
    3: LENGTH,
    4: LENGTH,
    5: VARINT,
    6: LENGTH,
    7: LENGTH,
    8: LENGTH,
}
MAX_VERSION = 64


def recognizes(header: bytes) -> bool:
    """Whether the bytes begin with one or more fields of ``ModelProto``, the version first."""
    at, fields = 0, 0
    while at < len(header):
        number, kind = header[at] >> 3, header[at] & 7
        if WIRE_TYPES.get(number) != kind:
            return fields > 1
        value, at = _varint(header, at + 1)
        if fields == 0 and (number != 1 or not 1 <= value <= MAX_VERSION):
            return False
        fields += 1
        at += value if kind == LENGTH else 0
    return fields > 0


def _varint(header: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while at < len(header):
        value |= (header[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if header[at - 1] < 0x80:
            break
    return value, at
