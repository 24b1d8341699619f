"""The values that mutations put into fields: near the old one, those of other fields, and absurd
ones."""

import math
import random
from collections.abc import Sequence
from typing import Any, TypeVar

Item = TypeVar("Item")

SMALL = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, -1, -2, -3, -4)
ENDS = (127, 128, -128, -129, 255, 256, 2**15, 2**16, 2**31 - 1, -(2**31), 2**32 - 1, 2**63 - 1)
FACTORS = (0.0, -1.0, 0.5, 2.0, 0.25, 4.0, 1.0000001, 0.999, 1e-3, 1e3, 1e-6, 1e6, 1e-20, 1e20)
REALS = (0.0, -0.0, -1.0, 1.0, 1e-45, 1e-30, 1 / 256, 3e38, math.inf, -math.inf, math.nan)
TEXTS = ("", "x", "y", "../../up", "\x1b[31mred", "a\nb", "n" * 500, "\x00", "ä\u202eb")


def integer(old: int, others: Sequence[int], rng: random.Random) -> int:
    """A number in place of ``old``; ``others`` are what fields of the same name hold."""
    kind, old = rng.randrange(8), int(old)  # which may be of NumPy, and overflow
    if kind < 2:
        return old + rng.choice((1, 1, -1, -1, 2, 8, -8))
    if kind < 4 and others:
        return rng.choice(others)
    if kind == 4:
        return rng.choice((old * 2, old // 2, -old, old ^ 1))
    if kind == 5:
        return rng.randint(-130, 210)
    return rng.choice(SMALL if rng.random() < 0.75 else ENDS)


def real(old: float, others: Sequence[float], rng: random.Random) -> float:
    """A float32 number in place of ``old``."""
    kind = rng.randrange(6)
    if kind < 2 and others:
        return rng.choice(others)
    if kind == 2:
        return _float32(old * rng.choice(FACTORS))
    if kind < 5:
        return _float32(old * math.exp(rng.gauss(0, 1)))
    return rng.choice(REALS)


def _float32(value: float) -> float:
    return value if not math.isfinite(value) else max(-3.4e38, min(3.4e38, value))


def text(others: Sequence[str], rng: random.Random) -> str:
    return rng.choice(others) if others and rng.random() < 0.6 else rng.choice(TEXTS)


def rearranged(items: list[Item], fresh: Item, rng: random.Random) -> list[Item]:
    """The list with an item gone, doubled, moved or added."""
    kind, at = rng.randrange(5), rng.randrange(len(items) + 1)
    if kind == 0 or not items:
        return [*items[:at], fresh, *items[at:]]
    at %= len(items)
    if kind == 1:
        return items[:at] + items[at + 1 :]
    if kind == 2:
        return [*items[: at + 1], *items[at:]]
    other = rng.randrange(len(items))
    swapped = list(items)
    swapped[at], swapped[other] = swapped[other], swapped[at]
    return swapped


def content(data: bytes, rng: random.Random) -> bytes:
    """Other constants in as many bytes, mostly."""
    kind, size = rng.randrange(7), len(data)
    if kind == 0:
        return rng.randbytes(size)
    if kind == 1:
        return bytes([rng.choice((0, 1, 127, 128, 255))]) * size
    if kind == 2:
        return data[: rng.randrange(size + 1)] if rng.random() < 0.5 else data + rng.randbytes(4)
    if kind == 3:
        return bytes(rng.sample(data, size))
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 8))):
        width = rng.choice((1, 1, 4, 8))
        if size >= width:
            number = rng.choice(SMALL + ENDS) % (1 << 8 * width)
            at = width * rng.randrange(size // width)
            changed[at : at + width] = number.to_bytes(width, "little")
    return bytes(changed)


def spoilt_bytes(data: bytes, rng: random.Random) -> bytes:
    """The file with bits flipped, numbers written over, pieces gone, doubled or swapped, or cut."""
    spoilt = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        if not spoilt:
            break
        at = rng.randrange(len(spoilt))
        kind = rng.randrange(7)
        if kind < 3:
            spoilt[at] ^= 1 << rng.randrange(8)
        elif kind == 3:
            width = rng.choice((1, 2, 4, 8))
            number = rng.choice(SMALL + ENDS) % (1 << 8 * width)
            spoilt[at : at + width] = number.to_bytes(width, "little")
        elif kind == 4:
            del spoilt[at : at + rng.choice((1, 2, 4, 64))]
        else:
            other, size = rng.randrange(len(spoilt)), rng.choice((4, 4, 16, 64))
            end = at if kind == 5 else at + size
            spoilt[at:end] = spoilt[other : other + size]
    return bytes(spoilt[: rng.randrange(len(spoilt) + 1)] if rng.random() < 0.05 else spoilt)


def kind_of(value: Any) -> str:
    """``list``, ``bytes``, ``text``, ``real``, ``integer``, ``none`` or ``object``."""
    if value is None:
        return "none"
    if isinstance(value, (bytes, bytearray)):
        return "bytes"
    for name, types in (("text", str), ("real", float), ("integer", int)):
        if isinstance(value, types):
            return name
    return "list" if hasattr(value, "__len__") else "object"
