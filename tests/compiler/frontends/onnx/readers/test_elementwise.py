"""Element-wise operators in the forms that ONNX has for them: no element differs."""

import numpy as np
import pytest

import accel
from accel.compiler.frontends.onnx.reader import read
from accel.config import AcceleratorConfig
from tests.support.networks.onnx.draw import Draw
from tests.support.oracles.onnx import one_by_one

SLOPES = (4, 3, 5), (1, 3, 5), (4, 1, 5), (4, 1, 1), (5,), (1,), (1, 4, 3, 5)


@pytest.mark.parametrize("shape", SLOPES, ids=str)
def test_prelus_have_slopes_of_any_shape(shape):
    d = Draw(np.random.default_rng(sum(shape)))
    real = d.real((4, 3, 5), d.dtype())
    codes = d.constant(d.random.integers(-100, 100, shape), np.int8)
    slope = d.add("DequantizeLinear", [codes, d.constant(0.011, np.float32)])
    d.end(d.add("PRelu", [real, slope]), 0.05, d.dtype())
    data, inputs = d.bytes(), d.inputs()
    with accel.compile(read(data, "m.onnx"), config=AcceleratorConfig()) as program:
        found = list(program.run(inputs, "machine").outputs.values())
    for answer, expected in zip(found, one_by_one(data, inputs), strict=True):
        assert (answer == expected).all()
