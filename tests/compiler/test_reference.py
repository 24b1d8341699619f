"""Whole third-party networks, layer by layer and against recorded answers."""

import re

import numpy as np
import pytest

from accel.compiler.frontends import load
from accel.compiler.reference import InvalidInput, run
from accel.numeric import affine
from tests.oracle import tflm
from tests.shared import shared, stimuli

KWS = "models/mlperf_tiny/kws01_dscnn_int8.tflite"
SAMPLES = 50  # of those that are recorded, spread over all of them


def mnist() -> np.ndarray:
    return stimuli("mnist")[..., np.newaxis]


def spectra() -> np.ndarray:
    """ad01's windows of 5 frames, float32."""
    frames = np.load(shared("data/ad01.npz"))["x"].astype(np.float32)
    starts = (0, 49, 98, 147)
    return np.array([spectrum[t : t + 5].reshape(-1) for spectrum in frames for t in starts])


def quantized_spectra() -> np.ndarray:
    return affine.quantize(spectra(), 0.3910152316093445, 89).astype(np.int8)


def codes() -> np.ndarray:
    return np.arange(-128, 128, dtype=np.int8).reshape(-1, 1)


def noise(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    random = np.random.default_rng(0)
    if dtype is np.float32:
        return random.normal(scale=500.0, size=shape).astype(np.float32)
    return random.integers(-128, 128, shape).astype(dtype)


# Models with recorded answers, and models that the oracle runs here.
RECORDED = {
    "mlperf_tiny/kws01_dscnn_int8": lambda: stimuli("kws01"),
    "mlperf_tiny/vww01_mobilenet_int8": lambda: stimuli("vww01"),
    "mlperf_tiny/ic01_resnet_int8": lambda: stimuli("ic01"),
    "mlperf_tiny/ad01_int8": quantized_spectra,
    "tflm/hello_world_int8": codes,
    "tinymaix/cifar10_q": lambda: stimuli("ic01"),
    "tinymaix/mnist_arduino_q": mnist,
    "tinymaix/mnist_rect_q": mnist,
    "tinymaix/mnist_valid_q": mnist,
}
LIVE = {
    "cfu/magic_wand": lambda: noise((200, 128, 3, 1), np.float32),
    "tflm/micro_speech_quantized": lambda: noise((200, 1960), np.int8),
    "tinyengine/ptq_mnist_lenet-300-100": lambda: (mnist() + np.float32(128)) / np.float32(255),
    "mlperf_tiny_v05/model_ToyCar_quant_fullint": spectra,
}


def test_every_model_is_known():
    found = {str(path.relative_to(shared("models"))) for path in shared("models").rglob("*.tflite")}
    assert found == {f"{name}.tflite" for name in (*RECORDED, *LIVE)}


@pytest.mark.parametrize("model", RECORDED)
def test_outputs_equal_the_recorded_ones(model):
    graph, inputs = load(shared(f"models/{model}.tflite")), RECORDED[model]()
    expected = np.load(shared(f"golden/{model}.npz"))["TFLM"]
    assert len(inputs) == len(expected)
    some = slice(None, None, -(-len(inputs) // SAMPLES))
    np.testing.assert_array_equal(run(graph, inputs[some])[graph.outputs[0]], expected[some])


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
