"""Transpositions before means and maxima disappear, and no answer changes."""

import numpy as np
import pytest

from accel.api import Program
from accel.compiler.compile import compile_graph
from accel.compiler.graph.interpreter import run
from accel.compiler.graph.reduce_in_place import reduce_in_place
from accel.compiler.graph.verify import verify
from accel.compiler.operators.mean import ReduceMean
from accel.compiler.operators.reduce_max import ReduceMax
from accel.compiler.operators.relu import Relu
from accel.compiler.operators.transpose import Transpose
from accel.config import AcceleratorConfig
from tests.support.networks.small import SHAPE, Chain, images

CONFIG = AcceleratorConfig(rows=4, columns=4, weight_steps=512)
KINDS = {"mean": ReduceMean, "reduce_max": ReduceMax}


def network(order, *reductions):
    """A ReLU, a transposition and reductions of (axes, keep)."""
    shape = tuple(SHAPE[axis] for axis in order)
    chain = (
        Chain().add("relu", Relu(rescales=False)).add("transpose", Transpose(order=order), shape)
    )
    for kind, axes, keep in reductions:
        shape = tuple(
            1 if axis in axes else n
            for axis, n in enumerate(chain.last.shape)
            if keep or axis not in axes
        )
        chain = chain.add(kind, KINDS[kind](axes=axes, keep=keep), shape)
    return chain.graph()


def operators(graph):
    return [node.operator for node in graph]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize(
    ("order", "axes", "left"),
    [
        ((0, 3, 1, 2), ((3,), (2,)), None),  # to channels first, then over width and height
        ((0, 3, 1, 2), ((3,),), "transpose"),
        ((0, 3, 2, 1), ((3,), (2,)), None),
        ((0, 3, 1, 2), ((2, 3),), None),
        ((0, 2, 1, 3), ((1, 2),), None),
    ],
)
def test_it_changes_no_answer(kind, keep, order, axes, left):
    reductions = [(kind, own, keep) for own in axes]
    graph = network(order, *reductions)
    changed = reduce_in_place(graph)
    verify(changed)
    found = operators(changed)
    assert "transpose" not in found[:2]
    assert ("transpose" in found) == (left == "transpose")
    x, (output,) = images(5), graph.outputs
    expected = run(graph, x)[output]
    np.testing.assert_array_equal(run(changed, x)[output], expected)
    program = Program(compile_graph(graph, CONFIG))
    np.testing.assert_array_equal(program.run(x, jobs=1).output, expected)


def test_one_that_something_else_reads_stays():
    chain = Chain().add("relu", Relu(rescales=False))
    chain = chain.add("transpose", Transpose(order=(0, 2, 1, 3)), (1, 6, 5, 4))
    moved = chain.last
    chain = chain.add("mean", ReduceMean(axes=(1, 2)), (1, 4))
    mean = chain.last.name
    chain.last = moved
    graph = chain.add("relu", Relu(rescales=False)).graph(outputs=(mean, "t3"))
    assert operators(reduce_in_place(graph)) == operators(graph)


@pytest.mark.parametrize("kind", KINDS)
def test_positions_that_become_channels_are_computed_as_positions(kind):
    graph = Chain().add("relu", Relu(rescales=False))
    graph = graph.add(kind, KINDS[kind](axes=(3,)), SHAPE[:3]).graph()
    changed = reduce_in_place(graph)
    assert operators(changed) == ["relu", kind, "reshape"]
    x = images(5)
    program = Program(compile_graph(graph, CONFIG))
    np.testing.assert_array_equal(program.run(x, jobs=1).output, run(graph, x)["t1"])
    listed = {layer.node for layer in program.report().layers}
    assert listed <= {"n0", "n1", "n1_view"}
