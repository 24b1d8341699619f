"""Several files as one archive, whose names cannot leave the folder that it is unpacked into."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

LIMIT_BYTES = 2 << 30
"""What the files of an archive may have in all."""

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError)
# Letters, digits and what our own files' names have between them; no part begins with a point.
_NAME = re.compile(r"\w[\w.+-]*(/\w[\w.+-]*)*", re.ASCII)


class BadArchive(ValueError):
    """An archive is damaged, too large, or has a name that it must not have."""


def pack(folder: Path, files: Iterable[Path]) -> bytes:
    """An archive of ``files``, which lie in ``folder``. Raises ``OSError`` and ``BadArchive``."""
    packed, total = io.BytesIO(), 0
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in files:
            name, data = path.relative_to(folder).as_posix(), path.read_bytes()
            total += len(data)
            if not _NAME.fullmatch(name) or total > LIMIT_BYTES:
                raise BadArchive(f"file {name!r} must have a plain name and fit into an archive")
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def unpack(packed: bytes, limit: int = LIMIT_BYTES) -> Mapping[str, bytes]:
    """The files of an archive by name. Raises ``BadArchive``, before anything large is read."""
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            listed = archive.infolist()
            names = [one.filename for one in listed]
            if sum(one.file_size for one in listed) > limit:
                raise BadArchive(f"archive must hold at most {limit} bytes")
            if len(set(names)) < len(names) or not all(map(_NAME.fullmatch, names)):
                raise BadArchive("archive must hold files of plain names, each once")
            return {one.filename: archive.read(one) for one in listed}
    except BadArchive:
        raise
    except _DAMAGED as problem:
        raise BadArchive(f"archive must be whole, not {problem}") from problem
