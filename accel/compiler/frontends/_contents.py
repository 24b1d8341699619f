"""The bytes of the model in a file: the file itself, a C array in it, or a member of a zip archive.

A model in an archive is named ``ARCHIVE.zip:MEMBER``, an array of a source ``SOURCE.cc:ARRAY``; the
second part is needed where there are several. Archives are read in memory and never unpacked.
"""

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..diagnostics import Reason
from . import _c_array, _foreign
from ._frontend import MAX_BYTES, UnsupportedModel

MAX_MEMBERS = 2**12
C_SUFFIXES = (".h", ".hpp", ".c", ".cc", ".cpp", ".cxx", ".inc")
_ZIP = b"PK\x03\x04", b"PK\x05\x06"
_HEADER = 64
_SHOWN = 8
# What `zipfile` raises for archives that are damaged, encrypted or packed in another way.
_BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, struct.error,
    IndexError, OverflowError, UnicodeError, KeyError,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Contents:
    """A model's bytes, the name that messages call it by, and that of its file.

    ``file`` is the name of an archive's member where the model is one.
    """

    name: str
    data: bytes
    file: str

    @property
    def stem(self) -> str:
        """What the network is called."""
        return PurePosixPath(self.file).stem


def contents(path: str | Path, is_model: Callable[[bytes], bool]) -> Contents:
    """The bytes of the model that a path names; ``is_model(header)`` tells a model's first bytes.

    Bytes that hold no model are returned as they are, unless it is known what they are. Raises
    ``UnsupportedModel``.
    """
    file, inner = _parted(Path(path))
    name = as_text(file.name) + (f":{as_text(inner)}" if inner else "")
    data = _read(file, name)
    if is_model(data[:_HEADER]) and not inner:
        return Contents(name=name, data=data, file=name)
    if data[:4] in _ZIP:
        return _member(data, as_text(file.name), inner, is_model)
    reason = _foreign.foreign(data, name)
    if reason is None and _c_array.is_text(data):
        return _array(data, as_text(file.name), inner, is_model)
    if inner:
        reason = reason or Reason(place="", what="is neither an archive nor a C source")
    if reason is not None:
        raise UnsupportedModel(name, [reason])
    return Contents(name=name, data=data, file=name)


def file_of(path: str | Path) -> Path:
    """The file of a path that may name something in it."""
    return _parted(Path(path))[0]


def _parted(path: Path) -> tuple[Path, str]:
    """A path's file, and what is named in it after a colon."""
    text = str(path)
    if ":" in text and not path.exists():
        for at, character in enumerate(text):
            if character == ":" and Path(text[:at]).is_file():
                return Path(text[:at]), text[at + 1 :]
    return path, ""


def as_text(name: str) -> str:
    """A file's name as text that can be printed: bytes that are not UTF-8 are escaped."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _read(path: Path, name: str) -> bytes:
    if path.is_dir():
        raise UnsupportedModel(name, [_foreign.foreign_folder(lambda n: (path / n).is_file())])
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        what = f"cannot be read ({error.strerror or error})"
        raise UnsupportedModel(as_text(str(path)), [Reason(place="", what=what)]) from error
    if len(data) > MAX_BYTES:
        raise UnsupportedModel(name, [_too_large()])
    return data


def _too_large() -> Reason:
    return Reason(place="", what=f"is larger than {MAX_BYTES // 2**20} MiB")


# C arrays.


def _array(data: bytes, file: str, inner: str, is_model: Callable[[bytes], bool]) -> Contents:
    arrays = dict(_c_array.byte_arrays(data))
    models = {name: held for name, held in arrays.items() if is_model(held[:_HEADER])}
    if inner:
        if inner not in models:
            raise UnsupportedModel(f"{file}:{inner}", [_absent("array", inner, list(models))])
        return Contents(name=f"{file}:{inner}", data=models[inner], file=file)
    if len(models) == 1:
        return Contents(name=file, data=next(iter(models.values())), file=file)
    if models:
        raise UnsupportedModel(file, [_several("C array", file, list(models))])
    if arrays:
        what = "is a C source whose arrays are no models"
        raise UnsupportedModel(file, [Reason(place="", what=what, remedy=_known(file))])
    return Contents(name=file, data=data, file=file)


def _known(file: str) -> str:
    return "give a file with a whole .tflite or .onnx model as an array of bytes, as xxd -i writes"


# Archives.


def _member(data: bytes, file: str, inner: str, is_model: Callable[[bytes], bool]) -> Contents:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _of_archive(archive, file, inner, is_model)
    except _BROKEN as error:
        remedy = "pack it again, without a password"
        reason = Reason(
            place="", what="is a zip archive that cannot be read", why=str(error), remedy=remedy
        )
        raise UnsupportedModel(file, [reason]) from error


def _of_archive(
    archive: zipfile.ZipFile, file: str, inner: str, is_model: Callable[[bytes], bool]
) -> Contents:
    members = [info for info in archive.infolist() if not info.is_dir()]
    if len(members) > MAX_MEMBERS:
        what = f"has {len(members):,} members, more than {MAX_MEMBERS:,}"
        raise UnsupportedModel(file, [Reason(place="", what=what)])
    members = [info for info in members if not _leaves(info.filename)]
    reason = _foreign.foreign_archive([info.filename for info in members])
    if reason is not None:
        raise UnsupportedModel(file, [reason])
    found = [info for info in members if _holds(archive, info, is_model)]
    found = found or [info for info in members if _suffix(info) in C_SUFFIXES]
    names = [info.filename for info in found]
    chosen = [info for info in members if info.filename == inner] if inner else found
    if len(chosen) > 1:
        raise UnsupportedModel(file, [_several("member", file, names)])
    if not chosen:
        reason = _absent("member", inner, names)
        raise UnsupportedModel(f"{file}:{inner}" if inner else file, [reason])
    name = f"{file}:{chosen[0].filename}"
    data = _unpacked(archive, chosen[0], name)
    if is_model(data[:_HEADER]):
        return Contents(name=name, data=data, file=chosen[0].filename)
    found_array = _array(data, name, "", is_model)
    return Contents(name=name, data=found_array.data, file=chosen[0].filename)


def _leaves(name: str) -> bool:
    """Whether a member's name points out of its archive, or is a system's own note of a file."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return name[:1] in "/\\" or ".." in parts or "__MACOSX" in parts or parts[-1][:2] == "._"


def _holds(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, is_model: Callable[[bytes], bool]
) -> bool:
    with archive.open(info) as member:
        return _suffix(info) not in C_SUFFIXES and is_model(member.read(_HEADER))


def _suffix(info: zipfile.ZipInfo) -> str:
    return PurePosixPath(info.filename).suffix.lower()


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> bytes:
    """A member's bytes; sizes that an archive states are not trusted."""
    if info.file_size > MAX_BYTES:
        raise UnsupportedModel(name, [_too_large()])
    with archive.open(info) as member:
        data = member.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise UnsupportedModel(name, [_too_large()])
    return data


def _several(kind: str, file: str, names: list[str]) -> Reason:
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    what = f"holds {len(names)} models ({shown})"
    return Reason(place="", what=what, remedy=f"name one {kind}, as {file}:{names[0]}")


def _absent(kind: str, inner: str, names: list[str]) -> Reason:
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    if not inner or not names:
        remedy = "pack the .tflite or .onnx file itself"
        return Reason(place="", what="holds no model file", remedy=remedy)
    what = f"has no {kind} {inner!r} that is a model"
    return Reason(place="", what=what, remedy=f"use one of {shown}")
