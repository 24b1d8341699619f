"""What an inference leaves ends where the next one finds it, with as few copies as that takes."""

import pytest

from accel.compiler.compile import compile_graph
from accel.compiler.graph.interpreter import run
from accel.config import AcceleratorConfig
from accel.host.runner import run as run_core
from accel.sim.compare import assert_same
from accel.sim.functional.machine import Machine
from tests.support.networks.streaming import delay, frames, window

CONFIG = AcceleratorConfig(rows=4, columns=4)
SIZES = ((4, 4), (8, 8), (2, 2), (3, 5))


@pytest.mark.parametrize(("rows", "columns"), SIZES)
@pytest.mark.parametrize("graph", [window(), window(5, 9), delay(1), delay(3)], ids=str)
def test_successive_inferences_answer_as_the_reference(graph, rows, columns):
    config = AcceleratorConfig(rows=rows, columns=columns)
    code, x = compile_graph(graph, config), frames(9)
    expected = run(graph, x)
    assert_same(run_core(code, Machine(code), x), expected)
    assert len({answer.tobytes() for answer in expected[graph.outputs[0]]}) > 3


def test_a_window_moves_on_by_two_copies():
    code = compile_graph(window(), CONFIG)
    moved = [c.output for c in code.commands if c.node in ("n0", "n1")]
    assert moved == ["t0", "t0", "t1"]  # the frame that comes goes into the window, too
    homes = {c.output: c.home for c in code.commands if c.home}
    assert homes == {"t1": "before", "t3": "greatest"}


def test_what_is_combined_with_the_old_value_takes_its_place_without_a_copy():
    code = compile_graph(window(), CONFIG)
    assert not any(c.name.startswith("state_") for c in code.commands)


@pytest.mark.parametrize("graph", [window(), window(5, 9), delay(1), delay(3)], ids=str)
def test_the_new_value_comes_where_the_old_one_was_after_all_that_use_it(graph):
    code = compile_graph(graph, CONFIG)
    homes = {c.home: index for index, c in reversed(list(enumerate(code.commands))) if c.home}
    assert set(homes) == {state.tensor for state in code.states}
    for index, command in enumerate(code.commands):
        if command.home:
            old, new = code.memory.tensors[command.home], code.memory.tensors[command.output]
            assert (old.bank, old.address) == (new.bank, new.address)
        for read, first in homes.items():
            assert command.source != read or index < first


def test_nothing_else_lies_in_a_state_at_any_time():
    code, rows = compile_graph(window(5, 9), CONFIG), CONFIG.rows
    own = {c.output for c in code.commands if c.home} | {state.tensor for state in code.states}
    taken = [
        (place.bank, place.address, place.address + place.layout.words(rows))
        for name, place in code.memory.tensors.items()
        if name not in own
    ]
    taken += [(c.bank, c.address, c.address + c.size // rows) for c in code.chunks]
    for state in code.states:
        first, end = state.place.address, state.place.address + state.words(rows)
        assert all(
            b != state.place.bank or stop <= first or end <= start for b, start, stop in taken
        )


def test_initial_values_are_loaded_with_the_program():
    code = compile_graph(window(), CONFIG)
    loaded = {(chunk.bank, chunk.address): chunk.data for chunk in code.contents}
    for state in code.states:
        stored = loaded[state.place.bank, state.place.address]
        assert stored == state.stored(state.initial, CONFIG.rows).tobytes()
