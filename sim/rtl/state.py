"""Registers and memories of a compiled design by their names: looked at, or held where they are.

A bit that is held is a fault of a chip: whatever is written there, it keeps its value. So a board
can be simulated that is broken in one place, without another compilation.
"""

import ctypes
import re
from dataclasses import dataclass
from functools import cached_property

from accel.errors import ToolError

_NUMBER = re.compile(r"\$\d+(?=\.|$)")  # that Amaranth gives where two things have one name


class NoSuchState(ToolError):
    """A design has no register or memory of that name, or not that bit of it."""


class _Place(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        *((name, ctypes.c_uint32) for name in ("first", "width", "shift", "bytes")),
        *((name, ctypes.c_uint64) for name in ("offset", "words")),
    )


@dataclass(frozen=True)
class Part:
    """Bits of a register, or of each word of a memory, from ``first`` on.

    They are bits of a member of the state of ``kept`` bytes at ``offset``, from its bit ``shift``
    on. A register has 0 ``words``.
    """

    first: int
    width: int
    shift: int
    kept: int
    offset: int
    words: int


class StateView:
    """The state of one simulated core, ``design`` in ``library``.

    ``parts`` has the parts of each register and each memory by its name in RTL, as in
    ``core.array.sum_0_0``. The numbers that Amaranth adds to some names may be left out where that
    leaves one thing of that name.
    """

    def __init__(self, library: ctypes.CDLL, design: int):
        self._library, self._design = library, design

    @cached_property
    def parts(self) -> dict[str, list[Part]]:
        place = self._library.core_place
        place.argtypes, place.restype = [ctypes.c_size_t], ctypes.POINTER(_Place)
        found: dict[str, list[Part]] = {}
        index = 0
        while (row := place(index).contents).name is not None:
            part = Part(row.first, row.width, row.shift, row.bytes, row.offset, row.words)
            found.setdefault(row.name.decode(), []).append(part)
            index += 1
        return found

    def peek(self, name: str, bit: int = 0, word: int = 0) -> int:
        """A bit as it is now. Raises ``NoSuchState``."""
        at, mask = self._byte(name, bit, word)
        peek = self._library.core_peek
        peek.argtypes, peek.restype = [ctypes.c_void_p, ctypes.c_uint64], ctypes.c_uint8
        return int(bool(peek(self._design, at) & mask))

    def hold(self, name: str, bit: int, value: int, word: int = 0) -> None:
        """Hold a bit at 0 or 1 from now on. Raises ``NoSuchState``."""
        at, mask = self._byte(name, bit, word)
        stick = self._library.core_stick
        stick.argtypes = [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint8, ctypes.c_uint8]
        if not stick(self._design, at, mask, mask * bool(value)):
            raise NoSuchState("As many bits are held as can be; release them first")

    def release(self) -> None:
        """Hold no bit any more."""
        self._library.core_unstick.argtypes = [ctypes.c_void_p]
        self._library.core_unstick(self._design)

    def _byte(self, name: str, bit: int, word: int) -> tuple[int, int]:
        """The byte of the state that has a bit, and the bit in it."""
        for part in self._named(name):
            if part.first <= bit < part.first + part.width and word < max(part.words, 1):
                inner = part.shift + bit - part.first
                return part.offset + word * part.kept + inner // 8, 1 << inner % 8
        raise NoSuchState(f"There is no bit {bit} of word {word} of {name!r} in the design")

    def _named(self, name: str) -> list[Part]:
        if name in self.parts:
            return self.parts[name]
        found = [full for full in self.parts if _NUMBER.sub("", full) == name]
        return self.parts[found[0]] if len(found) == 1 else []
