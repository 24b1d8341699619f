"""Layers write where copies would put what they compute, wherever that costs no other copy."""

import numpy as np
import pytest

from accel.compiler.compile import compile_graph
from accel.compiler.graph.interpreter import run
from accel.compiler.operators.average_pool2d import AveragePool2d
from accel.compiler.operators.concatenation import Concatenation
from accel.compiler.operators.max_pool2d import MaxPool2d
from accel.compiler.pipeline import lower
from accel.config import AcceleratorConfig
from accel.host.runner import run as run_core
from accel.sim.functional.machine import Machine
from tests.support.networks.small import CODES, SUMS, Chain, images

CONFIG = AcceleratorConfig(rows=4, columns=4)


def concatenated(*depths, axis=3, network=None):
    """Convolutions of the input of so many channels each, side by side along an axis."""
    chain = network or Chain()
    made = []
    for depth in depths:
        chain.last = chain.tensors["x"]
        chain.convolution(channels=depth)
        made.append(chain.last)
    return joined(chain, made, axis)


def joined(chain, tensors, axis=3, q=SUMS):
    shape = list(tensors[0].shape)
    shape[axis] = sum(tensor.shape[axis] for tensor in tensors)
    chain.last = tensors[0]
    names = tuple(tensor.name for tensor in tensors[1:])
    attributes = Concatenation(axis=axis)
    return chain.add("concatenation", attributes, tuple(shape), constants=names, q=q)


def pooled_and_not():
    chain = Chain().convolution()
    first = chain.last
    pool = MaxPool2d(size=(3, 3), stride=(1, 1), padding=((1, 1), (1, 1)))
    return joined(chain.add("max_pool2d", pool, q=SUMS), [first, chain.last])


def of_a_chain():
    """Two of three layers; the first is read by the second too."""
    chain = Chain().convolution().convolution()
    first, second = chain.tensors["t0"], chain.last
    return joined(chain, [first, second])


def averaged(chain):
    height, width, depth = chain.last.shape[1:]
    pool = AveragePool2d(size=(height, width), stride=(1, 1))
    return chain.add("average_pool2d", pool, (1, 1, 1, depth))


# Networks, their outputs, and the layers that are left.
LEFT = {
    "channels": (concatenated(4, 8), (), ["n0", "n1"]),
    "channels, the last of them few": (concatenated(8, 3), (), ["n0", "n1"]),
    "channels of many": (concatenated(4, 4, 4, 5), (), ["n0", "n1", "n2", "n3"]),
    "channels within words": (concatenated(3, 5), (), ["n0", "n1", "n2_0", "n2_1", "n2_1_words1"]),
    "a word that is whole among others": (
        concatenated(4, 3, 2),
        (),
        ["n0", "n1", "n2", "n3_0", "n3_1", "n3_2", "n3_2_words1"],
    ),
    "rows": (concatenated(3, 3, axis=1), (), ["n0", "n1"]),
    "columns": (concatenated(3, 3, axis=2), (), ["n0", "n1"]),
    "one that another layer reads": (of_a_chain(), (), ["n0", "n1", "n2_0"]),
    "an output": (concatenated(4, 4), ("t0", "t2"), ["n0", "n1", "n2_0", "n2_1"]),
    "a network's input": (joined(Chain(), [Chain().last] * 2, q=CODES), (), ["n0_0", "n0_1"]),
}


@pytest.mark.parametrize("case", LEFT)
def test_layers_write_to_their_place_in_a_concatenation(case):
    chain, outputs, names = LEFT[case]
    graph = chain.graph(outputs)
    assert [command.name for command in lower(graph, CONFIG).commands] == names
    assert_same(graph)


def assert_same(graph, config=CONFIG):
    for fuse in (True, False):
        code = compile_graph(graph, config, fuse=fuse)
        answers = run_core(code, Machine(code), images(3))
        for name, expected in run(graph, images(3)).items():
            assert len(np.unique(expected)) > 5
            np.testing.assert_array_equal(answers[name], expected)


@pytest.mark.parametrize("size", [(2, 2), (8, 4), (8, 8), (4, 8), (3, 5)])
@pytest.mark.parametrize("axis", [1, 2, 3])
def test_on_cores_of_other_sizes(size, axis):
    rows, columns = size
    depth = 8 if columns % rows == 0 else 5
    graph = averaged(concatenated(depth, depth, axis=axis)).graph()
    config = AcceleratorConfig(rows=rows, columns=columns)
    assert {command.node for command in lower(graph, config).commands} == {"n0", "n1", "n3"}
    assert_same(graph, config)


def test_without_fusing_all_tensors_are_stored():
    graph = concatenated(4, 8).graph()
    commands = lower(graph, CONFIG, fuse=False).commands
    assert [command.name for command in commands] == ["n0", "n1", "n2_0", "n2_1"]


def test_a_layer_of_several_parts_keeps_its_copy():
    names = [c.name for c in lower(pooled_and_not().graph(), CONFIG).commands]
    assert {"n2_0", "n2_1"} < set(names)
    assert_same(pooled_and_not().graph())
