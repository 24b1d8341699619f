"""Whole third-party networks, layer by layer and against recorded answers."""

import re

import numpy as np
import pytest

from accel.compiler.frontends import load
from accel.compiler.graph.interpreter import InvalidInput, run
from tests.support.networks.third_party_tflite import LIVE, RECORDED, recorded
from tests.support.oracles.tflm import tflm
from tests.support.shared import shared, stimuli

KWS = "models/mlperf_tiny/kws01_dscnn_int8.tflite"
SAMPLES = 50  # of those that are recorded, spread over all of them


def test_every_model_that_is_known_is_there():
    found = {str(path.relative_to(shared("models"))) for path in shared("models").rglob("*.tflite")}
    assert found >= {f"{name}.tflite" for name in (*RECORDED, *LIVE)}


@pytest.mark.parametrize("model", RECORDED)
def test_outputs_equal_the_recorded_ones(model):
    graph = load(shared(f"models/{model}.tflite"))
    inputs, expected = recorded(model, SAMPLES)
    np.testing.assert_array_equal(run(graph, inputs)[graph.outputs[0]], expected)


@pytest.mark.parametrize("model", LIVE)
def test_outputs_equal_the_oracles(model):
    path = shared(f"models/{model}.tflite")
    graph, inputs = load(path), LIVE[model]()
    inputs = inputs[:: -(-len(inputs) // SAMPLES)]
    answers = run(graph, inputs)[graph.outputs[0]]
    np.testing.assert_array_equal(answers, tflm(path.read_bytes(), inputs))


@pytest.mark.parametrize(
    ("model", "data", "layers"),
    [(KWS, "kws01", 13), ("models/mlperf_tiny/ic01_resnet_int8.tflite", "ic01", 16)],
)
def test_every_layer_equals_the_oracle(model, data, layers):
    path = shared(model)
    graph, inputs = load(path), stimuli(data)[:10]
    expected = tflm(path.read_bytes(), inputs, all_tensors=True)
    answers = run(graph, inputs, keep=expected)
    assert len(expected) == len(graph.nodes) == layers
    for name, layer in expected.items():
        np.testing.assert_array_equal(answers[name], layer, err_msg=name)


def test_layers_can_be_kept_by_name():
    graph = load(shared(KWS))
    everything = run(graph, stimuli("kws01")[:70], keep=graph.tensors)
    assert set(everything) == {name for name, t in graph.tensors.items() if not t.constant}
    assert all(len(array) == 70 for array in everything.values())


def test_input_must_have_its_shape_and_type():
    graph = load(shared(KWS))
    message = "kws01_dscnn_int8: input 'input_1' must be int8 [N, 49, 10, 1], not float64 [1, 49]"
    with pytest.raises(InvalidInput, match=f"^{re.escape(message)}$"):
        run(graph, np.zeros((1, 49)))
