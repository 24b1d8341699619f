"""A first layer that the line would wait for is computed by rows."""

import numpy as np

from accel.compiler.compile import compile_graph
from accel.compiler.graph import interpreter
from accel.compiler.memory.early_release import place
from accel.compiler.pipeline import Compilation, run_passes
from accel.config import AcceleratorConfig
from accel.host.runner import run
from accel.sim.compare import assert_same
from accel.sim.functional.machine import Machine
from tests.support.networks.small import Chain, two_convolutions

CONFIG = AcceleratorConfig()


def long_line():
    """A network whose input takes longer on the line than the core works on it."""
    return Chain((1, 64, 32, 4)).convolution(8).graph()


def test_a_first_layer_is_cut_by_rows_and_computes_the_same():
    graph = long_line()
    code = compile_graph(graph, CONFIG)
    assert [command.name for command in code.commands] == ["n0", "n0_row16", "n0_row32", "n0_row48"]
    assert sum(command.macs for command in code.commands) == code.commands[0].macs
    first = code.pieces[0]
    assert first.after == 0 and first.takes
    inputs = np.random.default_rng(1).integers(-128, 128, (2, 64, 32, 4), np.int8)
    assert_same(run(code, Machine(code), inputs), interpreter.run(graph, inputs))


def test_where_the_core_takes_longer_no_layer_is_cut():
    graph = two_convolutions()
    c = run_passes(Compilation(source=graph, graph=graph, config=CONFIG), last="select")
    names = tuple(one.tensor for one in c.inputs)
    commands, memory = place(c.commands, c.layouts, names, c.outputs, CONFIG)
    assert len(commands) == 2 and memory.arrives_after == 0
