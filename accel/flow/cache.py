"""What was made before, by the content of all that it was made from.

An entry is one archive behind its digest, written under another name and moved into place, so that
it is whole or not there. The digest is looked at whenever it is taken, and a damaged one is removed.
"""

import contextlib
import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import platformdirs

from accel.flow.tools import Tool

LIMIT_BYTES = 1 << 30
"""What a folder of the cache may hold; beyond it the entries not used for longest are removed."""

_DIGEST = hashlib.sha256
_DIGEST_BYTES = 32


def cache_root() -> Path:
    """Where all that can be made anew is kept; ``ACCEL_CACHE`` overrides the system's place."""
    return Path(os.environ.get("ACCEL_CACHE") or platformdirs.user_cache_dir("accel"))


def key_of(*facts: Any) -> str:
    """A hexadecimal digest of facts that JSON can hold."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def content_of(files: Iterable[Path]) -> list[tuple[str, str]]:
    """Name and digest of each file, by name."""
    pairs = [(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files]
    return sorted(pairs)


def identity_of(tool: Tool) -> list[Any]:
    """What tells a tool from another; one that does not say its version is known by its file."""
    facts = [tool.name, tool.version]
    if tool.version in ("native", "unknown"):
        status = os.stat(tool.executable)
        facts += [tool.executable, status.st_size, status.st_mtime_ns]
    return facts


@cache
def flow_digest() -> str:
    """Of the sources of this package, which decide what is made of the tools' answers."""
    return key_of(content_of(Path(__file__).parent.glob("*.py")))


def make_room(folder: Path, limit: int = LIMIT_BYTES) -> None:
    """Remove the files of ``folder`` that were not used for longest, until the rest fits."""
    found = []
    for path in folder.iterdir():
        with contextlib.suppress(OSError):  # another process may have removed it
            status = path.stat()
            if path.is_file():
                found.append((status.st_mtime_ns, status.st_size, path))
    excess = sum(size for _, size, _ in found) - limit
    for _, size, path in sorted(found):
        if excess <= 0:
            break
        with contextlib.suppress(OSError):
            path.unlink()
            excess -= size


def made_once(path: Path, make: Callable[[Path], Path]) -> Path:
    """The file ``path`` of the cache; if it is missing ``make`` makes it in a folder of its own and
    says where, and it is moved into place whole."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            os.replace(make(Path(folder)), path)
        make_room(path.parent)
    return path


@dataclass(frozen=True, kw_only=True)
class Cache:
    """A folder of archives by key, of at most ``limit`` bytes.

    A cache is only a help: where its folder cannot be written nothing is kept, and no error raised.
    """

    folder: Path
    limit: int = LIMIT_BYTES

    def take(self, key: str, target: Path) -> bool:
        """Put the files of an entry into the folder ``target``; return whether there was one."""
        path = self._path(key)
        try:
            entry = path.read_bytes()
        except OSError:
            return False
        digest, packed = entry[:_DIGEST_BYTES], entry[_DIGEST_BYTES:]
        if _DIGEST(packed).digest() != digest:
            with contextlib.suppress(OSError):
                path.unlink()
            return False
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        for name, data in files.items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(data)
        with contextlib.suppress(OSError):
            os.utime(path)
        return True

    def keep(self, key: str, source: Path, files: Iterable[Path]) -> None:
        """Make an entry of ``files``, which lie in the folder ``source``."""
        packed = io.BytesIO()
        with contextlib.suppress(OSError):
            with zipfile.ZipFile(
                packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False
            ) as archive:
                for path in files:
                    archive.write(path, path.relative_to(source).as_posix())
            self._write(self._path(key), packed.getvalue())
            make_room(self.folder, self.limit)

    def _write(self, path: Path, packed: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self.folder, prefix=".")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(_DIGEST(packed).digest() + packed)
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.entry"


def builds_cache() -> Cache:
    """Netlists, finished seeds and whole builds of this user."""
    return Cache(folder=cache_root() / "builds")
