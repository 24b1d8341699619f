"""Operators of ONNX files that take several layers, on the machine: as ONNX Runtime has them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.api import Program
from accel.compiler.compile import compile_graph
from accel.compiler.frontends.onnx.reader import read
from accel.compiler.graph.interpreter import run
from accel.config import AcceleratorConfig
from tests.support.networks.onnx.operators import SEEDS, TYPES, Model
from tests.support.oracles.onnx import onnx_runtime

CONFIG = AcceleratorConfig()


def assert_same(model, on_core):
    data, inputs = model.bytes(), model.inputs(1)
    (expected,) = onnx_runtime(data, {"x": inputs})
    graph = read(data, "random.onnx")
    program = Program(compile_graph(graph, CONFIG))
    assert on_core <= {node.operator for node in program.code.partition.core}
    (name,) = graph.outputs
    for answer in (
        run(graph, inputs)[name],
        program.session.execute("machine", inputs, (name,)).tensors[name],
    ):
        assert answer.dtype == expected.dtype
        np.testing.assert_array_equal(answer, expected)


@settings(max_examples=40)
@given(TYPES, SEEDS, st.sampled_from(("QLinearMul", "Mul")))
def test_products_of_two_activations(dtype, seed, operator):
    """A gate of what goes through it."""
    m = Model((5, 3, 4), dtype, np.random.default_rng(seed), dtype)
    x, a, y = (m.quantization(name, dtype) for name in "xay")
    m.add("QLinearSigmoid", ["x", *x, *a], ["gate"])
    if operator == "Mul":
        m.add("DequantizeLinear", ["x", *x], ["x_real"])
        m.add("DequantizeLinear", ["gate", *a], ["gate_real"])
        m.add("Mul", ["x_real", "gate_real"], ["product"])
        m.add("QuantizeLinear", ["product", *y], ["y"])
    else:
        m.add("QLinearMul", ["x", *x, "gate", *a, *y], ["y"])
    assert_same(m, {"mul"})


@settings(max_examples=30)
@given(
    TYPES,
    SEEDS,
    st.sampled_from(("ArgMax", "ArgMin")),
    st.integers(0, 1),
    st.sampled_from(((7,), (5, 2, 3), (1,))),
)
def test_indices_of_channels(dtype, seed, operator, keepdims, shape):
    """Of a layer's results; on the core where the file's channels are ours too, which are last."""
    m = Model(shape, dtype, np.random.default_rng(seed), output=np.int64)
    x, y = m.quantization("x", dtype), m.quantization("y", dtype)
    m.add("QLinearLeakyRelu", ["x", *x, *y], ["a"], alpha=0.01)
    m.add(operator, ["a"], ["y"], axis=1, keepdims=keepdims)
    assert_same(m, {"arg_max"} if len(shape) == 1 else set())


@pytest.mark.parametrize("real", [False, True], ids=["codes", "numbers"])
def test_indices_along_another_axis_are_the_drivers(real):
    m = Model((5, 6, 3), np.uint8, np.random.default_rng(1), output=np.int64)
    x = m.quantization("x", np.uint8)
    m.add("DequantizeLinear", ["x", *x], ["a"])
    m.add("ArgMax", ["a" if real else "x"], ["y"], axis=-2, keepdims=0)
    assert_same(m, set())
