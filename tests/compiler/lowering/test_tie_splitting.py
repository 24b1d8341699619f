"""Means and sums that ONNX Runtime rounds half to even are exact on the core, in more layers."""

import numpy as np
import pytest

from accel.api import Program
from accel.compiler.compile import compile_graph
from accel.compiler.frontends.onnx.reader import read
from accel.compiler.graph.interpreter import run
from accel.compiler.lowering import tie_splitting
from accel.config import AcceleratorConfig
from tests.support.networks.onnx.operators import Model
from tests.support.oracles.onnx import onnx_runtime

CONFIG = AcceleratorConfig()
TYPES = [np.int8, np.uint8]


def quantization(m, name, scale, zero):
    offset = 128 if m.dtype == np.uint8 else 0
    scale = m.constant(f"{name}_scale", scale, np.float32)
    return [scale, m.constant(f"{name}_zero", zero + offset, m.dtype)]


def assert_same(m):
    """The machine's answers are the runtime's; the names of the layers that compute them."""
    data, inputs = m.bytes(), m.inputs(4)
    (expected,) = onnx_runtime(data, {"x": inputs})
    graph = read(data, "ties.onnx")
    program = Program(compile_graph(graph, CONFIG))
    (name,) = graph.outputs
    assert not any(command.inexact for command in program.code.commands)
    answer = program.session.execute("machine", inputs, (name,)).tensors[name]
    np.testing.assert_array_equal(answer, expected)
    return [command.name for command in program.code.commands]


def mean(dtype, scales, zeros):
    m = Model((3, 5, 8), dtype, np.random.default_rng(2), dtype)
    x, y = (quantization(m, *q) for q in zip("xy", scales, zeros, strict=True))
    m.add("DequantizeLinear", ["x", *x], ["real"])
    m.add("ReduceMean", ["real"], ["mean"], axes=[3], keepdims=1)
    m.add("QuantizeLinear", ["mean", *y], ["y"])
    return m


@pytest.mark.parametrize("dtype", TYPES)
def test_a_mean_that_no_division_gives_is_two_layers(dtype):
    assert len(assert_same(mean(dtype, (0.02, 0.011), (5, 3)))) == 2


def test_a_mean_that_a_division_gives_stays_one_layer():
    assert len(assert_same(mean(np.int8, (0.02, 0.0113), (5, 3)))) == 1


def test_windows_of_several_sizes_may_be_in_two_layers(monkeypatch):
    """Padding is not counted, so that windows at the border are smaller."""
    monkeypatch.setattr(tie_splitting, "accepted", lambda c, config, exact: False)
    m = Model((2, 7, 7), np.int8, np.random.default_rng(3), np.int8)
    x, y = quantization(m, "x", 0.03, 5), quantization(m, "y", 0.03, 3)
    m.add("DequantizeLinear", ["x", *x], ["real"])
    attributes = {"kernel_shape": [2, 4], "strides": [2, 2], "pads": [1, 1, 0, 0]}
    m.add("AveragePool", ["real"], ["mean"], count_include_pad=0, **attributes)
    m.add("QuantizeLinear", ["mean", *y], ["y"])
    graph, inputs = read(m.bytes(), "ties.onnx"), m.inputs(8)
    program = Program(compile_graph(graph, CONFIG))
    (name,) = graph.outputs
    answer = program.session.execute("machine", inputs, (name,)).tensors[name]
    np.testing.assert_array_equal(answer, run(graph, inputs)[name])
    names = [command.name for command in program.code.commands]
    assert len(names) == 2 * sum("_up" in name for name in names) > 2


def added(dtype, scales, zeros, operator):
    """The sum of a tensor and its neighbourhood's greatest codes, in another quantization."""
    m = Model((4, 6, 6), dtype, np.random.default_rng(4), dtype)
    a, b, y = (quantization(m, *q) for q in zip("aby", scales, zeros, strict=True))
    if scales[0] == scales[1]:
        m.add("MaxPool", ["x"], ["z"], kernel_shape=[2, 2], pads=[1, 1, 0, 0])
    else:
        m.add("MaxPool", ["x"], ["greatest"], kernel_shape=[2, 2], pads=[1, 1, 0, 0])
        m.add("DequantizeLinear", ["greatest", *a], ["greatest_real"])
        m.add("QuantizeLinear", ["greatest_real", *b], ["z"])
    if operator == "QLinearAdd":
        m.add("QLinearAdd", ["x", *a, "z", *b, *y], ["y"])
        return m
    m.add("DequantizeLinear", ["x", *a], ["x_real"])
    m.add("DequantizeLinear", ["z", *b], ["z_real"])
    m.add("Add", ["x_real", "z_real"], ["sum"])
    m.add("QuantizeLinear", ["sum", *y], ["y"])
    return m


@pytest.mark.parametrize("operator", ["QLinearAdd", "Add"])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    "scales, zeros",
    [
        ((0.125, 0.125, 0.25), (0, 0, 0)),
        ((0.2, 0.15, 0.3), (3, -4, 17)),
        ((0.03, 0.03, 0.08), (5, 5, -3)),
    ],
)
def test_sums_with_halves_are_exact(scales, zeros, dtype, operator):
    layers = assert_same(added(dtype, scales, zeros, operator))
    assert any("_sum1" in name for name in layers) or scales[0] != scales[1]


def test_a_sum_without_halves_stays_one_layer():
    layers = assert_same(added(np.int8, (0.03, 0.03, 0.0801), (5, 5, -3), "QLinearAdd"))
    assert not any("_sum" in name for name in layers)
