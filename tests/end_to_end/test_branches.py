"""Random networks with branches, residuals, pieces and maxima: every stored tensor, and the cycles.

What is not stored, because it is computed on the way to something else, has no place to look at.
"""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.api import Program
from accel.compiler.lower import CannotCompile
from accel.compiler.program import compile_graph
from accel.config import AcceleratorConfig
from tests.agreement import assert_cycles, assert_layers
from tests.models import SEEDS, random_inputs
from tests.models_branches import CORE_STEPS, branching

SIZES = ((4, 4, 1), (4, 8, 1), (8, 4, 1), (8, 4, 2), (8, 8, 2), (2, 2, 1))  # rows, columns, ...
RTL = AcceleratorConfig(bank_words=4096)
SAMPLES = 3

pytestmark = pytest.mark.xdist_group("generic 4x4")


def attempt(graph, config):
    """The program, or None where a core cannot compute it."""
    try:
        return Program(compile_graph(graph, config))
    except CannotCompile as refusal:
        for reason in refusal.reasons:
            assert reason.place
            assert reason.what
        return None


def assert_stored(program, executor, inputs):
    """Hold all that is in memory at any time to the reference."""
    code = program.code
    stored = set(code.stored_tensors())
    names = tuple(name for name in code.views if code.views[name].root in stored)
    names = tuple(name for name in names if name in code.graph.tensors)
    assert set(code.graph.outputs) <= {*names, *code.graph.inputs}
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
    assert count["reached"] >= 105, count
    assert min(count["copied"], count["fused"]) >= 30, count


def test_rtl_equals_the_reference_and_takes_the_modelled_cycles():
    count = Counter()

    @settings(max_examples=20)
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
