"""Last layers that nothing quantizes give the runtime's numbers: every bit of matrix products, and
convolutions but for the order in which it adds float32 numbers."""

import numpy as np
import pytest

from accel.compiler.compile import compile_graph
from accel.compiler.diagnostics import CannotCompile
from accel.compiler.frontends import UnsupportedModel
from accel.compiler.frontends.onnx.reader import read
from accel.compiler.graph import interpreter
from accel.config import AcceleratorConfig
from accel.host.runner import run
from accel.sim.functional.machine import Machine
from tests.support.networks.onnx.draw import Draw
from tests.support.networks.onnx.unquantized import IMAGES, PRODUCTS, drawn
from tests.support.oracles.onnx import one_by_one

CORES = (
    AcceleratorConfig(),
    AcceleratorConfig(rows=8, columns=16, requantizers=8, weight_steps=64),
    AcceleratorConfig(rows=3, columns=5),
)


def answers(model, core):
    """Those of the runtime, of the reference and of the machine."""
    data = model.bytes()
    graph, given = read(data, "layer.onnx"), model.inputs()
    code = compile_graph(graph, core)
    whole = interpreter.run(graph, given, graph.outputs)
    machine = run(code, Machine(code), given)
    expected = dict(zip(graph.outputs, one_by_one(data, given), strict=True))
    for name in graph.outputs:
        np.testing.assert_array_equal(machine[name], whole[name])
    return graph, machine, expected


@pytest.mark.parametrize("kind", PRODUCTS)
@pytest.mark.parametrize("seed", range(6))
def test_matrix_products_are_the_runtimes_bit_for_bit(kind, seed):
    graph, ours, theirs = answers(drawn(seed, kind), CORES[seed % len(CORES)])
    assert any(graph.tensor(name).dtype == "int32" for node in graph for name in node.outputs)
    for name, numbers in theirs.items():
        np.testing.assert_array_equal(ours[name], numbers)


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("seed", range(6))
def test_convolutions_are_the_runtimes_but_for_rounding(kind, seed):
    _, ours, theirs = answers(drawn(seed, kind), CORES[seed % len(CORES)])
    for name, numbers in theirs.items():
        error = 1e-6 * max(1.0, float(np.abs(numbers).max()))
        np.testing.assert_allclose(ours[name], numbers, rtol=0, atol=error)


def test_a_core_that_keeps_no_sums_refuses_them_by_name():
    graph = read(drawn(1, "MatMul").bytes(), "layer.onnx")
    said = "is 32-bit sums, which the core cannot store; use a core with wide_sums"
    with pytest.raises(CannotCompile, match=said):
        compile_graph(graph, AcceleratorConfig(wide_sums=0))


ENDS = ("sums", "Cast", "Mul", "DequantizeLinear", "QuantizeLinear")


@pytest.mark.parametrize("kind", ["MatMulInteger", "ConvInteger"])
@pytest.mark.parametrize("end", ENDS)
def test_integer_operators_on_static_codes_are_the_runtimes(kind, end):
    for seed in range(4):
        d = integer_model(kind, end, np.random.default_rng(seed))
        _, ours, theirs = answers(d, CORES[seed % len(CORES)])
        for name, numbers in theirs.items():
            assert ours[name].dtype == numbers.dtype
            np.testing.assert_array_equal(ours[name], numbers)


def integer_model(kind, end, random):
    d = Draw(random)
    image = kind == "ConvInteger"
    shape = (d.size(1, 9), 5, 4) if image else (d.size(2, 90),)
    out, dtype = d.size(1, 7), np.uint8 if image else d.dtype()
    x, (_, zero) = d.coded(shape, dtype)
    if d.chance(0.5):
        d.ports[x] = shape, np.dtype(np.float32)
        x = d.add("QuantizeLinear", [x, d.constant(0.05, np.float32), zero])
    size = (out, shape[0], 3, 2) if image else (shape[0], out)
    weights = [
        d.constant(random.integers(-90, 91, size), np.int8),
        d.constant(np.zeros(()), np.int8),
    ]
    result = d.add(kind, [x, weights[0], zero, weights[1]])
    scales = random.uniform(0.001, 0.01, out).reshape((out, 1, 1) if image else out)
    if end == "DequantizeLinear":
        result = d.add(end, [result, d.constant(0.0031, np.float32)])
    elif end != "sums":
        result = d.add("Cast", [result], to=1)
    if end in ("Mul", "QuantizeLinear"):
        result = d.add("Mul", [result, d.constant(scales, np.float32)])
    if end == "QuantizeLinear":
        result = d.add(end, [result, *d.quantization(d.scale_near(0.05), np.int8)])
    d.whole(result, {"sums": np.int32, "QuantizeLinear": np.int8}.get(end, np.float32))
    return d


def test_sums_without_a_scale_cannot_be_codes():
    d = integer_model("MatMulInteger", "sums", np.random.default_rng(0))
    (last,) = d.outputs
    q = d.quantization(0.05, np.int8)
    d.outputs = {d.add("QuantizeLinear", [last, *q]): np.dtype(np.int8)}
    with pytest.raises(UnsupportedModel, match="QuantizeLinear"):
        read(d.bytes(), "layer.onnx")
