"""The finished results of a sweep, kept line by line, so that an interrupted sweep can go on."""

import contextlib
import json
import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from accel.errors import UserError
from accel.flow.cache.store import key_of

POINTS = "points.jsonl"

_BEGIN = '{"key": '
_MOST_IN_A_LINE = 1000
_LONGEST_LINE = 16 << 20  # bytes; a result has a few thousand


class CannotKeep(UserError):
    """The sweep's folder cannot be written or read."""


class Store:
    """Results by key in a file of the sweep's folder.

    A line is written to the disk at once, with a digest of its content. A last line that was cut
    off, by a full disk or a power failure, is dropped when the file is read again. A damaged line
    before it loses only itself; it stays in the file, and ``odd`` counts such lines. Raises
    ``CannotKeep``.
    """

    def __init__(self, folder: Path):
        self.path = folder / POINTS
        self.results: dict[str, dict[str, Any]] = {}
        self.odd = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(self.path):
                self._read()
        except OSError as problem:
            raise self._failure(problem) from problem

    def _read(self) -> None:
        if not self.path.is_file():
            raise CannotKeep(f"{self.path}: must be a file, not a folder or a pipe; remove it")
        foreign, whole = True, 0
        with self.path.open("rb") as file:
            for line in _lines(file):
                if not line.endswith(b"\n"):
                    break
                whole = file.tell()
                found = dict(_results_in(line))
                self.results |= found
                if not found and line.strip():
                    self.odd += 1
                    foreign = foreign and _is_foreign(line)
        if foreign and self.odd and not self.results:
            raise CannotKeep(
                f"{self.path}: begins no result of a sweep; choose another folder, or remove the "
                "file to begin anew"
            )
        if whole < self.path.stat().st_size:
            os.truncate(self.path, whole)

    def add(self, key: str, result: dict[str, Any]) -> None:
        """Keep a result now; where that fails, what was kept before stays whole."""
        entry = {"key": key, "result": result, "digest": key_of(key, result)}
        line = json.dumps(entry).encode() + b"\n"
        size = None
        try:
            with self.path.open("ab") as file:
                size = file.seek(0, os.SEEK_END)
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as problem:
            if size is not None:
                with contextlib.suppress(OSError):
                    os.truncate(self.path, size)
            raise self._failure(problem) from problem
        self.results[key] = result

    def _failure(self, problem: OSError) -> CannotKeep:
        kept = f"; {len(self.results)} finished points are kept there" if self.results else ""
        return CannotKeep(
            f"{self.path}: cannot be written: {problem.strerror or problem}{kept}. Make room or "
            "choose another folder; the same command goes on from what is kept"
        )


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file; one that is longer than any of ours comes in parts."""
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
            line = b"\n"
        yield line


def _results_in(line: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Keys and results of a line that are as they were written: one, but for odd lines."""
    text = line.decode(errors="replace")
    for begin in islice(re.finditer(re.escape(_BEGIN), text), _MOST_IN_A_LINE):
        with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
            entry, _ = json.JSONDecoder().raw_decode(text, begin.start())
            key, result = entry["key"], entry["result"]
            if isinstance(result, dict) and entry["digest"] == key_of(key, result):
                yield key, result


def _is_foreign(line: bytes) -> bool:
    """Whether a line is whole, readable, and nothing that ours could have become."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return False
    return text.strip().isprintable() and '"result"' not in text
