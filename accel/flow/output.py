"""An output folder that only ever has whole files."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from accel.errors import UserError
from accel.processes import leftovers

REPORT = "report.json"
"""Moved last into an output folder, so that a folder that has it is whole."""


class OutputUnusable(UserError):
    """The output folder cannot be made or written."""


@contextlib.contextmanager
def staged(output: Path) -> Iterator[Path]:
    """Give a folder to work in; when the block ends well, move its files into ``output``.

    The folder lies beside ``output``, or in it if it is there already, so that moving is renaming:
    it may be where a disk of its own begins. If the block raises, whatever it wrote is removed and
    ``output`` is as it was. Files of other names in ``output`` are left alone.

    Raises ``OutputUnusable`` for any ``OSError``, such as a full disk or missing permission.
    """
    try:
        made = _make_parents(output.parent)
        try:
            with tempfile.TemporaryDirectory(
                prefix=hidden(output),
                dir=output if output.is_dir() else output.parent,
                ignore_cleanup_errors=True,
            ) as folder:
                work = Path(folder, "work")
                work.mkdir()
                yield work
                _move(work, output)
        except BaseException:
            for parent in made:
                with contextlib.suppress(OSError):
                    parent.rmdir()
            raise
    except OSError as error:
        raise OutputUnusable(
            f"{output}: cannot be written: {error.strerror or error}; choose another output folder"
        ) from error


def _make_parents(folder: Path) -> list[Path]:
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in missing[::-1]:
        leftovers.note_parent(path)
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _move(work: Path, output: Path):
    if not output.exists():
        work.rename(output)
        return
    if (work / REPORT).exists():
        (output / REPORT).unlink(missing_ok=True)
    files = (path for path in work.rglob("*") if path.is_file())
    for file in sorted(files, key=lambda path: (path.name == REPORT, path)):
        target = output / file.relative_to(work)
        _make_folders(output, target.parent)
        file.replace(target)


def _make_folders(output: Path, folder: Path):
    """Make a folder in ``output``; a link there is replaced, since it may lead anywhere."""
    inner = [path for path in (folder, *folder.parents) if output in path.parents]
    for path in inner[::-1]:
        if path.is_symlink():
            path.unlink()
        path.mkdir(exist_ok=True)


def hidden(path: Path) -> str:
    """How the names of temporary files for ``path`` begin, cut to the length that file systems
    take."""
    return f".{path.name[:20]}-"


def write_whole(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Let ``write(binary file)`` make a file under another name, and move it into place.

    If anything is raised, the old file stays. A link is replaced and never followed, unless to a
    device. Raises ``OSError``.
    """
    if path.exists() and not path.is_file():  # a device or a pipe cannot be moved over
        with path.open("wb") as file:
            write(file)
        return
    with tempfile.NamedTemporaryFile(
        dir=path.absolute().parent, prefix=hidden(path), delete=False
    ) as file:
        try:
            write(file)
            file.close()
            os.chmod(file.name, 0o666 & ~_umask())
            os.replace(file.name, path)
        except BaseException:
            file.close()
            with contextlib.suppress(OSError):
                os.unlink(file.name)
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def keep_log(log: Path, output: Path) -> Path | None:
    """Copy the log of a failed run beside ``output``, where it outlives the working folder."""
    kept = output.parent / f"{output.name}.{log.name}"
    try:
        with log.open("rb") as source:
            write_whole(kept, lambda file: shutil.copyfileobj(source, file))
    except OSError:
        return None
    return kept
