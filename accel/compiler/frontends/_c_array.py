"""Models as C arrays: sources and headers that define bytes, such as ``xxd -i`` writes them.

The text is read as data and in time linear in its length: nothing is compiled or run.
"""

import re
from collections.abc import Iterator

_COMMENTS = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*(?:.*?\*/|.*)', re.DOTALL)
_HEAD = re.compile(r"(\w+) ?\[ ?(\w*) ?\][^;{}=\[\]]*= ?$")
_BYTE = re.compile(r"\b(?:char|u?int8_t|byte|BYTE|u8|__u8)\b")
_HEAD_LENGTH = 400  # characters before a brace in which its array is declared
_MAX_ARRAYS = 4096
_SNIFFED = 2**16


def is_text(data: bytes) -> bool:
    """Whether bytes begin as a text of a programming language does."""
    start = data[:_SNIFFED]
    return b"{" in data and b"\0" not in start and start.lstrip()[:1].isascii()


def byte_arrays(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield name and contents of each array of bytes that a C source or header defines.

    Arrays with other elements than integers of a byte, such as strings, are left out.
    """
    text = data.decode("utf-8", "replace")
    text = _COMMENTS.sub(lambda found: found[0] if found[0][0] == '"' else " ", text)
    text = re.sub(r"\s+", " ", text)
    end = 0
    for _ in range(_MAX_ARRAYS):
        begin = text.find("{", end)
        end = text.find("}", begin)
        if begin < 0 or end < 0:
            return
        begin = text.rfind("{", begin, end)  # the innermost
        before = text[max(0, begin - _HEAD_LENGTH) : begin]
        head = _HEAD.search(before)
        if head is None or not _BYTE.search(before[: head.start()].rpartition(";")[2]):
            continue
        values = _values(text[begin + 1 : end])
        if values is not None:
            yield head[1], values


def _values(body: str) -> bytes | None:
    """The bytes of an array's elements; None where one of them is none."""
    words = body.split(",")
    if not words[-1].strip():
        words.pop()
    try:
        numbers = [_integer(word) for word in words]
        return bytes(number & 255 if number < 0 else number for number in numbers)
    except ValueError:
        return None


def _integer(word: str) -> int:
    """An integer of C in -128..255. Raises ``ValueError``."""
    word = word.strip().rstrip("uUlL")
    sign, digits = (-1, word[1:]) if word[:1] == "-" else (1, word)
    if len(digits) > 10 or not digits.isalnum() or not digits.isascii():
        raise ValueError(word)
    octal = len(digits) > 1 and digits[0] == "0" and digits[1] not in "xXbB"
    number = sign * int(digits, 8 if octal else 0)
    if not -128 <= number <= 255:
        raise ValueError(word)
    return number
