"""Checks the JSON part of a program file before it is used: every field's type and bounds."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from ...numeric.rounding import CONTRACTS
from ..ir.graph import DTYPES

MAX_NAME = 2**16
LARGEST = 2**62  # the bound of counts that nothing else bounds

Check = Callable[[Any], bool]


class BadDescription(ValueError):
    """A field is missing or is not what it must be; the message says which."""


def _whole(low: int, high: int) -> Check:
    return lambda v: isinstance(v, int) and not isinstance(v, bool) and low <= v <= high


def _optional(check: Check) -> Check:
    return lambda v: v is None or check(v)


def _texts(choices: Any) -> Check:
    return lambda v: isinstance(v, str) and v in choices


def _list(check: Check) -> Check:
    return lambda v: isinstance(v, list) and all(map(check, v))


def _text(value: Any) -> bool:
    # JSON's escapes can spell a single surrogate, which cannot be written as UTF-8.
    return isinstance(value, str) and len(value) <= MAX_NAME and not _surrogates(value)


def _surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _scale(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value) and value > 0


_NAMES = ("format", "element", "family")  # of the configuration, whose other fields are numbers
_COUNT, _INDEX = _whole(0, LARGEST), _whole(0, 2**32 - 1)
_SIZES = _list(_whole(1, 2**31 - 1))
_PLACE = {"offset": _INDEX, "size": _INDEX}
_PIECE = {
    "tensor": _text,
    "first": _INDEX,
    "words": _INDEX,
    "during": _flag,
    "after": _optional(_INDEX),
    "takes": _flag,
    "band": _flag,
}
_TENSOR = {
    "name": _text,
    "source": _text,
    "shape": _SIZES,
    "dtype": _texts(DTYPES),
    "scale": _optional(_scale),
    "zero_point": _optional(_whole(-(2**31), 2**31 - 1)),
    "bank": _whole(0, 1),
    "address": _INDEX,
    "words": _INDEX,
    "stored": lambda v: _SIZES(v) and len(v) == 3,
}
_INEXACT = {"channel": _INDEX, "differing": _COUNT, "sums": _COUNT}
_LAYER = {"name": _text, "node": _text, "mode": _text, "macs": _COUNT, "output": _text}


def check_description(content: Any) -> None:
    """Check all of a file's JSON but the configuration's own rules. Raises ``BadDescription``."""
    _fields(content, {"name": _text, "contract": _texts(CONTRACTS)}, "the file")
    for chunk in _entries(content, "chunks"):
        _fields(chunk, {"bank": _whole(0, 2), "address": _INDEX, "size": _INDEX}, "a chunk")
        if chunk["bank"] < 2:
            _fields(chunk, {"offset": _INDEX}, "a chunk")
    for tensor in _entries(content, "inputs"):
        _fields(tensor, {**_TENSOR, "pad": _whole(-128, 127)}, "an input")
        _fields(tensor.get("index"), _PLACE, "an input's index")
    for tensor in _entries(content, "outputs"):
        _fields(tensor, _TENSOR, "an output")
        if "index" in tensor:
            _fields(tensor["index"], _PLACE, "an output's index")
    for piece in _entries(content, "pieces"):
        _fields(piece, _PIECE, "a piece of an input")
    for layer in _entries(content, "layers"):
        _fields(layer, _LAYER, "a layer")
        for channel in _entries(layer, "inexact"):
            _fields(channel, _INEXACT, "an inexact channel")
    configuration = content.get("configuration")
    if not isinstance(configuration, dict):
        raise BadDescription("its configuration must be an object")
    named = dict.fromkeys(configuration, _COUNT) | dict.fromkeys(_NAMES, _text)
    _fields(configuration, named, "its configuration")


def _entries(content: Mapping[str, Any], name: str) -> list[Any]:
    found = content.get(name)
    if not isinstance(found, list):
        raise BadDescription(f"{name} must be a list")
    return found


def _fields(entry: Any, checks: Mapping[str, Check], what: str) -> None:
    if not isinstance(entry, dict):
        raise BadDescription(f"{what} must be an object")
    for name, check in checks.items():
        if name not in entry:
            raise BadDescription(f"{what} has no {name}")
        if not check(entry[name]):
            shown = repr(entry[name])[:40]
            raise BadDescription(f"{what} has an impossible {name} {shown}")
