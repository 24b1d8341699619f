"""Last layers that nothing quantizes give the runtime's numbers: every bit of matrix products, and
convolutions but for the order in which it adds float32 numbers."""

import numpy as np
import pytest

from accel.compiler.diagnostics import CannotCompile
from accel.compiler.frontends.onnx.reader import read
from accel.compiler.graph import interpreter
from accel.compiler.pipeline import compile_graph
from accel.config import AcceleratorConfig
from accel.host.runner import run
from accel.sim.functional.machine import Machine
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
