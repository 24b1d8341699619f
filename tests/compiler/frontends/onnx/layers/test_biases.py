"""Biases of every quantization between DequantizeLinear and QuantizeLinear, held to ONNX
Runtime."""

import numpy as np
import pytest

from accel.api import Program
from accel.compiler.compile import compile_graph
from accel.compiler.frontends import FRONTENDS
from accel.config import AcceleratorConfig
from tests.support.networks.onnx.edits import reasons
from tests.support.networks.onnx.operators import Model
from tests.support.oracles.onnx import onnx_runtime

CONFIG = AcceleratorConfig(weight_steps=8192, sum_bits=32)
OUT, SAMPLES = 4, 24
# Powers of two, with which float32 loses nothing and halves are frequent, and others.
SCALES = {
    "powers": (0.25, (0.5, 0.25, 0.125, 0.5), 4.0),
    "others": (0.0231, (0.011, 0.012, 0.003, 0.02), 0.21),
}
OPERATORS = ("Conv", "depthwise", "Conv1d", "Gemm", "MatMul")


def network(operator: str, scales: str, dtype: type, clamp: str = "") -> Model:
    """A layer whose bias is ``b``, which is not there yet; the input is float32."""
    shape = {"Conv": (3, 5, 5), "depthwise": (4, 5, 5), "Conv1d": (3, 9)}.get(operator, (27,))
    m = Model(shape, np.float32, np.random.default_rng(7), output=np.float32)
    x, w, y = SCALES[scales]
    source = [m.constant("x_s", x, np.float32), m.constant("x_z", 3, dtype)]
    output = [m.constant("y_s", y, np.float32), m.constant("y_z", 5, dtype)]
    m.add("QuantizeLinear", ["x", *source], ["x_codes"])
    m.add("DequantizeLinear", ["x_codes", *source], ["x_real"])
    sizes = {"Conv": (OUT, 3, 3, 3), "depthwise": (OUT, 1, 3, 3), "Conv1d": (OUT, 3, 3)}
    m.constant("w", m.codes(sizes.get(operator, (27, OUT)), np.int8))
    inputs = ["w", m.constant("w_s", w, np.float32), m.constant("w_z", [0] * OUT, np.int8)]
    m.add("DequantizeLinear", inputs, ["w_real"], axis=0 if operator in sizes else 1)
    pads = {"pads": [1] * 2 * (len(shape) - 1)}
    if operator == "MatMul":
        m.add("MatMul", ["x_real", "w_real"], ["product"])
        m.add("Add", ["product", "b"], ["sum"])
    elif operator == "Gemm":
        m.add("Gemm", ["x_real", "w_real", "b"], ["sum"])
    else:
        group = {"group": OUT} if operator == "depthwise" else {}
        m.add("Conv", ["x_real", "w_real", "b"], ["sum"], **pads, **group)
    if clamp == "Clip":
        ends = [m.constant("low", 0, np.float32), m.constant("high", 6, np.float32)]
        m.add("Clip", ["sum", *ends], ["clamped"])
    elif clamp:
        m.add(clamp, ["sum"], ["clamped"])
    m.add("QuantizeLinear", ["clamped" if clamp else "sum", *output], ["y_codes"])
    m.add("DequantizeLinear", ["y_codes", *output], ["y"])
    return m


def quantized_bias(m: Model, codes, scale, zero_point: int | None = None) -> None:
    codes = np.asarray(codes)
    inputs = [m.constant("b_codes", codes), m.constant("b_s", scale, np.float32)]
    if zero_point is not None:
        shape = np.shape(m.constants["b_s"])
        inputs.append(m.constant("b_z", np.full(shape, zero_point), codes.dtype))
    m.add("DequantizeLinear", inputs, ["b"], axis=0)
    m.nodes.insert(2, m.nodes.pop())


def bias_codes(m: Model) -> np.ndarray:
    return m.random.integers(-3000, 3000, OUT).astype(np.int32)


def unit(m: Model) -> np.ndarray:
    return m.constants["x_s"] * m.constants["w_s"]


def assert_as_the_runtime(m: Model) -> None:
    """Machine and reference are whole at one of the two levels, at every element."""
    x_s = m.constants["x_s"]
    x = m.random.integers(-131, 125, (SAMPLES, *m.shape)).astype(np.float32) * x_s
    data = m.bytes()
    graph = FRONTENDS["onnx"].read(data, "m.onnx")
    program = Program(compile_graph(graph, CONFIG))
    (found,) = program.run(x, "machine").outputs.values()
    (wanted,) = program.run(x, "reference").outputs.values()
    np.testing.assert_array_equal(found, wanted)
    differing = {
        level: np.count_nonzero(found != onnx_runtime(data, {"x": x}, level)[0])
        for level in ("ALL", "NONE")
    }
    assert 0 in differing.values(), differing


@pytest.mark.parametrize("scales", SCALES)
@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("ratio", [1, 1 + 4e-6, 1.0002, 2, 0.5, 1 / 3, 33.3])
def test_biases_of_any_scale(ratio, operator, scales):
    m = network(operator, scales, np.int8)
    quantized_bias(m, bias_codes(m), unit(m) * np.float32(ratio))
    assert_as_the_runtime(m)


@pytest.mark.parametrize("clamp", ["", "Relu", "Clip"])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("zero_point", [0, 7, -1000])
def test_biases_with_zero_points_before_a_clamp(zero_point, dtype, clamp):
    for ratio in (1, 0.5):
        m = network("Conv", "powers", dtype, clamp)
        quantized_bias(m, bias_codes(m), unit(m) * np.float32(ratio), zero_point)
        assert_as_the_runtime(m)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32])
def test_biases_of_one_scale_and_of_8_bits(dtype):
    m = network("Conv", "powers", np.int8)
    quantized_bias(m, np.array([3, 100, 77, 0], dtype), 0.3)
    assert_as_the_runtime(m)


@pytest.mark.parametrize("scales", SCALES)
@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("ratio", [1, 0.5, 0.1])
def test_real_biases_are_rounded_as_float32_quotients(ratio, operator, scales):
    m = network(operator, scales, np.int8)
    m.constant("b", bias_codes(m) * (unit(m) * np.float32(ratio)), np.float32)
    assert_as_the_runtime(m)


@pytest.mark.parametrize("beta", [0.5, 2.0, -1.0])
@pytest.mark.parametrize("real", [False, True])
def test_biases_of_a_factor(real, beta):
    m = network("Gemm", "powers", np.int8)
    m.nodes[3].attribute.extend(attribute(beta))
    if real:
        m.constant("b", bias_codes(m) * unit(m), np.float32)
    else:
        quantized_bias(m, bias_codes(m), unit(m))
    assert_as_the_runtime(m)


def attribute(beta: float) -> list:
    probe = Model((1,), np.float32, np.random.default_rng(0))
    probe.add("Gemm", [], [], beta=beta)
    return list(probe.nodes[0].attribute)


@pytest.mark.parametrize("scale", [1e9, 1e-9])
def test_biases_that_leave_nothing_of_the_sums_or_nothing_of_themselves(scale):
    m = network("Conv", "powers", np.int8)
    quantized_bias(m, np.int32([1, -1, 0, 3000]), np.float32([scale] * OUT))
    assert_as_the_runtime(m)


@pytest.mark.parametrize("ratio", [1, 0.5])
def test_a_bias_and_another_one_after(ratio):
    m = network("Conv", "powers", np.int8)
    quantized_bias(m, bias_codes(m), unit(m) * np.float32(ratio))
    at = next(i for i, node in enumerate(m.nodes) if node.op_type == "Conv")
    m.nodes[at].output[0] = "first"
    more = m.constant("more", m.random.normal(0, 50, (OUT, 1, 1)), np.float32)
    m.add("Add", ["first", more], ["sum"])
    m.nodes.insert(at + 1, m.nodes.pop())
    assert_as_the_runtime(m)


def test_a_bias_beyond_all_float32_arithmetic_is_refused():
    m = network("Conv", "powers", np.int8)
    quantized_bias(m, np.int32([1, 1, 1, 1]), np.float32([1e30] * OUT))
    (reason,) = reasons(m.bytes())
    assert "(Conv): has a bias beyond 2^60" in reason
