"""An output folder that is filled only with what is whole."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from accel.errors import UserError

REPORT = "report.json"
"""Moved last into an output folder, so that a folder that has it is whole."""


class OutputUnusable(UserError):
    """The output folder cannot be made or written."""


@contextlib.contextmanager
def staged(output: Path) -> Iterator[Path]:
    """Give a folder to work in; when the block ends well, move its files into ``output``.

    The folder lies beside ``output``, so that moving is renaming. If the block raises, whatever it
    wrote is removed and ``output`` is as it was. Files of other names in ``output`` are left alone.

    Raises ``OutputUnusable`` for any ``OSError``, such as a full disk or missing permission.
    """
    try:
        made = _make_parents(output.parent)
        try:
            with tempfile.TemporaryDirectory(
                prefix=f".{output.name}-", dir=output.parent, ignore_cleanup_errors=True
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
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _move(work: Path, output: Path):
    if not output.exists():
        work.rename(output)
        return
    (output / REPORT).unlink(missing_ok=True)
    files = (path for path in work.rglob("*") if path.is_file())
    for file in sorted(files, key=lambda path: (path.name == REPORT, path)):
        target = output / file.relative_to(work)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)


def keep_log(log: Path, output: Path) -> Path | None:
    """Copy the log of a failed run beside ``output``, where it outlives the working folder."""
    kept = output.parent / f"{output.name}.{log.name}"
    try:
        shutil.copyfile(log, kept)
    except OSError:
        return None
    return kept
