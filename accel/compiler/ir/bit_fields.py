"""Packs integers into the bit fields of an Amaranth layout, and reads them back."""

from collections.abc import Mapping
from typing import NamedTuple

from amaranth.lib import data


class _Field(NamedTuple):
    """A field of a layout: ``shape`` is a layout of its own where it has parts."""

    name: str
    offset: int
    width: int
    signed: bool
    shape: data.Layout | None


# By identity: layouts are values made once, and a hash of one walks all of its fields.
_FIELDS: dict[int, tuple[data.Layout, list[_Field]]] = {}


def _fields(layout: data.Layout) -> list[_Field]:
    """What Amaranth would compute anew from the shapes each time it is asked."""
    if id(layout) not in _FIELDS:
        found = [
            _Field(
                str(name),
                field.offset,
                field.width,
                bool(getattr(field.shape, "signed", False)),
                field.shape if isinstance(field.shape, data.Layout) else None,
            )
            for name, field in layout
        ]
        _FIELDS[id(layout)] = layout, found  # which keeps the layout, and so its identity
    return _FIELDS[id(layout)][1]


def encode(layout: data.Layout, values: Mapping[str, int]) -> int:
    """Pack ``values`` as ``layout`` places its fields; each is reduced modulo its field's width."""
    packed = 0
    for name, offset, width, _, _ in _fields(layout):
        packed |= (int(values[name]) & (1 << width) - 1) << offset
    return packed


def decode(layout: data.Layout, packed: int) -> dict[str, int]:
    """The inverse of `encode`; fields of a signed shape come back signed."""
    values = {}
    for name, offset, width, signed, _ in _fields(layout):
        value = packed >> offset & (1 << width) - 1
        if signed and value >> width - 1:
            value -= 1 << width
        values[name] = value
    return values


def decode_parts(layout: data.Layout, packed: int) -> dict[str, dict[str, int]]:
    """`decode` for a layout of layouts: the values of each part."""
    return {
        name: decode(shape, packed >> offset & (1 << width) - 1)
        for name, offset, width, _, shape in _fields(layout)
        if shape is not None
    }
