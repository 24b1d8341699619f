"""Structure-aware mutations of TFLite files.

Every field is found by reflection, none is listed here: the schema's generated classes have an
object for each table, with an attribute for each field whether the file has it or not; and while
they read a file they are watched, which gives the place of every number, offset, length and vtable
entry.
"""

import copy
import random
import struct
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest import mock

import flatbuffers
import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from tests.campaigns.fuzzing import values

IDENTIFIER = b"TFL3"
COMPUTED = ("Tensor", "QuantizationParameters", "Buffer", "Operator")  # with these, and options
CANNOT_PACK = (struct.error, TypeError, ValueError, AttributeError, OverflowError)
CANNOT_PACK += (flatbuffers.builder.BuilderSizeError,)


@dataclass(frozen=True)
class Field:
    """A field of an object of the schema; ``name`` is that of the class and the attribute."""

    name: str
    owner: Any
    attribute: str

    @property
    def value(self) -> Any:
        return getattr(self.owner, self.attribute)


def fields(node: Any) -> Iterator[Field]:
    """Every field of an object and of those below it."""
    for attribute, value in vars(node).items():
        yield Field(f"{type(node).__name__.removesuffix('T')}.{attribute}", node, attribute)
        below = value if isinstance(value, list) else [value]
        for item in below:
            if hasattr(item, "Pack"):
                yield from fields(item)


def spoilt_fields(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    """The file with some fields changed, packed anew, and the fields' names."""
    while True:
        model = _unpacked(data)
        names = []
        for _ in range(rng.choice((1, 1, 1, 2, 2, 3))):
            by_name = defaultdict(list)
            for field in fields(model):
                by_name[field.name].append(field)
            name = _chosen(sorted(by_name), rng)
            alike = by_name[name]
            field = rng.choice(alike)
            try:
                setattr(field.owner, field.attribute, _other(field, alike, rng))
            except CANNOT_PACK:
                continue
            names.append(name)
        builder = flatbuffers.Builder(len(data))
        try:
            builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
        except CANNOT_PACK:
            continue  # the schema has no place for such a value
        return bytes(builder.Output()), ",".join(names)


def _chosen(names: list[str], rng: random.Random) -> str:
    """Mostly a field of what operators compute with, each table being as likely as the others."""
    tables = sorted({name.split(".")[0] for name in names})
    if rng.random() < 0.7:
        tables = [table for table in tables if table.endswith("Options") or table in COMPUTED]
    table = rng.choice(tables)
    return rng.choice([name for name in names if name.startswith(f"{table}.")])


def _unpacked(data: bytes) -> Any:
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    for field in list(fields(model)):
        if isinstance(field.value, np.ndarray):  # lists of numbers, but for those of bytes
            number = field.value
            plain = number.tobytes() if number.dtype == np.uint8 else number.tolist()
            setattr(field.owner, field.attribute, plain)
    return model


def _other(field: Field, alike: list[Field], rng: random.Random) -> Any:
    """Another value for a field; ``alike`` are all of its name."""
    old = field.value
    others = [f.value for f in alike if f.value is not None]
    kind = values.kind_of(old)
    if rng.random() < 0.06:
        return None
    if kind == "none" or (others and rng.random() < 0.2):
        return copy.deepcopy(rng.choice(others)) if others else _fresh(rng)
    if kind == "list":
        return _list(list(old), others, rng)
    if kind == "bytes":
        if field.name == "Buffer.data":
            return np.frombuffer(values.content(bytes(old), rng), np.uint8)
        return values.text([], rng)
    if kind == "real":
        return values.real(old, others, rng)
    if kind == "integer":
        return type(old)(values.integer(int(old), [int(o) for o in others], rng))
    return old


def _fresh(rng: random.Random) -> Any:
    """Something for a field that nothing in the file has."""
    return rng.choice((1, [1], [0, 1, 2], [1.0], "x", -1, 0.5, None))


def _list(old: list, others: list[list], rng: random.Random) -> list:
    flat = [item for other in others for item in other]
    if not flat or hasattr(flat[0], "Pack"):
        return values.rearranged(old, copy.deepcopy(rng.choice(flat)), rng) if flat else old
    at = rng.randrange(len(old)) if old else 0
    choose = values.real if isinstance(flat[0], float) else values.integer
    fresh = choose(old[at] if old else flat[0], flat, rng)
    if not old or rng.random() < 0.4:
        return values.rearranged(old, fresh, rng)
    return [*old[:at], fresh, *old[at + 1 :]]


@dataclass(frozen=True)
class Place:
    """Bytes of a file that the schema's classes read as a number, and for which of their fields."""

    name: str
    position: int
    format: str

    @property
    def size(self) -> int:
        return struct.calcsize(self.format)


@cache
def places(data: bytes) -> tuple[Place, ...]:
    """All numbers, offsets, lengths and vtable entries of a file."""
    found: dict[int, Place] = {}
    read = flatbuffers.encode.Get

    def watched(packer: struct.Struct, buffer: bytes, position: int) -> Any:
        frame = sys._getframe(1)
        while "flatbuffers" in frame.f_code.co_filename:
            frame = frame.f_back
        owner = type(frame.f_locals.get("self")).__name__
        name = f"{owner}.{frame.f_code.co_name}"
        found.setdefault(position, Place(name, position, packer.format))
        return read(packer, buffer, position)

    def watched_list(kind: Any, buffer: bytes, count: int, start: int) -> np.ndarray:
        numbers = np.frombuffer(buffer, kind, count, start)
        name = sys._getframe(2).f_code.co_name
        for index in range(min(count, 64) if numbers.dtype != np.uint8 else 0):
            position = start + index * numbers.itemsize
            found.setdefault(
                position, Place(f"{name}[]", position, numbers.dtype.str[0] + numbers.dtype.char)
            )
        return numbers

    with (
        mock.patch.object(flatbuffers.encode, "Get", watched),
        mock.patch.object(flatbuffers.encode, "GetVectorAsNumpy", watched_list),
    ):
        schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    return tuple(found.values())


def spoilt_places(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    """The file with some numbers of its structure written over in place."""
    spoilt, names = bytearray(data), []
    by_name = defaultdict(list)
    for place in places(data):
        by_name[place.name, place.format].append(place)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        alike = by_name[rng.choice(sorted(by_name))]
        place, other = rng.choice(alike), rng.choice(alike)
        (old,) = struct.unpack_from(place.format, data, place.position)
        (another,) = struct.unpack_from(other.format, data, other.position)
        if place.format[-1] in "fd":
            raw = np.float32(values.real(old, [another], rng)).tobytes()
        else:
            # Offsets are from where they stand: another's target is as far away as it is.
            moved = another + other.position - place.position
            number = values.integer(int(old), [int(another), int(moved)], rng)
            raw = (number % (1 << 8 * place.size)).to_bytes(place.size, "little")
        spoilt[place.position : place.position + place.size] = raw[: place.size]
        names.append(place.name)
    return bytes(spoilt), ",".join(names)
