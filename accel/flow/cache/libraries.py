"""Compiled libraries, kept and loaded: what runs is what was compiled, byte for byte.

The bytes whose digest was checked are the ones that are loaded, from memory where the system allows
it, so that nobody can exchange them in between. A cache that is full, damaged or not writable costs
the time to compile.
"""

import contextlib
import ctypes
import os
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from accel.errors import ToolError
from accel.flow.cache import entries
from accel.flow.cache.disk import scratch, temporary_folder
from accel.flow.cache.store import LIMIT_BYTES, make_room

_LOADED: dict[str, ctypes.CDLL] = {}
_LOCK = Lock()


class CannotLoad(ToolError):
    """A compiled library is not whole, or there is no room to compile one."""


@dataclass(frozen=True)
class Library:
    """A library: its key, where it is kept if there was room, and its bytes."""

    path: Path
    key: str
    data: bytes = field(repr=False, compare=False)

    def load(self) -> ctypes.CDLL:
        """The library in this process. Raises ``CannotLoad``."""
        with _LOCK:
            if self.key not in _LOADED:
                try:
                    _check_whole(self.data)
                    _LOADED[self.key] = _load(self.data)
                except (OSError, ValueError, struct.error) as problem:
                    entries.remove(self.path)
                    raise CannotLoad(
                        f"The compiled library cannot be loaded: {problem}; it was removed from "
                        "the cache, and the same command makes another"
                    ) from problem
            return _LOADED[self.key]


def library(folder: Path, key: str, make: Callable[[Path], Path]) -> Library:
    """The library of a key, from ``folder``; if it is not there, ``make`` makes it.

    ``make`` gets a folder to work in and returns the path of the library. Raises ``CannotLoad`` if
    there is no room for that, and what ``make`` raises.
    """
    path = folder / f"{key}.entry"
    data = entries.read(path, key, LIMIT_BYTES)
    if data is None:
        try:
            with scratch(folder) as place:
                data = make(place).read_bytes()
        except OSError as problem:
            raise CannotLoad(
                f"A library cannot be compiled: {problem.strerror or problem}; make room in "
                f"{temporary_folder()}, or name another folder in the variable TMPDIR"
            ) from problem
        entries.write(path, key, data)
        make_room(folder)
    return Library(path, key, data)


def _load(data: bytes) -> ctypes.CDLL:
    if hasattr(os, "memfd_create"):
        # It stays open: the loader knows libraries by their paths, so none may come twice.
        descriptor = os.memfd_create("accel")
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(data)
            return ctypes.CDLL(f"/proc/self/fd/{descriptor}")
        except OSError:  # no such folder, or nothing may be run from memory
            os.close(descriptor)
    folder = tempfile.mkdtemp(prefix="accel-")  # this user's alone
    path = Path(folder, "library.so")
    try:
        path.write_bytes(data)
        return ctypes.CDLL(str(path))
    finally:
        with contextlib.suppress(OSError):  # Windows keeps what is loaded
            path.unlink()
            os.rmdir(folder)


def _check_whole(data: bytes) -> None:
    """A library that was cut off can be mapped, and ends the process where the rest is missing.

    Linkers write an ELF file's table of sections last. Raises ``ValueError`` and ``struct.error``.
    """
    if not data:
        raise ValueError("it is empty")
    if data[:4] != b"\x7fELF":
        return
    wide, order = data[4] == 2, "<" if data[5] == 1 else ">"
    (begin,) = struct.unpack_from(f"{order}{'Q' if wide else 'I'}", data, 0x28 if wide else 0x20)
    size, count = struct.unpack_from(f"{order}HH", data, 0x3A if wide else 0x2E)
    if begin + size * count > len(data):
        raise ValueError(f"it ends after {len(data)} bytes of {begin + size * count}")
