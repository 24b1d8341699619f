"""Counts the fields of a protocol buffer before it is parsed.

A field of two bytes can become an object of a hundred bytes, so a hostile file could take many
times its size in memory. Weights are one field each, whatever their size.
"""

from typing import Any

MAX_FIELDS = 2**20
MAX_DEPTH = 100  # of messages within messages, as the parser has it
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
SIZES = {FIXED64: 8, FIXED32: 4}


def fields(data: bytes, descriptor: Any) -> int:
    """The number of fields of a message and of all messages in it; stops above ``MAX_FIELDS``.

    ``descriptor`` is the message's. Counting stops where bytes are damaged: the parser reports
    them.
    """
    view, count = memoryview(data), 0
    waiting = [(0, len(data), descriptor, 0)]
    messages: dict[Any, dict[int, Any]] = {}
    while waiting:
        at, end, kind, depth = waiting.pop()
        if kind not in messages:
            messages[kind] = {f.number: f.message_type for f in kind.fields if f.message_type}
        within = messages[kind]
        while at < end and count <= MAX_FIELDS:
            tag, at = _varint(view, at, end)
            count += 1
            wire = tag & 7
            if wire == VARINT:
                _, at = _varint(view, at, end)
            elif wire == LENGTH:
                size, at = _varint(view, at, end)
                inner = within.get(tag >> 3)
                if inner is not None and depth < MAX_DEPTH:
                    waiting.append((at, min(at + size, end), inner, depth + 1))
                at += size
            elif wire in SIZES:
                at += SIZES[wire]
            else:
                break
    return count


def _varint(view: memoryview, at: int, end: int) -> tuple[int, int]:
    """A number and where it ends, at most at ``end``."""
    value = shift = 0
    while at < end:
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80 or shift > 63:
            break
        shift += 7
    return value, at
