"""Paddings, slices, constants and sums of all shapes are those of ONNX Runtime."""

import numpy as np
import pytest

from accel.api import Program
from accel.compiler.compile import compile_graph
from accel.compiler.frontends.onnx.reader import read
from accel.config import AcceleratorConfig
from tests.support.networks.onnx.draw import Draw
from tests.support.oracles.onnx import one_by_one

CONFIG = AcceleratorConfig(weight_steps=8192)
MODES = ("reflect", "edge", "wrap")


def drawn(seed):
    d = Draw(np.random.default_rng(seed))
    d.exact = False  # at exact halves of sums, the runtime's order of additions decides
    return d, tuple(d.size(2, 6) for _ in range(d.size(1, 3)))


def assert_exact(d):
    x = d.inputs()
    expected = one_by_one(d.bytes(), x)
    graph = read(d.bytes(), "moved.onnx")
    for executor in ("reference", "machine"):
        found = Program(compile_graph(graph, CONFIG)).run(x, executor).outputs
        for name, wanted in zip(graph.outputs, expected, strict=True):
            np.testing.assert_array_equal(found[name], wanted, executor)


@pytest.mark.parametrize("seed", range(9))
@pytest.mark.parametrize("first", [False, True])
def test_padding_by_own_elements(seed, first):
    """``first`` pads before anything is quantized."""
    d, shape = drawn(seed)
    mode, dtype = MODES[seed % len(MODES)], d.dtype()
    pads = [[0, *(d.size(0, min(2, n - 1)) for n in shape)] for _ in range(2)]
    constant = d.constant([*pads[0], *pads[1]], np.int64)
    if first:
        d.codes_in = False
        d.ports["x"] = shape, np.dtype(np.float32)
        q = d.quantization(d.scale_near(0.05), dtype)
        codes = d.add("QuantizeLinear", [d.add("Pad", ["x", constant], mode=mode), *q])
        real = d.add("DequantizeLinear", [codes, *q])
        d.end(d.add("Relu", [real]), d.scale_near(0.05), dtype)
    else:
        d.end(d.add("Pad", [d.real(shape, dtype), constant], mode=mode), d.scale, dtype)
    assert_exact(d)


@pytest.mark.parametrize("seed", range(6))
def test_slices_backwards(seed):
    d, shape = drawn(seed)
    steps = [d.one_of(1, 2, -1, -2, -3) for _ in shape]
    starts = [d.size(0, n - 1) for n in shape]
    ends = [n if step > 0 else -n - 1 for n, step in zip(shape, steps, strict=True)]
    lists = (starts, ends, range(1, len(shape) + 1), steps)
    inputs = [d.constant(list(values), np.int64) for values in lists]
    dtype = d.dtype()
    d.end(d.add("Slice", [d.real(shape, dtype), *inputs]), d.scale, dtype)
    assert_exact(d)


@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul", "Concat"])
@pytest.mark.parametrize("seed", range(3))
def test_constants_of_every_shape(seed, operator):
    d, shape = drawn(seed)
    dtype, axis = d.dtype(), d.size(1, len(shape))
    smaller = (1, *(d.one_of(n, 1) for n in shape))
    constant = (1, *shape) if operator == "Concat" else smaller[d.size(0, 1) :]
    real = d.real(shape, dtype)
    limits = np.iinfo(dtype)
    codes = d.constant(d.random.integers(limits.min, limits.max + 1, constant), dtype)
    q = d.quantization(d.scale_near(0.05), dtype)
    pair = [real, d.add("DequantizeLinear", [codes, *q])]
    fields = {"axis": axis} if operator == "Concat" else {}
    d.end(d.add(operator, pair if d.chance(0.5) else pair[::-1], **fields), 2 * d.scale, dtype)
    assert_exact(d)


@pytest.mark.parametrize("seed", range(4))
def test_sums_along_axes(seed):
    d, shape = drawn(seed)
    axes = sorted({d.size(1, len(shape)) for _ in shape})
    dtype, keep = d.dtype(), d.size(0, 1)
    real = d.real(shape, dtype)
    total = d.add("ReduceSum", [real, d.constant(axes, np.int64)], keepdims=keep)
    d.end(total, d.scale * 2.3, dtype)
    assert_exact(d)
