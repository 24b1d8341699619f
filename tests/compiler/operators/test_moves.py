"""Transposes and operands that are repeated, within a network: copies whose positions go
elsewhere."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from accel.compiler.compile import compile_graph
from accel.compiler.diagnostics import CannotCompile
from accel.compiler.graph.interpreter import run
from accel.compiler.operators.abs import Abs
from accel.compiler.operators.add import Add
from accel.compiler.operators.transpose import MOST_PICKED, Transpose
from accel.compiler.pipeline import lower
from accel.config import AcceleratorConfig
from accel.host.runner import run as run_core
from accel.sim.functional.machine import Machine
from tests.support.networks.small import CODES, SUMS, Chain
from tests.support.networks.tflite.operators import random_inputs

CONFIG = AcceleratorConfig(rows=4, columns=4)
CONFIGS = (
    CONFIG,
    AcceleratorConfig(rows=4, columns=8),
    AcceleratorConfig(rows=8, columns=4, requantizers=2),
)


def assert_same(graph, config):
    code = compile_graph(graph, config)
    inputs = random_inputs(graph, 3)
    answers = run_core(code, Machine(code), inputs)
    for name, expected in run(graph, inputs).items():
        np.testing.assert_array_equal(answers[name], expected)
    return [command.name for command in code.commands]


def transposed(shape, order):
    """A transpose between two other nodes; the driver does those at the ends."""
    chain = Chain(shape).add("abs", Abs())
    chain.add("transpose", Transpose(order=order), tuple(shape[axis] for axis in order))
    return chain.add("abs", Abs())


ORDERS = [(0, *order) for order in permutations((1, 2, 3))]
SHAPES = ((1, 5, 6, 7), (1, 1, 6, 9), (1, 7, 1, 3), (1, 1, 1, 6))


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_order(shape, order):
    for config in (*CONFIGS, AcceleratorConfig(rows=3, columns=5)):
        names = assert_same(transposed(shape, order).graph(), config)
        assert all(name in names for name in ("n0", "n2")) or order[3] == 3
        if order[3] != 3:
            assert {f"n1_{channel}" for channel in range(shape[3])} <= {
                name.split("_part")[0] for name in names
            }


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1)])
def test_of_three_dimensions(order):
    assert_same(transposed((1, 5, 7), order).graph(), CONFIG)


def test_a_layer_can_exchange_height_and_width_as_it_writes():
    chain = Chain().convolution()
    chain.add("transpose", Transpose(order=(0, 2, 1, 3)), (1, 6, 5, 4), q=SUMS).convolution()
    assert assert_same(chain.graph(), CONFIG) == ["n0", "n2"]
    names = [command.name for command in lower(chain.graph(), CONFIG, fuse=False).commands]
    assert names == ["n0", "n1", "n2"]


def test_many_channels_that_become_positions_are_the_drivers_or_refused():
    graph = transposed((1, 2, 3, MOST_PICKED + 1), (0, 3, 1, 2)).graph()
    assert len(assert_same(graph, CONFIG)) == 2
    with pytest.raises(CannotCompile) as caught:
        lower(graph.replace(host=False), CONFIG)
    assert str(caught.value) == (
        "small: n1 (TRANSPOSE): cannot be computed by the core, only by the driver between two "
        "runs of it (17 channels that become positions are more than 16); let it: leave out "
        "--no-host (Python's host=False); or end the network here"
    )


OPERANDS = (
    ((1, 5, 6, 7), (1, 1, 1, 7)),
    ((1, 5, 6, 7), (1, 5, 6, 1)),
    ((1, 5, 6, 7), (1, 1, 6, 1)),
    ((1, 5, 6, 7), (1, 1, 1, 1)),
    ((1, 5, 6, 7), (1, 7)),
    ((1, 1, 1, 7), (1, 5, 6, 7)),
    ((1, 5, 7), (1, 1, 7)),
    ((1, 5, 1, 7), (1, 1, 6, 7)),
    ((1, 1, 6, 1), (1, 5, 1, 7)),
    ((1, 6, 7), (1, 5, 6, 1)),
)


@pytest.mark.parametrize("shapes", OPERANDS, ids=str)
def test_operands_are_repeated_as_they_are_copied(shapes):
    chain = Chain(shapes[0])
    chain.tensors["z"] = replace(chain.tensors["x"], name="z", shape=shapes[1])
    shape = np.broadcast_shapes(*shapes)
    graph = chain.add("add", Add(), shape, constants=("z",), q=CODES).graph(inputs=("x", "z"))
    both = all(np.prod(s) < np.prod(shape) for s in shapes)
    for config in CONFIGS:
        names = [name for name in assert_same(graph, config) if "_part" not in name]
        assert names == (["n0_operand", "n0"] if both else ["n0"])
