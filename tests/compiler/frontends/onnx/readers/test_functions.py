"""Functions of one number between conversions, for every code, on the machine as in ONNX
Runtime."""

import numpy as np
import pytest
from onnx import helper

from accel.api import Program
from accel.compiler.compile import compile_graph
from accel.compiler.frontends import UnsupportedModel
from accel.compiler.frontends.onnx.reader import read
from accel.compiler.frontends.onnx.readers.functions import READERS
from accel.compiler.graph.interpreter import run
from accel.config import AcceleratorConfig
from tests.support.networks.onnx.operators import Model
from tests.support.oracles.onnx import onnx_runtime

POSITIVE = ("Log", "Sqrt")  # of numbers that are not negative
OPSETS = {"Gelu": 20, "Mish": 18, "Swish": 24}
EXACT = (
    *("Ceil", "Div", "Floor", "Neg", "Pow", "Reciprocal", "Round", "Shrink", "Sign", "Sqrt"),
    "ThresholdedRelu",
)
SCALES = {"Asin": 1 / 128, "Acos": 1 / 128, "Atanh": 1 / 256}  # of numbers between -1 and 1
EXPONENTS = (2, 3, 1)
# Elsewhere the runtime approximates, so that a code at a half may be the other one.
BESIDE = 1e-3
ATTRIBUTES = {"HardSigmoid": {"alpha": 0.3, "beta": 0.4}, "Selu": {"alpha": 1.5, "gamma": 1.1}}


def model_of(operator, seed, **attributes):
    dtype = (np.uint8, np.int8)[seed % 2]
    m = Model((4, 8, 8), dtype, np.random.default_rng(seed), dtype)
    x, y = m.quantization("x", dtype), m.quantization("y", dtype)
    if operator in POSITIVE:
        m.constants["x_zero_point"] = np.asarray(np.iinfo(dtype).min, dtype)
    if operator in SCALES:
        m.constants["x_scale"] = np.float32(SCALES[operator])
        m.constants["x_zero_point"] = np.asarray(128 if dtype == np.uint8 else 0, dtype)
    if operator == "Acosh":
        m.constants["x_scale"] = np.float32(0.25)
    m.add("DequantizeLinear", ["x", *x], ["a"])
    inputs = ["a"]
    if operator == "Pow":
        inputs.append(m.constant("number", EXPONENTS[seed % 3], np.float32))
    if operator == "Div":  # by a number, or a number by it
        inputs.insert(1 - seed % 3 // 2, m.constant("number", 1.7 - seed, np.float32))
    domain, _, name = operator.rpartition(".")
    m.nodes.append(helper.make_node(name, inputs, ["b"], domain=domain, **attributes))
    m.opset = OPSETS.get(operator, m.opset)
    m.add("QuantizeLinear", ["b", *y], ["y"])
    return m


@pytest.mark.parametrize("operator", READERS)
def test_functions_between_conversions(operator):
    differing, size = 0, 0
    for seed in range(10):
        m = model_of(operator, seed, **ATTRIBUTES.get(operator, {}))
        codes = np.arange(256).reshape(1, 4, 8, 8) + np.iinfo(m.dtype).min
        codes = codes.astype(m.dtype)
        (expected,) = onnx_runtime(m.bytes(), {"x": codes}, "NONE")
        program = Program(compile_graph(read(m.bytes(), "random.onnx"), AcceleratorConfig()))
        answer = program.session.execute("machine", codes, None).tensors["y"]
        steps = np.abs(answer.astype(int) - expected.astype(int))
        assert steps.max() <= 1
        differing, size = differing + int(np.count_nonzero(steps)), size + steps.size
    assert differing <= (0 if operator in EXACT else BESIDE * size)


def test_what_is_no_number_has_the_least_code():
    """As QuantizeLinear of the runtime makes of it."""
    for seed in range(4):
        m = model_of(("Sqrt", "Log")[seed // 2], seed)
        m.constants["x_zero_point"] = np.asarray(77, m.dtype)
        codes = np.arange(256).reshape(1, 4, 8, 8) + np.iinfo(m.dtype).min
        codes = codes.astype(m.dtype)
        (expected,) = onnx_runtime(m.bytes(), {"x": codes}, "NONE")
        found = run(read(m.bytes(), "m.onnx"), {"x": codes})["y"]
        assert np.abs(found.astype(int) - expected).max() == 0


@pytest.mark.parametrize(
    ("number", "what"),
    [
        (np.float32([1, 2]), r"has a constant of \(2,\) for a tensor of \(1, 4, 8, 8\)"),
        (np.float32(0), "which is 0 or not finite"),
    ],
)
def test_quotients_are_by_one_number(number, what):
    m = model_of("Div", 0)
    m.constants["number"] = number
    with pytest.raises(UnsupportedModel, match=what):
        read(m.bytes(), "m.onnx")
