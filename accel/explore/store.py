"""What a sweep has finished, kept line by line, so that an interrupted one goes on where it stopped."""

import json
import os
from pathlib import Path
from typing import Any

from accel.errors import UserError

POINTS = "points.jsonl"


class CannotKeep(UserError):
    """The sweep's folder cannot be written or read."""


class Store:
    """Results by key in a file of the sweep's folder.

    A line is written at once and to the disk. A last line that was cut off, by a full disk or a
    power cut, is dropped when the file is read again. Raises ``CannotKeep``.
    """

    def __init__(self, folder: Path):
        self.path = folder / POINTS
        self.results: dict[str, dict[str, Any]] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                self._read()
        except OSError as problem:
            raise self._failure(problem) from problem

    def _read(self) -> None:
        whole = 0
        data = self.path.read_bytes()
        for line in data.splitlines(keepends=True):
            try:
                entry = json.loads(line)
                key, result = entry["key"], entry["result"]
            except (ValueError, TypeError, KeyError, RecursionError):
                if line.endswith(b"\n"):
                    raise CannotKeep(
                        f"{self.path}: byte {whole} begins no result of a sweep; choose another "
                        "folder, or remove the file to begin anew"
                    ) from None
                break
            if not line.endswith(b"\n") or not isinstance(result, dict):
                break
            self.results[str(key)] = result
            whole += len(line)
        if whole < len(data):
            os.truncate(self.path, whole)

    def add(self, key: str, result: dict[str, Any]) -> None:
        """Keep a result now; where that fails, what was kept before stays whole."""
        line = json.dumps({"key": key, "result": result}).encode() + b"\n"
        size = self.path.stat().st_size if self.path.exists() else 0
        try:
            with self.path.open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as problem:
            if self.path.exists():
                os.truncate(self.path, size)
            raise self._failure(problem) from problem
        self.results[key] = result

    def _failure(self, problem: OSError) -> CannotKeep:
        kept = f"; {len(self.results)} finished points are kept there" if self.results else ""
        return CannotKeep(
            f"{self.path}: cannot be written: {problem.strerror or problem}{kept}. Make room or "
            "choose another folder; the same command goes on from what is kept"
        )
