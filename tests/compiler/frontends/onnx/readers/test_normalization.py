"""Layer and root mean square normalization between conversions, as in ONNX Runtime."""

import numpy as np
import pytest
from onnx import helper

from accel.api import Program
from accel.compiler.compile import compile_graph
from accel.compiler.frontends import UnsupportedModel
from accel.compiler.frontends.onnx.reader import read
from accel.config import AcceleratorConfig
from tests.support.networks.onnx.operators import Model
from tests.support.oracles.onnx import onnx_runtime

BESIDE = 2e-3  # of all codes: those next to an exact half, of which float32 sums decide


def model_of(shape, operator="LayerNormalization", parameters=2, after=(), seed=0, **attributes):
    random, dtype = np.random.default_rng(seed), (np.uint8, np.int8)[seed % 2]
    m = Model(shape, dtype, random, dtype)
    x, y = m.quantization("x", dtype), m.quantization("y", dtype)
    m.constants["x_scale"] = np.float32(0.03)
    m.constants["y_scale"] = np.float32(0.04)
    m.add("DequantizeLinear", ["x", *x], ["a"])
    channels = shape[-1]
    values = random.uniform(0.5, 1.5, channels), random.uniform(-1, 1, channels)
    names = [m.constant(f"p{k}", v, np.float32) for k, v in enumerate(values[:parameters])]
    m.nodes.append(helper.make_node(operator, ["a", *names], ["b0"], **attributes))
    for index, name in enumerate(after):
        more = [m.constant("addend", random.normal(0, 1, channels), np.float32)] * (name == "Add")
        m.add(name, [f"b{index}", *more], [f"b{index + 1}"])
    m.add("QuantizeLinear", [f"b{len(after)}", *y], ["y"])
    m.opset = 23 if operator == "RMSNormalization" else 17
    return m


def hold(m, shape):
    codes = np.random.default_rng(1).integers(0, 256, (4, *shape)) + np.iinfo(m.dtype).min
    codes = codes.astype(m.dtype)
    expected = np.concatenate(
        [onnx_runtime(m.bytes(), {"x": codes[i : i + 1]}, "NONE")[0] for i in range(4)]
    )
    program = Program(compile_graph(read(m.bytes(), "random.onnx"), AcceleratorConfig()))
    answer = program.session.execute("machine", codes, None).tensors["y"]
    steps = np.abs(answer.astype(int) - expected.astype(int))
    assert steps.max() <= 1
    assert np.count_nonzero(steps) <= max(1, BESIDE * steps.size)


@pytest.mark.parametrize("shape", [(16,), (6, 16), (3, 5, 8)])
@pytest.mark.parametrize("parameters", [1, 2])
def test_codes_are_the_runtimes_but_next_to_halves(shape, parameters):
    for seed in range(2):
        m = model_of(shape, parameters=parameters, seed=seed, epsilon=(1e-5, 0.3)[seed])
        hold(m, shape)


@pytest.mark.parametrize("operator", ["SimplifiedLayerNormalization", "RMSNormalization"])
def test_without_a_mean_it_is_of_root_mean_squares(operator):
    hold(model_of((6, 16), operator, parameters=1, axis=2), (6, 16))


def test_what_follows_in_float32_is_computed_after_it():
    hold(model_of((6, 16), after=("Relu",)), (6, 16))


def test_several_dimensions_together_are_refused_with_what_to_do():
    with pytest.raises(UnsupportedModel, match="normalizes 2 dimensions together; normalize the"):
        read(model_of((6, 16), axis=1).bytes(), "m.onnx")
