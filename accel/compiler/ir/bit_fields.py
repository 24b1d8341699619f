"""Packs integers into the bit fields of an Amaranth layout, and reads them back."""

from collections.abc import Mapping

from amaranth.lib import data


def encode(layout: data.Layout, values: Mapping[str, int]) -> int:
    """Pack ``values`` as ``layout`` places its fields; each is reduced modulo its field's width."""
    packed = 0
    for name, field in layout:
        packed |= (int(values[str(name)]) & (1 << field.width) - 1) << field.offset
    return packed


def decode(layout: data.Layout, packed: int) -> dict[str, int]:
    """The inverse of `encode`; fields of a signed shape come back signed."""
    values = {}
    for name, field in layout:
        value = packed >> field.offset & (1 << field.width) - 1
        if getattr(field.shape, "signed", False) and value >> field.width - 1:
            value -= 1 << field.width
        values[str(name)] = value
    return values


def decode_parts(layout: data.Layout, packed: int) -> dict[str, dict[str, int]]:
    """`decode` for a layout of layouts: the values of each part."""
    return {
        str(name): decode(field.shape, packed >> field.offset & (1 << field.width) - 1)
        for name, field in layout
        if isinstance(field.shape, data.Layout)
    }
