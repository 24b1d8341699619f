"""Parts of K come in the order that memory has room for: all groups of a part, or all parts of
some groups."""

import numpy as np
import pytest

from accel.compiler.compile import compile_graph
from accel.compiler.diagnostics import DoesNotFit
from accel.compiler.graph import interpreter
from accel.compiler.memory.groups_at_once import _turns
from accel.config import AcceleratorConfig
from accel.host.runner import run
from accel.sim.functional.machine import Machine
from tests.support.networks.small import Chain

CONFIG = AcceleratorConfig(weight_steps=128)
GRAPH = Chain((1, 12, 12, 16)).convolution(64).graph()


def parts_in_order(words):
    code = compile_graph(GRAPH, CONFIG.replace(bank_words=words))
    x = np.random.default_rng(0).integers(-128, 128, (2, *GRAPH.tensor(GRAPH.inputs[0]).shape[1:]))
    x = x.astype(np.int8)
    for name, codes in interpreter.run(GRAPH, x).items():
        np.testing.assert_array_equal(run(code, Machine(code), x)[name], codes)
    return [command.part for command in code.commands]


def test_where_there_is_room_all_groups_of_a_part_come_first():
    parts = parts_in_order(32768)
    assert len(parts) > 1
    assert parts == list(range(len(parts)))


def test_where_there_is_none_all_parts_of_some_groups_do():
    parts = parts_in_order(7000)
    count = max(parts) + 1
    assert len(parts) > count
    assert parts == list(range(count)) * (len(parts) // count)


def test_with_less_than_the_sums_of_a_group_nothing_fits():
    with pytest.raises(DoesNotFit):
        compile_graph(GRAPH, CONFIG.replace(bank_words=2400))


def test_turns_grow_up_to_one_group_at_once():
    assert list(_turns(1)) == [1]
    assert list(_turns(2)) == [1, 2]
    assert list(_turns(10)) == [1, 2, 3, 4, 6, 8, 10]
