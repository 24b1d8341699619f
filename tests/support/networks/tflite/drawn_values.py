"""What files of one operator draw: quantizations, shapes and codes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

Rng = np.random.Generator


def scale(rng: Rng) -> float:
    """Powers of two, numbers of which the bounds of activations are halves, and any others."""
    kind = rng.random()
    if kind < 0.3:
        return float(2.0 ** rng.integers(-8, 1))
    if kind < 0.5:
        return float(np.float32(rng.choice((2, 12)) / (2 * rng.integers(1, 200) + 1)))
    return float(np.float32(2.0 ** rng.uniform(-8, 1)))


def zero_point(rng: Rng) -> int:
    return int(rng.choice((-128, 0, 127, rng.integers(-128, 128), rng.integers(-30, 30))))


def quantized(rng: Rng) -> dict[str, Any]:
    return {"scale": scale(rng), "zero_point": zero_point(rng)}


def related(rng: Rng, q: Mapping[str, Any]) -> dict[str, Any]:
    """An output's: as the input's in one of the two, in both, near it, or anything."""
    kind = rng.integers(7)
    if kind == 0:
        return dict(q)
    if kind == 6:  # within what pools take for the same, or just beyond it
        apart = float(rng.choice((-1.5e-6, -0.9e-6, -2e-7, 2e-7, 0.9e-6, 1.1e-6)))
        return {"scale": float(np.float32(q["scale"] + apart)), "zero_point": q["zero_point"]}
    if kind == 1:
        return {"scale": q["scale"], "zero_point": zero_point(rng)}
    if kind == 2:
        return {"scale": scale(rng), "zero_point": q["zero_point"]}
    if kind < 5:
        near = q["scale"] * 2.0 ** rng.uniform(-1, 1)
        return {"scale": float(np.float32(near)), "zero_point": zero_point(rng)}
    return quantized(rng)


def shape(rng: Rng, rank: int | None = None, most: int = 5) -> tuple[int, ...]:
    rank = int(rng.integers(2, 5)) if rank is None else rank
    return (1, *(int(n) for n in rng.integers(1, most + 1, rank - 1)))


def codes(rng: Rng, size: tuple[int, ...], least: int = -128) -> np.ndarray:
    return rng.integers(least, 127, size, dtype=np.int8, endpoint=True)
