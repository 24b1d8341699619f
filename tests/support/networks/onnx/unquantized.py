"""Random ONNX models of one layer that nothing quantizes: its output is real numbers."""

import numpy as np
from hypothesis import strategies as st

from tests.support.networks.onnx.draw import Draw
from tests.support.networks.onnx.operators import MICROSOFT

PRODUCTS, IMAGES = ("MatMul", "Gemm", "QGemm"), ("Conv", "depthwise")
MOST = 150  # input channels


def drawn(seed: int, *kinds: str) -> Draw:
    """A model of one layer, of one of some kinds."""
    d = Draw(np.random.default_rng(seed))
    kind = d.one_of(*kinds or (*PRODUCTS, *IMAGES))
    result = _image(d, kind) if kind in IMAGES else _product(d, kind)
    if d.chance(0.3):
        result = d.add("Relu", [result])
    d.whole(result, np.float32)
    return d


def models() -> st.SearchStrategy[Draw]:
    """Such models."""
    return st.integers(0, 2**32 - 1).map(drawn)


def _weights(d: Draw, shape: tuple[int, ...], axis: int) -> tuple[list[str], np.ndarray]:
    """Codes, scales and zero points of weights, and the scales."""
    dtype, count = d.dtype(), shape[axis]
    codes = d.random.integers(-60, 61, shape) + (128 if dtype == np.uint8 else 0)
    many = d.chance(0.5)
    scales = np.float32([d.scale_near(0.01) for _ in range(count)] if many else d.scale_near(0.01))
    zeros = np.full(scales.shape, 128 if dtype == np.uint8 else 0)
    names = [
        d.constant(codes, dtype), d.constant(scales, np.float32), d.constant(zeros, dtype)
    ]  # fmt: skip
    return names, scales


def _bias(d: Draw, scales: np.ndarray, count: int) -> str:
    return d.constant(d.random.integers(-9000, 9000, count), np.int32)


def _product(d: Draw, kind: str) -> str:
    depth, out = d.size(2, MOST), d.size(1, 9)
    dtype = d.dtype()
    weights, scales = _weights(d, (depth, out), 1)
    if kind == "QGemm":
        x, q = d.coded((depth,), dtype)
        bias = [_bias(d, scales, out)] if d.chance(0.5) else []
        return d.add("QGemm", [x, *q, *weights, *bias], MICROSOFT)
    d.codes_in = False
    x = d.real((depth,), dtype)
    real = d.add("DequantizeLinear", weights, axis=1)
    if d.chance(0.5):
        return d.add(kind, [x, real])
    unit = np.float32(d.scale) * scales
    zeros = d.constant(np.zeros(unit.shape), np.int32)
    codes = [_bias(d, scales, out), d.constant(unit, np.float32), zeros]
    bias = d.add("DequantizeLinear", codes, axis=0)
    if kind == "MatMul":
        return d.add("Add", [d.add("MatMul", [x, real]), bias])
    return d.add("Gemm", [x, real, bias])


def _image(d: Draw, kind: str) -> str:
    depth, size, kernel = d.size(1, 24), d.size(3, 6), d.size(1, 3)
    groups = depth if kind == "depthwise" else 1
    out = depth if groups > 1 else d.size(1, 9)
    d.codes_in = False
    x = d.real((depth, size, size), d.dtype())
    weights, _ = _weights(d, (out, depth // groups, kernel, kernel), 0)
    real = d.add("DequantizeLinear", weights, axis=0)
    bias = [d.constant(d.random.normal(size=out), np.float32)] if d.chance(0.5) else []
    pads = [kernel // 2] * 4
    return d.add("Conv", [x, real, *bias], pads=pads, group=groups)
