"""TFLite files of one operator that only the driver computes, as those of `drawn_operators`."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from tests.support.networks.tflite.drawn_values import Rng, codes, quantized, related, shape
from tests.support.networks.tflite.files import File


def _batch_matmul(rng: Rng) -> File:
    f, a, b = File(), quantized(rng), quantized(rng)
    rows, depth, columns = (int(n) for n in rng.integers(2, 7, 3))
    leading = (1, *rng.integers(1, 4, int(rng.integers(0, 2))).tolist())
    flips = [bool(rng.random() < 0.3) for _ in range(2)]
    first, second = (
        (*leading, *(pair[::-1] if flip else pair))
        for pair, flip in zip(((rows, depth), (depth, columns)), flips, strict=True)
    )
    x = f.input(first, **a)
    y = f.constant(codes(rng, second), "int8", **b) if rng.random() < 0.3 else f.input(second, **b)
    spread = a["scale"] * b["scale"] * 5476 * np.sqrt(depth) / 50
    scale = float(np.float32(spread * 2.0 ** rng.uniform(-2, 2)))
    z = f.tensor((*leading, rows, columns), scale=scale, zero_point=int(rng.integers(-128, 128)))
    fields = {"adjX": flips[0], "adjY": flips[1]}
    return f.ends(f.operator("BATCH_MATMUL", [x, y], [z], "BatchMatMulOptions", **fields))


def _rsqrt(rng: Rng) -> File:
    """Of no number below 0, which the kernel refuses when it meets it."""
    f, size = File(), shape(rng)
    q = quantized(rng) | {"zero_point": -128}
    scale = float(np.float32(1 / np.sqrt(q["scale"]) / 127 * 2.0 ** rng.uniform(-3, 1)))
    y = f.tensor(size, scale=scale, zero_point=int(rng.integers(-128, 128)))
    return f.ends(f.operator("RSQRT", [f.input(size, **q)], [y]))


def _div(rng: Rng) -> File:
    """By constants that are not 0, of which the kernel says nothing."""
    f, size, q, other = File(), shape(rng), quantized(rng), quantized(rng)
    divisors = codes(rng, size if rng.random() < 0.5 else size[-1:])
    divisors[divisors == other["zero_point"]] += 1 if other["zero_point"] < 127 else -1
    scale = q["scale"] / other["scale"] / 40 * 2.0 ** rng.uniform(-3, 3)
    y = f.tensor(size, scale=float(np.float32(scale)), zero_point=int(rng.integers(-128, 128)))
    pair = [f.input(size, **q), f.constant(divisors, "int8", **other)]
    fields = {"fusedActivationFunction": int(rng.choice((0, 0, 1, 3)))}
    return f.ends(f.operator("DIV", pair, [y], "DivOptions", **fields))


def _squared_difference(rng: Rng) -> File:
    f, size, q = File(), shape(rng), quantized(rng)
    other = related(rng, q)
    second = f.input(size, **other) if rng.random() < 0.6 else None
    if second is None:
        second = f.constant(codes(rng, size[-1:]), "int8", **other)
    scale = max(q["scale"], other["scale"]) ** 2 * 128 * 2.0 ** rng.uniform(-2, 2)
    y = f.tensor(size, scale=float(np.float32(scale)), zero_point=int(rng.integers(-128, 128)))
    pair = [f.input(size, **q), second]
    return f.ends(f.operator("SQUARED_DIFFERENCE", pair, [y], "SquaredDifferenceOptions"))


def _resize_bilinear(rng: Rng) -> File:
    f, size, q = File(), shape(rng, 4), quantized(rng)
    sides = rng.integers(1, 12, 2).tolist()
    fields: dict = [{}, {"alignCorners": True}, {"halfPixelCenters": True}][int(rng.integers(3))]
    x, y = f.input(size, **q), f.tensor((1, *sides, size[3]), **q)
    inputs = [x, f.constant(sides)]
    return f.ends(f.operator("RESIZE_BILINEAR", inputs, [y], "ResizeBilinearOptions", **fields))


def _cumsum(rng: Rng) -> File:
    f, size, q = File(), shape(rng), quantized(rng)
    axis = int(rng.integers(1, len(size)))
    fields = {name: bool(rng.random() < 0.5) for name in ("exclusive", "reverse")}
    x, y = f.input(size, **q), f.tensor(size, **related(rng, q))
    inputs = [x, f.constant(axis - len(size) if rng.random() < 0.3 else axis)]
    return f.ends(f.operator("CUMSUM", inputs, [y], "CumsumOptions", **fields))


FOR_DRIVER: Mapping[str, Callable[[Rng], File]] = MappingProxyType(
    {
        "BATCH_MATMUL": _batch_matmul,
        "RSQRT": _rsqrt,
        "DIV": _div,
        "SQUARED_DIFFERENCE": _squared_difference,
        "RESIZE_BILINEAR": _resize_bilinear,
        "CUMSUM": _cumsum,
    }
)
