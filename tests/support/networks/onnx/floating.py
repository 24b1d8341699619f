"""Float ONNX networks to quantize, with random weights, as Models that can still be edited."""

import numpy as np

from tests.support.networks.onnx.operators import Model

SHAPE = (2, 6, 6)
CLASSES = 5


def small(seed: int = 0) -> Model:
    """A convolution with batch normalization, a pool and a matrix product."""
    m = Model(SHAPE, np.float32, np.random.default_rng(seed), np.float32)
    weights(m, "w", (8, 2, 3, 3))
    m.add("Conv", ["x", "w"], ["c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    m.add("BatchNormalization", ["c", *normalization(m, "bn", 8)], ["n"])
    m.add("Relu", ["n"], ["r"])
    m.add("GlobalAveragePool", ["r"], ["g"])
    m.add("Flatten", ["g"], ["f"])
    weights(m, "v", (CLASSES, 8))
    weights(m, "b", (CLASSES,))
    m.add("Gemm", ["f", "v", "b"], ["y"], transB=1)
    return m


def weights(m: Model, name: str, shape: tuple[int, ...]) -> str:
    fan_in = np.prod(shape[1:])
    return m.constant(name, m.random.normal(0, 1 / np.sqrt(fan_in), shape), np.float32)


def normalization(m: Model, name: str, channels: int) -> list[str]:
    """Constants of a BatchNormalization, and their names."""
    ranges = {"scale": (0.5, 2), "shift": (-1, 1), "mean": (-1, 1), "variance": (0.3, 3)}
    return [
        m.constant(f"{name}_{what}", m.random.uniform(*ends, channels), np.float32)
        for what, ends in ranges.items()
    ]


def calibration(samples: int = 24, seed: int = 1) -> np.ndarray:
    """Inputs of `small`, float32 ``[N, 2, 6, 6]``."""
    return np.random.default_rng(seed).normal(0, 1, (samples, *SHAPE)).astype(np.float32)
