"""Which elements an average pool counts: on codes and in float32, with padding and beyond it."""

from itertools import product

import numpy as np
import pytest

import accel
from accel.compiler.frontends.onnx.reader import read
from accel.config import AcceleratorConfig
from tests.support.networks.onnx.draw import Draw
from tests.support.oracles.onnx import REFUSALS, one_by_one

# Size, kernel, stride, padding before and after.
WINDOWS = ((8, 3, 2, 1, 1), (8, 3, 3, 0, 0), (5, 4, 3, 2, 1), (6, 3, 3, 1, 1), (9, 2, 2, 1, 0))


def model(window: tuple[int, ...], form: str, include: int, dilation: int) -> Draw:
    """Means of equal codes, which tell by how many a sum was divided, but have no halves."""
    size, kernel, stride, before, after = window
    d = Draw(np.random.default_rng(1))
    d.codes_in = True
    attributes = {
        "kernel_shape": [kernel, 2],
        "strides": [stride, 1],
        "pads": [before, 0, after, 1],
        "ceil_mode": 1,
        "count_include_pad": include,
    }
    if form == "float32":
        attributes["dilations"] = [dilation, 1]
    x, (scale, zero) = d.coded((2, size, 4), np.int8)
    d.constants[zero] = np.asarray(0, np.int8)
    real = d.add("DequantizeLinear", [x, scale, zero])
    y = [d.constant(d.scale * 0.37, np.float32), d.constant(3, np.int8)]
    codes = d.add("QuantizeLinear", [d.add("AveragePool", [real], **attributes), *y])
    if form == "inside":
        codes = d.add("MaxPool", [codes], kernel_shape=[1, 1])
    d.whole(codes, np.int8)
    return d


@pytest.mark.parametrize("form", ["codes", "inside", "float32"])
@pytest.mark.parametrize("include", [0, 1])
def test_means_are_of_as_many_as_the_runtimes(form, include):
    for window, dilation in product(WINDOWS, (1, 2) if form == "float32" else (1,)):
        d = model(window, form, include, dilation)
        data = d.bytes()
        codes = np.arange(-40, 41, 8, dtype=np.int8)[:, None, None, None]
        inputs = {name: np.tile(codes, (1, *shape)) for name, (shape, _) in d.ports.items()}
        try:
            (answer,) = one_by_one(data, inputs, "ALL")
        except REFUSALS:  # of dilations; see `fusion`
            assert form == "float32"
            (answer,) = one_by_one(data, inputs, "NONE")
        with accel.compile(read(data, "m.onnx"), config=AcceleratorConfig()) as program:
            (found,) = program.run(inputs, "machine").outputs.values()
        assert (found == answer).all()


def test_dilated_means_at_the_end_are_added_up_in_the_runtimes_order():
    d = Draw(np.random.default_rng(2))
    d.exact = False
    real = d.real((3, 7, 7), np.int8)
    pool = d.add("AveragePool", [real], kernel_shape=[2, 2], dilations=[2, 3])
    d.constants["s"], d.constants["z"] = np.float32(d.scale), np.int8(3)
    codes = d.add("QuantizeLinear", [pool, "s", "z"])
    d.outputs[d.add("DequantizeLinear", [codes, "s", "z"])] = np.dtype(np.float32)
    data, inputs = d.bytes(), d.inputs()
    graph = read(data, "m.onnx")
    assert any(node.operator == "float_average_pool2d" for node in graph)
    with accel.compile(graph, config=AcceleratorConfig()) as program:
        found = list(program.run(inputs, "machine").outputs.values())
    assert (found[-1] == one_by_one(data, inputs, "NONE")[-1]).all()
