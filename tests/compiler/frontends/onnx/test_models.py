"""Third-party ONNX models against the recorded answers of ONNX Runtime 1.32.0."""

import numpy as np
import pytest

from accel.compiler.frontends import load
from accel.compiler.graph.interpreter import run
from tests.support.networks.third_party_onnx import RECORDED, SHARES
from tests.support.shared import shared

WEIGHTED = ("conv2d", "fully_connected")


@pytest.fixture(params=RECORDED, scope="module")
def recorded(request):
    """A model, its graph, and our answers."""
    model = RECORDED[request.param]
    graph = load(shared(model.path))
    return model, graph, run(graph, model.inputs)[graph.outputs[0]]


@pytest.mark.parametrize("level", ["ALL", "NONE"])
def test_as_many_elements_differ_as_the_runtime_computes_in_float32(recorded, level):
    model, _, answer = recorded
    expected = model.golden(level)
    assert answer.shape == expected.shape
    assert answer.dtype == np.float32
    share = (answer != expected).mean()
    assert share <= SHARES.get((model.path, level), 0.0)


def test_the_contract_is_onnx(recorded):
    _, graph, _ = recorded
    assert graph.contract == "onnx"


def test_channels_first_cost_nothing_inside(recorded):
    """Images are transposed when they come in; after that, constants are permuted instead."""
    _, graph, _ = recorded
    first = next(i for i, node in enumerate(graph) if node.operator in WEIGHTED)
    assert "transpose" not in [node.operator for node in graph.nodes[first:]]
