"""Free space on disk, for tools that do not report a full one."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

FULL_BYTES = 1 << 20
"""A disk with less room than that is full: no product of a tool is as small."""

_ROOMY_BYTES = 64 << 20  # more than any library takes to compile


def free_bytes(folder: Path) -> int | None:
    """Free space on the disk of ``folder`` or the nearest folder above it; ``None`` if unknown."""
    for place in (folder, *folder.absolute().parents):
        with contextlib.suppress(OSError):
            return shutil.disk_usage(place).free
    return None


def is_full(folder: Path) -> bool:
    """Whether there is no room for a file of a usual size."""
    free = free_bytes(folder)
    return free is not None and free < FULL_BYTES


def temporary_folder() -> str:
    """The system's folder for temporary files; in words if there is none."""
    try:
        return tempfile.gettempdir()
    except OSError:
        return "the temporary folder"


@contextlib.contextmanager
def scratch(other: Path) -> Iterator[Path]:
    """A new folder to work in, removed at the end.

    It lies where the system has temporary files or, if there is little room, in the folder
    ``other`` if that has more. Raises ``OSError``.
    """
    place = None
    with contextlib.suppress(OSError):
        place = tempfile.gettempdir()
    room = 0 if place is None else free_bytes(Path(place)) or 0
    if room < _ROOMY_BYTES and room < (free_bytes(other) or 0):
        with contextlib.suppress(OSError):
            other.mkdir(parents=True, exist_ok=True)
            place = str(other)
    with tempfile.TemporaryDirectory(
        prefix=".accel-", dir=place, ignore_cleanup_errors=True
    ) as made:
        yield Path(made)
