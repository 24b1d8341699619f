"""Layer and root mean square normalization between conversions, as in ONNX Runtime."""

import numpy as np
import pytest
from onnx import helper

import accel
from accel.api import Program
from accel.compiler.compile import compile_graph
from accel.compiler.diagnostics import CannotCompile
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


def taken_apart() -> Model:
    """Deviations, the mean of their squares, its root, the quotient: each result quantized."""
    m = Model((6, 16), np.int8, np.random.default_rng(0), np.int8)

    def quantized(name: str, scale: float, zero_point: int) -> str:
        q = m.constant(f"{name}_s", scale, np.float32), m.constant(f"{name}_z", zero_point, np.int8)
        m.add("QuantizeLinear", [name, *q], [f"{name}_q"])
        m.add("DequantizeLinear", [f"{name}_q", *q], [f"{name}_d"])
        return f"{name}_d"

    x = [m.constant("xs", 0.02, np.float32), m.constant("xz", 5, np.int8)]
    m.add("DequantizeLinear", ["x", *x], ["a"])
    m.add("ReduceMean", ["a"], ["mean"], axes=[-1])
    m.add("Sub", ["a", quantized("mean", 0.012, 3)], ["d"])
    d = quantized("d", 0.024, 1)
    m.add("Mul", [d, d], ["square"])
    m.add("ReduceMean", [quantized("square", 0.035, -128)], ["variance"], axes=[-1])
    m.add("Sqrt", [quantized("variance", 0.02, -128)], ["root"])
    m.add("Div", [d, quantized("root", 0.011, -128)], ["quotient"])
    y = [m.constant("ys", 0.025, np.float32), m.constant("yz", 0, np.int8)]
    m.add("QuantizeLinear", ["quotient", *y], ["y"])
    return m


def test_a_difference_that_no_sum_of_tables_gives_is_the_drivers(tmp_path):
    """In float32, exactly, on every way to a core: also from a program file."""
    m = taken_apart()
    codes = m.random.integers(-20, 120, (3, 6, 16)).astype(np.int8)
    expected = onnx_runtime(m.bytes(), {"x": codes}, "NONE")[0]
    program = Program(compile_graph(read(m.bytes(), "random.onnx"), AcceleratorConfig()))
    assert "sub" in {node.operator for node in program.code.partition.driver}
    program.save(tmp_path / "program.bin")
    for one in (program, accel.open(tmp_path / "program.bin")):
        np.testing.assert_array_equal(one.run(codes, "machine").output, expected)
    with pytest.raises(
        CannotCompile, match=r"operator \d+ \(Sub\): cannot be computed by the core"
    ):
        compile_graph(read(m.bytes(), "m.onnx").replace(host=False), AcceleratorConfig())
