"""Files that are taken exactly as they were written, or not at all.

Who can write as this user can run what he likes anyway; against everybody else the folder is this
user's alone, and files of others are not taken. Against damage each file has a digest, which is of
its key too, so that no file is taken for another. It is looked at in memory, of the very bytes that
are then used. Nothing here raises for a disk that is full or a folder that cannot be written.
"""

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

_MAGIC = b"\x89accel entry 2\r\n"  # as PNG's: tells of files that went through a text conversion
_DIGEST_BYTES = 32
_PRIVATE = 0o700
_OTHERS_WRITE = 0o022
# Neither through a link, nor waiting for the other end of a pipe.
_FLAGS = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC"))


def make_private(folder: Path) -> bool:
    """Make a folder that only this user can read; return whether it is one now."""
    try:
        folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        status = os.stat(folder)
        if not stat.S_ISDIR(status.st_mode) or not _is_ours(status):
            return False
        if os.name == "posix" and stat.S_IMODE(status.st_mode) & ~_PRIVATE:
            os.chmod(folder, _PRIVATE)
    except OSError:
        return False
    return True


def read(path: Path, key: str, limit: int) -> bytes | None:
    """What was written at ``path`` as ``key``, at most ``limit`` bytes; whatever else lies there is
    removed."""
    if not make_private(path.parent):
        return None
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _FLAGS)) as file:
            status = os.fstat(file.fileno())
            usable = (
                stat.S_ISREG(status.st_mode)
                and _is_ours(status)
                and not (os.name == "posix" and status.st_mode & _OTHERS_WRITE)
                and status.st_size <= limit
            )
            entry = file.read(limit + 1) if usable else b""
    except FileNotFoundError:
        return None
    except OSError:
        entry = b""
    head = len(_MAGIC) + _DIGEST_BYTES
    data = entry[head:]
    if len(entry) > limit or entry[:head] != _head(key, data):
        remove(path)
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # used now, see `accel.flow.cache.store.make_room`
    return data


def write(path: Path, key: str, data: bytes) -> bool:
    """Write ``data`` under another name, to the disk, and move it into place.

    Return whether that was possible; if not, what was there before is there still.
    """
    if not make_private(path.parent):
        return False
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    except OSError:
        return False
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_head(key, data))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException as problem:
        with contextlib.suppress(OSError):
            os.unlink(name)
        if not isinstance(problem, OSError):
            raise
        return False
    _sync_folder(path.parent)
    return True


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, if that is possible."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def _head(key: str, data: bytes) -> bytes:
    hasher = hashlib.sha256(hashlib.sha256(key.encode()).digest())
    hasher.update(data)
    return _MAGIC + hasher.digest()


def _is_ours(status: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or status.st_uid == os.geteuid()


def _sync_folder(folder: Path) -> None:
    """The new name to the disk, too."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
