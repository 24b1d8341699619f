"""Constants that differ from position to position are computed into memory, on any core."""

from dataclasses import replace

import numpy as np
import pytest

from accel.api import Program
from accel.compiler.compile import compile_graph
from accel.compiler.graph.interpreter import run
from accel.compiler.operators.add import Add
from accel.compiler.operators.concatenation import Concatenation
from accel.compiler.operators.maximum import Maximum
from accel.compiler.operators.minimum import Minimum
from accel.compiler.operators.mul import Mul
from accel.compiler.operators.sub import Sub
from accel.compiler.pipeline import lower
from accel.config import AcceleratorConfig
from tests.support.networks.small import Chain

SHAPE = (1, 6, 7, 5)
CONFIG = AcceleratorConfig(weight_steps=8192)
OPERATORS = {
    "add": Add(),
    "sub": Sub(),
    "mul": Mul(),
    "maximum": Maximum(),
    "minimum": Minimum(),
}
SHAPES = (SHAPE, (1, 6, 1, 1), (1, 1, 7, 1), (1, 6, 7, 1), (7, 5), (6, 1, 5))


def with_constant(operator, attributes, shape, output=SHAPE, first=False, alone=False):
    """A node of a convolution's output and a constant of this shape, in either order.

    ``alone`` leaves out the convolution.
    """
    chain = Chain(SHAPE) if alone else Chain(SHAPE).convolution(channels=SHAPE[-1])
    data = np.random.default_rng(len(shape)).integers(-128, 128, shape).astype(np.int8)
    like = chain.last
    chain.tensors["c"] = replace(like, name="c", shape=shape, data=data)
    q = like.quantization
    graph = chain.add(operator, attributes, output, q=q, constants=("c",)).graph()
    *before, node = graph.nodes
    inputs = node.inputs[::-1] if first else node.inputs
    return graph.replace(nodes=(*before, replace(node, inputs=inputs)))


def assert_same(graph, config):
    x = np.random.default_rng(1).integers(-128, 128, (3, *SHAPE[1:])).astype(np.int8)
    wanted = run(graph, x)
    found = Program(compile_graph(graph, config)).run(x, "machine").outputs
    for name in graph.outputs:
        np.testing.assert_array_equal(found[name], wanted[name])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("operator", OPERATORS)
def test_constants_of_all_shapes_that_broadcast(operator, shape):
    first = len(shape) == 4
    assert_same(with_constant(operator, OPERATORS[operator], shape, first=first), CONFIG)


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_constants_that_are_concatenated(axis):
    whole = tuple(2 * n if a == axis else n for a, n in enumerate(SHAPE))
    assert_same(with_constant("concatenation", Concatenation(axis=axis), SHAPE, whole), CONFIG)


CORES = {
    "columns": {"rows": 8, "columns": 16},
    "words": {"rows": 4, "columns": 6},
    "narrow": {"format": "int8_int4"},  # weights that are no codes
}


@pytest.mark.parametrize("core", CORES)
def test_constants_on_cores_of_all_kinds(core):
    graph = with_constant("add", Add(), SHAPE, alone=True)
    assert_same(graph, CONFIG.replace(**CORES[core]))


def test_a_constant_that_does_not_differ_takes_no_memory():
    graph = with_constant("add", Add(), (1, 6, 7, 1), alone=True)
    constant = replace(graph.tensor("c"), data=np.full((1, 6, 7, 1), 5, np.int8))
    graph = graph.replace(tensors={**graph.tensors, "c": constant})
    assert len(lower(graph, CONFIG).commands) == 1


def test_a_constant_takes_little_more_than_its_bytes():
    commands = lower(with_constant("add", Add(), SHAPE, alone=True), CONFIG).commands
    names = [command.name for command in commands]
    assert names == ["n0_c_ones", "n0_c_ones_copied", "n0_c", "n0"]
    weights = commands[2].weights.size
    assert weights <= 2 * 42 * 8  # positions of two words; half of the steps may be idle
