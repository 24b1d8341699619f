"""Products of builds, by the content of everything that they were made from.

An entry is one archive, see `accel.flow.cache.entries`: whole, for its key and from this user, or
not there.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import platformdirs

from accel.flow.cache import archives, entries
from accel.flow.tools import Tool, content_of_tool

LIMIT_BYTES = 1 << 30
"""What a folder of the cache may hold; beyond it the entries not used for longest are removed."""

_ABANDONED_S = 3600.0  # nobody writes at an entry for so long


def cache_root() -> Path:
    """The folder of everything that can be made again; ``ACCEL_CACHE`` overrides the system's
    place."""
    return Path(os.environ.get("ACCEL_CACHE") or platformdirs.user_cache_dir("accel"))


def key_of(*facts: Any) -> str:
    """A hexadecimal digest of facts that JSON can hold."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def content_of(files: Iterable[Path]) -> list[tuple[str, str]]:
    """Name and digest of each file, by name."""
    pairs = [(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files]
    return sorted(pairs)


def identity_of(tool: Tool) -> list[Any]:
    """What tells a tool from another: its name, its version and a digest of its content."""
    return [tool.name, tool.version, content_of_tool(tool)]


@cache
def flow_digest() -> str:
    """A digest of this package's sources, which decide what is made of the tools' output."""
    return key_of(content_of(Path(__file__).parents[1].rglob("*.py")))


def make_room(folder: Path, limit: int = LIMIT_BYTES) -> None:
    """Remove the files of ``folder`` that were not used for longest, until the rest fits ``limit``,
    and half-written files of processes that were killed."""
    found = []
    abandoned = time.time() - _ABANDONED_S
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            with contextlib.suppress(OSError):  # another process may have removed it
                status = path.stat()
                if path.is_file() and path.name.startswith(".") and status.st_mtime < abandoned:
                    path.unlink()
                elif path.is_file():
                    found.append((status.st_mtime_ns, status.st_size, path))
    excess = sum(size for _, size, _ in found) - limit
    for _, size, path in sorted(found):
        if excess <= 0:
            break
        with contextlib.suppress(OSError):
            path.unlink()
            excess -= size


@dataclass(frozen=True, kw_only=True)
class Cache:
    """A folder of archives by key, of at most ``limit`` bytes.

    A cache is only a help: where its folder cannot be written nothing is kept, and no error raised.
    """

    folder: Path
    limit: int = LIMIT_BYTES

    def take(self, key: str, target: Path) -> tuple[Path, ...]:
        """Put the files of an entry into the folder ``target`` and return them; none if there is no
        such entry. Raises ``OSError`` if they cannot be written."""
        packed = entries.read(self._path(key), key, self.limit)
        if packed is None:
            return ()
        try:
            files = archives.unpack(packed)
        except archives.BadArchive:
            self.drop(key)
            return ()
        for name, data in files.items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(data)
        return tuple(target / name for name in files)

    def keep(self, key: str, source: Path, files: Iterable[Path]) -> None:
        """Make an entry of ``files``, which lie in the folder ``source``."""
        with contextlib.suppress(OSError, archives.BadArchive):
            entries.write(self._path(key), key, archives.pack(source, files))
            make_room(self.folder, self.limit)

    def drop(self, key: str) -> None:
        """Remove an entry that is of no use."""
        entries.remove(self._path(key))

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.entry"


def builds_cache() -> Cache:
    """Netlists, finished seeds and whole builds of this user."""
    return Cache(folder=cache_root() / "builds")
