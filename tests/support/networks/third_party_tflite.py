"""Third-party TFLite networks, what to feed them with, and what they answer."""

import numpy as np

from accel.numeric import affine
from tests.support.shared import shared, stimuli


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


def images(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


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
    "mlperf_tiny/sww01_int8": lambda: noise((60, 30, 1, 40), np.int8),
    "tflm/person_detect": lambda: noise((40, 96, 96, 1), np.int8),
    "tinymaix/mbnet96_0.25_q": lambda: noise((25, 96, 96, 3), np.int8),
    "tinyengine/vww": lambda: images((25, 80, 80, 3)),
}


def recorded(model: str, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and recorded answers of a model of ``RECORDED``, about ``samples`` spread over all."""
    inputs, answers = RECORDED[model](), np.load(shared(f"golden/{model}.npz"))["TFLM"]
    assert len(inputs) == len(answers)
    some = slice(None, None, -(-len(inputs) // samples))
    return inputs[some], answers[some]
