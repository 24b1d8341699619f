"""Temporary files of a process that was killed are removed by the next one.

While a command runs, a journal in the user's cache names each of its temporary files and folders
before they are made: Python's ``tempfile`` reports them. The process holds a lock on the journal,
which the system releases when the process ends. A process that finds a journal without a lock
removes what it names.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
import stat
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # a system without such locks, where nothing is known of other processes
    fcntl = None  # type: ignore[assignment]  # a module that may be missing

_SUFFIX = ".journal"
_MADE, _PARENT = "made", "parent"
# As `tempfile` names what it makes; nothing else is removed, whatever a journal says.
_TEMPORARY = re.compile(r"(/tmp|[-_.])[a-z0-9_]{8}(\.\w+)?\Z")
_TRIES, _PAUSE_S = 10, 0.05  # tools of a killed process take a moment to end
_EVENTS = ("tempfile.mkdtemp", "tempfile.mkstemp")


class Journal:
    """What this process has made; ``folder`` is where all journals of this user are."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._file: int | None = None
        self._path: Path | None = None
        self._names: list[tuple[str, str]] = []
        self._process = os.getpid()
        self._lock = threading.RLock()

    def note(self, kind: str, path: str) -> None:
        """Write down what is about to be made. Where that is impossible nothing is written."""
        if self._process != os.getpid():  # one that was forked leaves its parent's journal alone
            return
        path = os.path.abspath(path)
        with self._lock, contextlib.suppress(OSError):
            if self._file is None:
                self._file, self._path = self._open()
            os.write(self._file, json.dumps([kind, path]).encode() + b"\n")
        self._names.append((kind, path))

    def remove(self) -> None:
        """Remove what is there of all that was written down, and the journal."""
        if self._process != os.getpid():
            return
        if _remove(self._names) and self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _open(self) -> tuple[int, Path]:
        """A journal of our own, locked."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            path = self._folder / f"{secrets.token_hex(8)}{_SUFFIX}"
            file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX)
            # Another process may have found it before it was locked.
            if path.exists():
                return file, path
            os.close(file)


_JOURNAL: list[Journal] = []


def begin(folder: Path) -> None:
    """Remove what processes that were killed have left, and keep a journal from now on."""
    clear(folder)
    if _JOURNAL:
        return
    _JOURNAL.append(Journal(folder))

    def hear(event: str, arguments: tuple) -> None:
        if event in _EVENTS and arguments and isinstance(arguments[0], str):
            _JOURNAL[0].note(_MADE, arguments[0])

    sys.addaudithook(hear)


def note_parent(folder: Path) -> None:
    """Note a folder that is about to be made for others: it is removed at the end if it is
    empty."""
    if _JOURNAL:
        _JOURNAL[0].note(_PARENT, os.fspath(folder))


def end() -> None:
    """Remove what this process has made and not removed, and its journal."""
    for journal in _JOURNAL:
        journal.remove()


def clear(folder: Path) -> None:
    """Remove what is named by journals in ``folder`` whose processes are no more."""
    if fcntl is None:
        return
    with contextlib.suppress(OSError):
        for path in folder.glob(f"*{_SUFFIX}"):
            with contextlib.suppress(OSError), _abandoned(path) as text:
                if text is not None and _remove(_read(text)):
                    path.unlink()


@contextlib.contextmanager
def _abandoned(path: Path) -> Iterator[bytes | None]:
    """The text of a journal that no process holds, locked by us meanwhile; ``None`` for other
    files."""
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid():
            yield None
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield None
            return
        with open(file, "rb", closefd=False) as reader:
            yield reader.read()
    finally:
        os.close(file)


def _read(text: bytes) -> list[tuple[str, str]]:
    """The names of a journal; of a line that was cut off nothing had been made."""
    found = []
    for line in text.splitlines():
        with contextlib.suppress(ValueError, TypeError):
            kind, path = json.loads(line)
            if isinstance(path, str) and os.path.isabs(path) and "\0" not in path:
                found.append((kind, path))
    return found


def _remove(names: list[tuple[str, str]]) -> bool:
    """Whether all is gone. Parents go last, and only if they are empty."""
    gone = True
    for kind, path in names:
        if kind == _MADE and _TEMPORARY.search(path):
            gone &= _remove_one(path)
    for kind, path in names[::-1]:
        if kind == _PARENT:
            with contextlib.suppress(OSError):
                os.rmdir(path)
    return gone


def _remove_one(path: str) -> bool:
    for _ in range(_TRIES):
        try:
            status = os.lstat(path)
            if hasattr(os, "getuid") and status.st_uid != os.getuid():
                return True  # somebody else's of the same name
            if stat.S_ISDIR(status.st_mode):
                shutil.rmtree(path)
            else:
                os.unlink(path)
            return True
        except FileNotFoundError:
            return True
        except OSError:
            time.sleep(_PAUSE_S)
    return False
