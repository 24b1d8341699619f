"""Clamps and extremes of codes and of weights; bounds in every form in which files have them."""

import numpy as np
import pytest

import accel
from accel.compiler.frontends.onnx.reader import read
from accel.config import AcceleratorConfig
from tests.support.networks.onnx.draw import Draw
from tests.support.oracles.onnx import one_by_one

SHAPE = (4, 5, 5)


class Clamped(Draw):
    """Operators on codes of one type, from an input of codes."""

    def __init__(self, dtype: type, seed: int) -> None:
        super().__init__(np.random.default_rng(seed))
        self.dtype_, self.codes_in = dtype, True

    def code(self, value: int) -> str:
        return self.constant(value + 128 * (self.dtype_ == np.uint8), self.dtype_)

    def convolution(self, source: str, clip: tuple[int, int] | None = None) -> str:
        codes = self.constant(self.random.integers(-128, 128, (3, 4, 1, 1)), np.int8)
        if clip is not None:
            codes = self.add("Clip", [codes, *(self.constant(end, np.int8) for end in clip)])
        scales = self.constant(self.random.uniform(0.008, 0.012, 3), np.float32)
        weights = self.add("DequantizeLinear", [codes, scales], axis=0)
        return self.add("Conv", [source, weights])


def assert_exact(d: Draw) -> None:
    data, inputs = d.bytes(), d.inputs()
    with accel.compile(read(data, "m.onnx"), config=AcceleratorConfig()) as program:
        found = list(program.run(inputs, "machine").outputs.values())
    answers = [one_by_one(data, inputs, level) for level in ("ALL", "NONE")]
    assert any(
        all(a.dtype == b.dtype and (a == b).all() for a, b in zip(found, answer, strict=True))
        for answer in answers
    )


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize(
    ("operator", "ends"),
    [("Clip", (-20, 33)), ("Clip", (None, 9)), ("Max", (-7,)), ("Min", (11,)), ("Max", (2, 1))],
)
def test_codes_are_compared_with_codes(operator, ends, dtype):
    d = Clamped(dtype, 3)
    x, q = d.coded(SHAPE, dtype)
    bounds = ["" if end is None else d.code(end) for end in ends]
    held = d.add(operator, [x, *bounds])
    if operator != "Clip":
        held = d.add(operator, [d.add("MaxPool", [held], kernel_shape=[1, 1]), x])
    d.end(d.add("Abs", [d.add("DequantizeLinear", [held, *q])]), 0.03, dtype)
    assert_exact(d)


@pytest.mark.parametrize("ends", [(-127, 127), (-3, 5)])
def test_codes_of_weights_are_clamped_before_they_are_dequantized(ends):
    d = Clamped(np.int8, 5)
    d.end(d.convolution(d.real(SHAPE, np.int8), ends), 0.4, np.int8)
    assert_exact(d)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("form", ["quantized", "node", "only above", "attribute", "twice"])
def test_bounds_have_many_forms(form, dtype):
    d = Clamped(dtype, 6)
    result = d.convolution(d.real(SHAPE, dtype))
    low, high = (d.constant(end, np.float32) for end in (-0.77, 1.23))
    if form == "quantized":
        scale, zero = d.constant(0.01, np.float32), d.constant(0, np.int8)
        codes = d.add("QuantizeLinear", [low, scale, zero])
        result = d.add("Clip", [result, d.add("DequantizeLinear", [codes, scale, zero]), high])
    elif form == "node":
        result = d.add("Clip", [result, d.add("Constant", [], value_float=-0.5), high])
    elif form == "only above":
        result = d.add("Clip", [result, "", high])
    elif form == "attribute":
        d.opset = 10
        del d.nodes[:], d.constants, d.ports
        d.constants, d.ports = {}, {}
        x, q = d.coded(SHAPE, dtype)
        real = d.add("DequantizeLinear", [x, *q])
        result = d.add("Clip", [real], min=-0.77, max=1.23)
    else:
        zero = d.constant(0, np.float32)
        result = d.add("Clip", [d.add("Relu", [result]), low, high])
        result = d.add("Clip", [result, zero, d.constant(6, np.float32)])
    d.end(result, 0.011, dtype)
    assert_exact(d)


def test_a_relu_and_a_clip_are_one_clamp_of_the_layer():
    d = Clamped(np.int8, 8)
    result = d.add("Relu", [d.convolution(d.real(SHAPE, np.int8))])
    ends = [d.constant(end, np.float32) for end in (-1.5, 0.9)]
    d.end(d.add("Clip", [result, *ends]), 0.01, np.int8)
    graph = read(d.bytes(), "m.onnx")
    (layer,) = (node for node in graph if node.operator == "conv2d")
    clamp = layer.attributes.activation
    assert (clamp.low, clamp.high) == (0.0, float(np.float32(0.9)))
    assert not any(node.operator == "relu" for node in graph)
