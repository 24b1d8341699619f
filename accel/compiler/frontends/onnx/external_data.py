"""Constants that a model keeps in other files: read from the model's own folder, and nowhere else.

A location is what a stranger wrote. It must be a path without ``..`` to a regular file, and after
all links are followed it must still be inside of the folder. What is read is counted first.
"""

import math
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from ...diagnostics import Reason
from .._frontend import MAX_BYTES, UnsupportedModel
from .file import EXTERNAL, FOUR_BITS, ONE_FILE, Damaged, parse, text

_KEYS = ("offset", "length")


def whole(data: bytes, folder: Path, name: str) -> bytes:
    """The file's bytes with all constants inside. Raises ``UnsupportedModel``."""
    if b"location" not in data:  # the key that every such constant has
        return data
    try:
        model = parse(data)
    except Damaged:
        return data  # whoever reads it says so
    tensors = [tensor for tensor in _tensors(model.graph) if tensor.data_location == EXTERNAL]
    faults: dict[tuple[str, str], list[str]] = {}
    left = MAX_BYTES
    for tensor in tensors:
        try:
            raw = _read(tensor, folder, left)
        except _Unusable as error:
            faults.setdefault(error.args, []).append(text(tensor.name))
            continue
        left -= len(raw)
        tensor.raw_data = raw
        del tensor.external_data[:]
        tensor.ClearField("data_location")
    if faults:
        raise UnsupportedModel(name, [_reason(*fault, names) for fault, names in faults.items()])
    return model.SerializeToString() if tensors else data


class _Unusable(Exception):
    """A constant's data cannot be read: what, and the remedy."""


def _reason(what: str, remedy: str, names: list[str]) -> Reason:
    listed = ", ".join(map(repr, names[:8])) + (", ..." if len(names) > 8 else "")
    one = len(names) == 1
    place = f"{'tensor' if one else 'tensors'} {listed}"
    return Reason(place=place, what=f"{'has its' if one else 'have their'} {what}", remedy=remedy)


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t


def _read(tensor: Any, folder: Path, most: int) -> bytes:
    entries = {text(entry.key): text(entry.value) for entry in tensor.external_data}
    location = entries.get("location", "")
    path = _inside(folder, location)
    offset, length = (_number(entries, key, location) for key in _KEYS)
    start, size = offset or 0, _size(tensor) if length is None else length
    if size > most:
        raise _Unusable(f"data in other files, in all more than {MAX_BYTES // 2**20} MiB", "")
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            if start + size <= end:
                file.seek(start)
                return file.read(size)
    except OSError as error:
        what = f"data in {location!r}, which cannot be read ({error.strerror or error})"
        raise _Unusable(what, ONE_FILE) from error
    what = f"data in {location!r}, of {end} bytes, which ends before byte {start + size}"
    raise _Unusable(what, "copy the whole file again")


def _number(entries: dict[str, str], key: str, location: str) -> int | None:
    given = entries.get(key)
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 20):
        raise _Unusable(f"data in {location!r} with the {key} {given[:40]!r}", ONE_FILE)
    return int(given)


def _size(tensor: Any) -> int:
    """Bytes of a constant whose file does not say them, by its shape and type."""
    from onnx import helper

    elements = math.prod(tensor.dims) if all(size >= 0 for size in tensor.dims) else 0
    if tensor.data_type in FOUR_BITS:
        return -(-elements // 2)
    try:
        return elements * np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type)).itemsize
    except (KeyError, TypeError, ValueError):
        return 0  # of no type that is known, which the reader reports


def _inside(folder: Path, location: str) -> Path:
    """The file, after all links, if it is in the folder. Raises ``_Unusable``."""
    path = PurePath(location)
    try:
        found = (folder / path).resolve()
        inside = found.is_relative_to(folder.resolve())
        regular, exists = found.is_file(), found.exists()
    except (OSError, ValueError, RuntimeError):  # no name, or links in a circle
        inside = regular = exists = False
    if not location or not inside or path.is_absolute() or ".." in path.parts:
        what = f"data in {location!r}, which is outside of the model's folder"
        raise _Unusable(what, f"copy it there, or {ONE_FILE}")
    if not exists:
        what = f"data in {location!r}, which is missing"
        raise _Unusable(what, f"put it beside the model, or {ONE_FILE}")
    if not regular:
        raise _Unusable(f"data in {location!r}, which is no file", ONE_FILE)
    return found
