"""Whole third-party networks, layer by layer and against recorded answers."""

import re

import numpy as np
import pytest

from accel.compiler.frontends import load
from accel.compiler.reference import InvalidInput, run
from tests.oracle import tflm
from tests.shared import shared, stimuli

KWS = "models/mlperf_tiny/kws01_dscnn_int8.tflite"
RECORDED = {
    "kws01_dscnn_int8": "kws01",
    "vww01_mobilenet_int8": "vww01",
}


def recorded(name):
    return np.load(shared(f"golden/{name}.npz"))["TFLM"]


@pytest.mark.parametrize("model", RECORDED)
def test_outputs_equal_the_recorded_ones(model):
    graph = load(shared(f"models/mlperf_tiny/{model}.tflite"))
    answers = run(graph, stimuli(RECORDED[model]))[graph.outputs[0]]
    np.testing.assert_array_equal(answers, recorded(f"mlperf_tiny/{model}"))


def test_autoencoder_equals_the_recorded_one():
    graph = load(shared("models/mlperf_tiny/ad01_int8.tflite"))
    frames = np.load(shared("data/ad01.npz"))["x"].astype(np.float32)
    starts = (0, 49, 98, 147)
    windows = [spectrum[t : t + 5].reshape(-1) for spectrum in frames for t in starts]
    real = np.array(windows) / np.float32(0.3910152316093445)
    codes = np.clip(np.sign(real) * np.floor(np.abs(real) + 0.5) + 89, -128, 127).astype(np.int8)
    answers = run(graph, codes)[graph.outputs[0]]
    np.testing.assert_array_equal(answers, recorded("mlperf_tiny/ad01_int8"))


def test_sine_equals_the_recorded_one():
    graph = load(shared("models/tflm/hello_world_int8.tflite"))
    codes = np.arange(-128, 128, dtype=np.int8).reshape(-1, 1)
    answers = run(graph, codes)[graph.outputs[0]]
    np.testing.assert_array_equal(answers, recorded("tflm/hello_world_int8"))


def test_every_layer_of_keyword_spotting_equals_the_oracle():
    path = shared(KWS)
    graph, inputs = load(path), stimuli("kws01")[:10]
    expected = tflm(path.read_bytes(), inputs, all_tensors=True)
    answers = run(graph, inputs, keep=expected)
    assert len(expected) == len(graph.nodes) == 13
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
