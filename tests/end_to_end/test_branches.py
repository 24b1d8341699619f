"""Random networks with branches, residuals, pieces and maxima: every stored tensor, and the cycles.

What is not stored, because it is computed on the way to something else, has no place to look at.
"""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.api import Program
from accel.compiler.compile import compile_graph
from accel.compiler.diagnostics import CannotCompile, DoesNotFit
from accel.compiler.operators.add import Add
from accel.compiler.operators.average_pool2d import AveragePool2d
from accel.compiler.operators.concatenation import Concatenation
from accel.compiler.operators.max_pool2d import MaxPool2d
from accel.compiler.operators.transpose import Transpose
from accel.config import AcceleratorConfig
from tests.support.networks.small import SUMS, Chain
from tests.support.networks.tflite.branches import CORE_STEPS, branching
from tests.support.networks.tflite.operators import SEEDS, random_inputs
from tests.support.oracles.agreement import assert_cycles, assert_layers
from tests.support.rtl.simulation import UNSHRUNK

SIZES = ((4, 4, 1), (4, 8, 1), (8, 4, 1), (8, 4, 2), (8, 8, 2), (2, 2, 1))  # rows, columns, ...
RTL = AcceleratorConfig(bank_words=4096)
SAMPLES = 3

pytestmark = pytest.mark.xdist_group("generic 4x4")


def attempt(graph, config):
    """The program, or None where a core cannot compute it."""
    try:
        return Program(compile_graph(graph, config))
    except DoesNotFit:
        return None
    except CannotCompile as refusal:
        for reason in refusal.reasons:
            assert reason.place
            assert reason.what
        return None


def assert_stored(program, executor, inputs):
    """Hold all that is in memory at any time to the reference."""
    code = program.code
    variable = (name for name, tensor in code.graph.tensors.items() if not tensor.constant)
    names = tuple(name for name in variable if code.has(name))
    assert set(code.graph.outputs) <= set(names)
    expected = program.session.execute("reference", inputs, names).tensors
    return assert_layers(program, executor, inputs, expected)


def test_the_machine_equals_the_reference():
    count = Counter()

    @settings(max_examples=150)
    @given(branching(CORE_STEPS), st.sampled_from(SIZES), SEEDS)
    def check(graph, size, seed):
        rows, columns, requantizers = size
        config = AcceleratorConfig(
            rows=rows, columns=columns, requantizers=requantizers, weight_steps=8192, sum_bits=26
        )
        program = attempt(graph, config)
        count["refused" if program is None else "reached"] += 1
        if program is not None:
            assert_stored(program, "machine", random_inputs(graph, SAMPLES, seed))
            names = [command.name for command in program.code.commands]
            count["copied"] += any("_input" in n or "_operand" in n for n in names)
            count["fused"] += any("+" in n for n in names)

    check()
    assert count["reached"] >= 140, count
    assert min(count["copied"], count["fused"]) >= 30, count


def test_rtl_equals_the_reference_and_takes_the_modelled_cycles():
    count = Counter()

    @settings(UNSHRUNK, max_examples=20)
    @given(branching(CORE_STEPS), SEEDS)
    def check(graph, seed):
        program = attempt(graph, RTL)
        if program is not None and len(program.code.commands) > 2:
            execution = assert_stored(program, "rtl", random_inputs(graph, SAMPLES, seed))
            assert_cycles(program.code, execution.layers)
            program.close()
            count["reached"] += 1

    check()
    assert count["reached"] >= 6, count


def one_of_each():
    """Maxima, parts within words, an operand that is repeated, a transpose."""
    chain = Chain((1, 3, 3, 3)).convolution(channels=5)
    first, pool = chain.last, MaxPool2d(size=(2, 1), stride=(1, 1), padding=((0, 1), (0, 0)))
    chain.add("max_pool2d", pool, q=SUMS)
    shape = (1, 3, 3, 10)
    chain.add("concatenation", Concatenation(axis=3), shape, constants=(first.name,), q=SUMS)
    joined = chain.last
    chain.add("average_pool2d", AveragePool2d(size=(3, 3), stride=(1, 1)), (1, 1, 1, 10))
    chain.add("add", Add(), shape, constants=(joined.name,), q=SUMS)
    chain.add("transpose", Transpose(order=(0, 2, 1, 3)), shape, q=SUMS)
    return chain.fully_connected(3).graph()


def test_one_of_each_on_a_core_of_another_shape():
    graph = one_of_each()
    config = AcceleratorConfig(rows=4, columns=8, requantizers=2, family="ecp5", bank_words=1024)
    program = Program(compile_graph(graph, config))
    execution = assert_stored(program, "rtl", random_inputs(graph, 3)[2:])
    assert_cycles(program.code, execution.layers)
    program.close()
