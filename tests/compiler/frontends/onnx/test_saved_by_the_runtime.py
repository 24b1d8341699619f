"""Files that ONNX Runtime saved after its optimizations are answered as it answers them."""

import numpy as np
import onnx
import pytest

from tests.support.networks.onnx.qdq import Qdq, built, check
from tests.support.oracles.onnx import FATAL_ONLY, onnxruntime

SAME = {"pads": [1] * 4}


def conv(m: Qdq, x: str, channels: int = 4, depth: int = 3, kernel: int = 3) -> str:
    pads = [kernel // 2] * 4
    return m.add("Conv", x, m.weights(channels, depth, kernel, kernel, axis=0), pads=pads)


def first(m: Qdq) -> str:
    return m.both(conv(m, m.input()))


TWO = {"kernel_shape": [2, 2], "strides": [2, 2]}


def largest(m: Qdq) -> str:
    """A pooling of codes: the scale is the same before and after it."""
    pair = m.pair()
    x = m.dequantize(m.quantize(conv(m, m.input()), pair), *pair)
    x = m.quantize(m.add("MaxPool", x, **TWO), pair)
    return conv(m, m.dequantize(x, *pair), 5, 4)


def residual(m: Qdq) -> str:
    x = first(m)
    return m.add("Add", x, m.both(conv(m, x, 4, 4)))


def gate(m: Qdq) -> str:
    x = first(m)
    return m.add("Mul", x, m.both(m.add("Sigmoid", m.both(conv(m, x, 4, 4))), 0.00391))


def joined(m: Qdq) -> str:
    x = first(m)
    parts = m.add("Concat", x, m.both(conv(m, x, 4, 4)), axis=1)
    return conv(m, m.both(parts), 4, 8, 1)


def dense(m: Qdq) -> str:
    x = m.both(m.add("Flatten", m.both(m.add("GlobalAveragePool", first(m)))))
    x = m.both(m.add("Relu", m.add("Gemm", x, m.weights(4, 6), m.numbers(6))))
    return m.add("Softmax", m.both(m.add("Gemm", x, m.weights(6, 5))), axis=-1)


def clipped(m: Qdq) -> str:
    ends = m.constant(0, np.float32), m.constant(6, np.float32)
    return conv(m, m.both(m.add("Clip", conv(m, m.input()), *ends)), 5, 4, 1)


def one_dimension(m: Qdq) -> str:
    x = m.both(m.add("Reshape", m.input(), m.constant([1, 3, 64], np.int64)))
    x = m.both(m.add("Conv", x, m.weights(4, 3, 3, axis=0), pads=[1, 1]))
    return m.add("Conv", x, m.weights(5, 4, 1))


def transposed_weights(m: Qdq) -> str:
    x = m.both(m.add("Reshape", first(m), m.constant([1, 4, 64], np.int64)))
    return m.add("MatMul", x, m.add("Transpose", m.weights(5, 64), perm=[1, 0]))


NETWORKS = {
    "convolution": lambda m: conv(m, first(m), 5, 4),
    "depthwise": lambda m: m.add("Conv", first(m), m.weights(4, 1, 3, 3), group=4, **SAME),
    "rectified": lambda m: m.add("Relu", conv(m, first(m), 5, 4)),
    "clipped": clipped,
    "largest": largest,
    "averages": lambda m: conv(m, m.both(m.add("AveragePool", first(m), **TWO)), 5, 4),
    "residual": residual,
    "gate": gate,
    "joined": joined,
    "leaky": lambda m: conv(m, m.both(m.add("LeakyRelu", first(m), alpha=0.1)), 5, 4),
    "hard swish": lambda m: m.add("HardSwish", first(m)),
    "dense": dense,
    "product": lambda m: m.add("MatMul", first(m), m.weights(8, 5)),
    "one dimension": one_dimension,
    "transposed weights": transposed_weights,
}
LEVELS = ("BASIC", "EXTENDED", "ALL")


def saved(data: bytes, path, level: str) -> set[str]:
    """Save a model as the runtime optimizes it; return its operators."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    options.optimized_model_filepath = str(path)
    options.graph_optimization_level = getattr(
        onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level}"
    )
    onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return {node.op_type for node in onnx.load(path).graph.node}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_level_is_read(name, tmp_path):
    for seed, dtype in enumerate((np.int8, np.uint8)):
        m, data = built(NETWORKS[name], (3, 8, 8), dtype=dtype, seed=seed)
        for level in LEVELS:
            path = tmp_path / f"{level}_{seed}.onnx"
            saved(data, path, level)
            check(path, m.samples(), "ALL")


def test_these_networks_have_the_runtimes_own_operators(tmp_path):
    found = set()
    for build in NETWORKS.values():
        _, data = built(build, (3, 8, 8), dtype=np.uint8)
        found |= saved(data, tmp_path / "m.onnx", "ALL")
    for operator in (
        *("QLinearConv", "QGemm", "QLinearMatMul", "QLinearAdd", "QLinearMul", "QLinearConcat"),
        *("QLinearAveragePool", "QLinearGlobalAveragePool", "QLinearLeakyRelu", "QLinearSigmoid"),
        *("QLinearSoftmax", "NhwcMaxPool", "FusedConv", "FusedGemm", "HardSigmoid"),
    ):
        assert operator in found, operator
