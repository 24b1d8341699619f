"""auto_pad places windows where ONNX Runtime does, also where strides leave out pixels."""

import itertools

import numpy as np
import pytest

import accel
from accel.compiler.frontends.onnx.reader import read
from accel.compiler.graph.interpreter import run
from accel.config import AcceleratorConfig
from tests.support.networks.onnx.operators import Model
from tests.support.oracles.onnx import onnx_runtime

MODES = ("SAME_UPPER", "SAME_LOWER")
CASES = [(k, s, n) for k, s, n in itertools.product((1, 2, 3), (1, 2, 3, 4, 5, 7), range(3, 16))]
KINDS = ("QLinearConv", "depthwise", "MaxPool", "QLinearAveragePool")


def _model(kind: str, mode: str, kernel, stride, size) -> Model:
    channels = 2
    m = Model((channels, *size), np.int8, np.random.default_rng(0), np.int8)
    x = [m.constant("xs", 1, np.float32), m.constant("xz", 3, np.int8)]
    y = [m.constant("ys", 1, np.float32), m.constant("yz", -5, np.int8)]
    where = {"auto_pad": mode, "kernel_shape": kernel, "strides": stride}
    if kind == "MaxPool":
        m.add(kind, ["x"], ["y"], **where)
    elif kind == "QLinearAveragePool":
        m.add(kind, ["x", *x, *y], ["y"], **where)
    else:
        groups = channels if kind == "depthwise" else 1
        w = m.random.integers(-100, 100, (channels, channels // groups, *kernel))
        scale = m.constant("ws", 1 / 64, np.float32)
        weights = [m.constant("w", w, np.int8), scale, m.constant("wz", 0, np.int8)]
        m.add("QLinearConv", ["x", *x, *weights, *y], ["y"], group=groups, **where)
    return m


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS)
def test_windows_begin_where_the_runtimes_do(kind, mode):
    """The other axis has another size and stride, so that a confusion of the two is seen."""
    for index, (kernel, stride, size) in enumerate(CASES):
        other = CASES[(7 * index + 3) % len(CASES)]
        m = _model(
            kind, mode, *([a, b] for a, b in zip((kernel, stride, size), other, strict=True))
        )
        x = m.codes((2, *m.shape), np.int8)
        graph = read(m.bytes(), "padded.onnx")
        answer = onnx_runtime(m.bytes(), {"x": x})[0]
        found = run(graph, x)[graph.outputs[0]]
        np.testing.assert_array_equal(found, answer, str((kind, mode, kernel, stride, size, other)))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_core_leaves_out_the_same_pixels(kind, mode):
    for kernel, stride, size in ((1, 4, 9), (2, 5, 10), (1, 7, 15)):
        m = _model(kind, mode, [kernel, 1], [stride, 3], [size, 7])
        x = m.codes((3, *m.shape), np.int8)
        program = accel.compile(read(m.bytes(), "padded.onnx"), config=AcceleratorConfig())
        np.testing.assert_array_equal(
            program.run(x, "machine").output, program.run(x, "reference").output
        )
        program.close()
