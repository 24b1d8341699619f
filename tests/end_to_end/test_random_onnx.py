"""Random ONNX models on the machine of random cores: no element differs from the contract's
reference.

`tests.compiler.frontends.onnx.test_runtime` holds the reference to ONNX Runtime on the same models.
What the compiler refuses it refuses by name, and never a layer with weights.
"""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.api import Program
from accel.compiler.compile import compile_graph
from accel.compiler.diagnostics import CannotCompile
from accel.compiler.frontends.onnx.reader import read
from accel.compiler.graph.interpreter import run
from accel.config import AcceleratorConfig
from accel.sim.compare import assert_same
from tests.support.networks.onnx.moves import networks
from tests.support.networks.onnx.operators import MODELS

SIZES = ((4, 4, 1), (8, 8, 2), (2, 2, 1), (4, 8, 1), (8, 4, 2), (3, 5, 1))
WEIGHTED = ("QLinearConv", "QLinearMatMul", "QGemm")
# Models, how many are tried, and how many must reach the machine at least.
ON_THE_CORE = {
    **{name: (MODELS[name], 80, 80) for name in WEIGHTED},
    "QLinearAveragePool": (MODELS["QLinearAveragePool"], 20, 20),
    "QLinearGlobalAveragePool": (MODELS["QLinearGlobalAveragePool"], 20, 20),
    "networks": (networks(), 60, 30),
}


@st.composite
def cores(draw):
    rows, columns, requantizers = draw(st.sampled_from(SIZES))
    return AcceleratorConfig(
        rows=rows, columns=columns, requantizers=requantizers, weight_steps=7680, sum_bits=26
    )


@pytest.mark.parametrize("name", ON_THE_CORE)
def test_the_machine_equals_the_reference(name):
    models, examples, least = ON_THE_CORE[name]
    count = Counter()

    @settings(max_examples=examples)
    @given(models, cores())
    def check(model, config):
        graph, inputs = read(model.bytes(), "random.onnx"), model.inputs()
        try:
            program = Program(compile_graph(graph, config))
        except CannotCompile as refusal:
            count["refused"] += 1
            assert all(reason.place and reason.what for reason in refusal.reasons)
            return
        count["reached"] += 1
        assert program.report().inexact == ()
        wanted = tuple(graph.outputs)
        assert_same(program.run(inputs, "machine").outputs, run(graph, inputs, wanted))

    check()
    assert count["reached"] >= least
    assert count["refused"] <= examples - least
