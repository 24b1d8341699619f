"""Random models of one operator on codes: no element differs from what ONNX Runtime answers."""

import numpy as np
import pytest
from hypothesis import given, settings

from accel.compiler.frontends.onnx import read
from accel.compiler.reference import run
from tests.onnx_graphs import MODELS
from tests.onnx_networks import networks
from tests.oracle_onnx import onnx_runtime

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
