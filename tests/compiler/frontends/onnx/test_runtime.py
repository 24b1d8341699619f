"""Random models of one operator on codes: no element differs from what ONNX Runtime answers."""

import numpy as np
import pytest
from hypothesis import given, settings

from accel.compiler.frontends.onnx.reader import read
from accel.compiler.graph.interpreter import run
from tests.support.networks.onnx.moves import networks
from tests.support.networks.onnx.operators import MODELS, Model
from tests.support.oracles.onnx import onnx_runtime

EXAMPLES = 150


@pytest.mark.parametrize("name", MODELS)
def test_no_element_differs(name):
    @settings(max_examples=EXAMPLES)
    @given(MODELS[name])
    def check(model):
        data, inputs = model.bytes(), model.inputs()
        # Its optimizer takes two quantizations in a row for one.
        level = "NONE" if name.startswith("QuantizeLinear") else "ALL"
        (expected,) = onnx_runtime(data, {"x": inputs}, level)
        graph = read(data, "random.onnx")
        assert graph.contract == "onnx"
        answer = run(graph, inputs)[graph.outputs[0]]
        assert answer.dtype == expected.dtype
        np.testing.assert_array_equal(answer, expected)

    check()


@settings(max_examples=300)
@given(networks())
def test_values_arrive_where_they_belong(model):
    data, inputs = model.bytes(), model.inputs()
    expected = [onnx_runtime(data, {"x": x[np.newaxis]})[0] for x in inputs]
    graph = read(data, "random.onnx")
    answer = run(graph, inputs)[graph.outputs[0]]
    np.testing.assert_array_equal(answer, np.concatenate(expected))


FUNCTIONS = {
    "Relu": {},
    "Sigmoid": {},
    "Tanh": {},
    "HardSwish": {},
    "Abs": {},
    "Elu": {},
    "LeakyRelu": {"alpha": 0.1},
    "Identity": {},
    "Clip": {},
    "Sub": {},
    "ReduceMean": {"axes": [2, 3]},
    "GlobalAveragePool": {},
    "Softmax": {},
}
# Where the runtime computes exponentials in its own way, a code at a half may be the other one.
BESIDE = {"Tanh": 2e-4, "Elu": 2e-4}
# Of the operators that it has for codes, some are other functions than the float32 ones.
ON_CODES = ("Softmax",)


@pytest.mark.parametrize("operator", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.uint8, np.int8], ids=["uint8", "int8"])
def test_functions_between_conversions(operator, dtype):
    differing, size = 0, 0
    for seed in range(40):
        model = Model((4, 8, 8), dtype, np.random.default_rng(seed), dtype)
        x, y = model.quantization("x", dtype), model.quantization("y", dtype)
        inputs = ["a"]
        if operator == "Clip":
            inputs += [model.constant("low", 0, np.float32), model.constant("high", 6, np.float32)]
        if operator == "Sub":
            inputs.append("a")
        model.add("DequantizeLinear", ["x", *x], ["a"])
        model.add(operator, inputs, ["b"], **FUNCTIONS[operator])
        model.add("QuantizeLinear", ["b", *y], ["y"])
        data, codes = model.bytes(), model.inputs(1)
        codes[0] = np.resize(np.arange(256) + np.iinfo(dtype).min, (4, 8, 8)).astype(dtype)
        level = "ALL" if operator in ON_CODES else "NONE"
        (expected,) = onnx_runtime(data, {"x": codes}, level)
        graph = read(data, "random.onnx")
        answer = run(graph, codes)[graph.outputs[0]]
        steps = np.abs(answer.astype(int) - expected.astype(int))
        assert steps.max() <= 1
        differing, size = differing + int(np.count_nonzero(steps)), size + steps.size
    assert differing <= BESIDE.get(operator, 0) * size
