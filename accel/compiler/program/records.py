"""Dataclasses as JSON and back: a file names fields and values, and never what is made of them.

What a value must be is said by the annotations of the class that is asked for, so that every field
is checked for its type before anything is made. Arrays lie in a binary part, and JSON says where.
"""

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

MAX_TEXT = 2**16
LARGEST = 2**62  # of whole numbers that nothing else bounds
_ARRAYS = ("int8", "uint8", "int16", "int32", "int64", "float32", "float64", "bool")
_UNBOUNDED = ("inf", "-inf", "nan")  # numbers that JSON has no word for

Put = Callable[[bytes], Mapping[str, int]]
Get = Callable[[int, int], bytes]


class BadDescription(ValueError):
    """A field is missing or is not what it must be; the message says which."""


def encode(value: Any, put: Put) -> Any:
    """JSON of a value; ``put`` stores an array's bytes and says where, ``offset`` and ``size``."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name), put) for f in fields(value)}
    if isinstance(value, np.ndarray):
        data = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        kind = value.dtype.newbyteorder("=").name
        return {"dtype": kind, "shape": list(value.shape), **put(data.tobytes())}
    if isinstance(value, (list, tuple)):
        return [encode(one, put) for one in value]
    if isinstance(value, Mapping):
        return {name: encode(one, put) for name, one in value.items()}
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    return int(value) if isinstance(value, np.integer) else value


def decode(kind: Any, value: Any, get: Get, where: str) -> Any:
    """The value of a type that JSON describes; ``get(offset, size)`` gives bytes of arrays.

    ``where`` names it in messages. Raises ``BadDescription``.
    """
    origin = get_origin(kind)
    if kind is Any:
        return value
    if is_dataclass(kind):
        return _record(kind, value, get, where)
    if kind is np.ndarray:
        return _array(value, get, where)
    if origin is tuple:
        return _tuple(get_args(kind), value, get, where)
    if origin in (Union, types.UnionType):
        return _optional(get_args(kind), value, get, where)
    if origin is Literal:
        return _checked(value in get_args(kind) and isinstance(value, str), value, where)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        _checked(isinstance(value, dict), value, where)
        of = get_args(kind)[1]
        return {name: decode(of, one, get, f"{where}.{name}"[:200]) for name, one in value.items()}
    return _plain(kind, value, where)


def _record(kind: Any, value: Any, get: Get, where: str) -> Any:
    hints = _hints(kind)
    if not isinstance(value, dict):
        raise BadDescription(f"{where} must be an object")
    for name in hints:
        if name not in value:
            raise BadDescription(f"{where} has no {name}")
    unknown = [name for name in value if name not in hints]
    if unknown:
        raise BadDescription(f"{where} has an unknown {unknown[0][:40]!r}")
    return kind(**{n: decode(hint, value[n], get, f"{where}.{n}") for n, hint in hints.items()})


@cache
def _hints(kind: Any) -> Mapping[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _array(value: Any, get: Get, where: str) -> np.ndarray:
    if not isinstance(value, dict) or {*value} != {"dtype", "shape", "offset", "size"}:
        raise BadDescription(f"{where} must be an array of the binary part")
    kind, shape = value["dtype"], value["shape"]
    _checked(kind in _ARRAYS if isinstance(kind, str) else False, kind, f"{where}.dtype")
    _checked(isinstance(shape, list) and len(shape) <= 32, shape, f"{where}.shape")
    sizes = [_whole(n, f"{where}.shape", 0) for n in shape]
    offset, size = (_whole(value[n], f"{where}.{n}", 0) for n in ("offset", "size"))
    if math.prod(sizes) * np.dtype(kind).itemsize != size:
        raise BadDescription(f"{where} has {size} bytes for a shape of {sizes}"[:200])
    data = get(offset, size)
    if kind == "bool" and set(data) - {0, 1}:
        raise BadDescription(f"{where} has bytes that are no truth values")
    return np.frombuffer(data, np.dtype(kind).newbyteorder("<")).astype(kind).reshape(sizes)


def _tuple(kinds: tuple[Any, ...], value: Any, get: Get, where: str) -> tuple[Any, ...]:
    _checked(isinstance(value, list), value, where)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(value) != len(kinds):
        raise BadDescription(f"{where} must have {len(kinds)} entries, not {len(value)}")
    found = enumerate(zip(kinds, value, strict=True))
    return tuple(decode(kind, one, get, f"{where}[{index}]") for index, (kind, one) in found)


def _optional(kinds: tuple[Any, ...], value: Any, get: Get, where: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    others = [kind for kind in kinds if kind is not type(None)]
    for kind in others[:-1]:
        try:
            return decode(kind, value, get, where)
        except BadDescription:
            continue
    return decode(others[-1], value, get, where)


def _plain(kind: Any, value: Any, where: str) -> Any:
    if kind is bool:
        return _checked(isinstance(value, bool), value, where)
    if kind is int:
        return _whole(value, where)
    if kind is float:
        special = isinstance(value, str) and value in _UNBOUNDED
        finite = isinstance(value, float) and math.isfinite(value)
        return float(_checked(finite or special, value, where))
    if kind is str:
        # JSON's escapes can spell a single surrogate, which cannot be written as UTF-8.
        short = isinstance(value, str) and len(value) <= MAX_TEXT
        return _checked(short and not any("\ud800" <= c <= "\udfff" for c in value), value, where)
    raise TypeError(f"{where}: no file can have a value of {kind}")


def _whole(value: Any, where: str, least: int = -LARGEST) -> int:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return _checked(whole and least <= value <= LARGEST, value, where)


def _checked(holds: bool, value: Any, where: str) -> Any:
    if not holds:
        raise BadDescription(f"{where} cannot be {repr(value)[:40]}")
    return value
