"""Samples run on a core behind a bad line: every answer is right, and no run is repeated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.api import compile
from accel.config import AcceleratorConfig
from accel.host.driven_core import DrivenCore
from accel.host.exchange import PERSISTENCE, LinkError
from accel.host.run_results import SPARE_CYCLES, Counters
from accel.host.runner import run
from accel.protocol import COUNTER_BITS, NO_LIMIT
from accel.sim.compare import assert_same
from tests.support.host.fake_core import CYCLES, FakeCore, Line
from tests.support.networks.small import images, two_convolutions

CONFIG = AcceleratorConfig()
PROGRAM = compile(two_convolutions(), config=CONFIG)
TURN = 1 << COUNTER_BITS


@pytest.mark.parametrize("stepped", [False, True])
def test_answers_layers_and_counters(stepped):
    core = DrivenCore(PROGRAM.code, FakeCore(CONFIG), progress := [].append)
    assert core.progress is progress
    core.stepped = stepped
    answer = run(PROGRAM.code, core, images(3))
    assert_same(answer, PROGRAM.session.execute("machine", images(3)).tensors)
    assert core.driver.retries == 0
    if stepped:
        assert core.layer_counters == [Counters(CYCLES, 1, 2, 3)] * 2
    else:
        assert core.total == Counters(2 * CYCLES, 2, 2, 3)


def limit_of(cycles):
    """How long a run is waited for: until the core ends it, if it does."""
    limit = (cycles + SPARE_CYCLES).bit_length()
    return 1 << limit if limit < COUNTER_BITS else cycles + SPARE_CYCLES


@pytest.mark.parametrize("stepped", [False, True])
@pytest.mark.parametrize("cycles", [100, TURN - 1, TURN, 3 * TURN + 5])
def test_a_long_run_is_waited_for_and_counted(stepped, cycles):
    """Also where the model were wrong by a tenth of a turn."""
    core = FakeCore(CONFIG)
    core.cycles = cycles
    expected = [Counters(cycles + TURN // 10, 1, 2, 3)] * 2
    driven = DrivenCore(PROGRAM.code, core, expected=expected)
    driven.stepped = stepped
    run(PROGRAM.code, driven, images(1))
    each = [layer.cycles for layer in expected]
    assert core.waited == [limit_of(n) for n in (each if stepped else [sum(each)])]
    if stepped:
        assert driven.layer_counters == [Counters(cycles, 1, 2, 3)] * 2
    else:
        assert driven.total == Counters(2 * cycles, 2, 2, 3)


def test_an_executor_waits_for_what_the_model_says():
    core = FakeCore(CONFIG)
    driven = PROGRAM.session.driven(core)
    driven.stepped = True
    run(PROGRAM.code, driven, images(1))
    assert core.waited == [limit_of(layer.cycles) for layer in PROGRAM.cycles]


def test_a_layer_that_is_wanted_is_read_before_it_is_overwritten():
    core = DrivenCore(PROGRAM.code, FakeCore(CONFIG))
    answer = run(PROGRAM.code, core, images(2), ("x", "t0", "t1"))
    np.testing.assert_array_equal(answer["x"], images(2))
    assert_same(answer, PROGRAM.session.execute("machine", images(2), ("x", "t0", "t1")).tensors)


def test_progress_is_told_after_each_sample():
    done = []
    run(PROGRAM.code, DrivenCore(PROGRAM.code, FakeCore(CONFIG), done.append), images(3))
    assert done == [1, 2, 3]


def test_the_program_is_sent_once():
    core = FakeCore(CONFIG)
    driven = DrivenCore(PROGRAM.code, core)
    loaded = len(core.sent)
    assert loaded > PROGRAM.code.size_bytes
    run(PROGRAM.code, driven, images(3))
    assert len(core.sent) - loaded < PROGRAM.code.size_bytes * 2


PLACES = st.integers(0, 1700)  # about what two samples take
LINES = st.builds(Line, st.sets(PLACES, max_size=3))


@settings(max_examples=150)
@given(LINES, LINES, st.booleans())
def test_lost_bytes_cost_time_and_neither_an_answer_nor_a_second_run(to_core, to_host, stepped):
    core = FakeCore(CONFIG)
    core.to_core, core.to_host = to_core, to_host
    driven = DrivenCore(PROGRAM.code, core)
    driven.stepped = stepped
    for number in range(2):
        sample = images(2)[number : number + 1]
        answer = run(PROGRAM.code, driven, sample)
        assert_same(answer, PROGRAM.session.execute("machine", sample).tensors)
    assert core.ran == (4 if stepped else 2)


def test_a_run_whose_answer_is_lost_is_not_run_again():
    core = FakeCore(CONFIG)
    driven = DrivenCore(PROGRAM.code, core)
    driven.driver.exchange.settle()
    core.to_host.lost = {core.to_host.count + 2 * 6}  # after those to the input and the run
    answer = run(PROGRAM.code, driven, images(1))
    assert driven.driver.retries == core.ran == 1
    assert core.sent.count(PROGRAM.code.chunks[0].data) == 1
    assert_same(answer, PROGRAM.session.execute("machine", images(1)).tensors)


def test_a_spoilt_frame_is_sent_again_and_not_the_program():
    core = FakeCore(CONFIG)
    driven = DrivenCore(PROGRAM.code, core)
    driven.driver.exchange.settle()
    core.to_core.lost = {core.to_core.count + 40}  # of the input
    answer = run(PROGRAM.code, driven, images(2))
    assert driven.driver.retries == 1
    assert core.sent.count(PROGRAM.code.chunks[0].data) == 1
    assert_same(answer, PROGRAM.session.execute("machine", images(2)).tensors)


def test_a_core_that_has_forgotten_is_told():
    """It lost its power: its numbers begin anew, and its memory is empty."""
    core = FakeCore(CONFIG)
    driven = DrivenCore(PROGRAM.code, core)
    run(PROGRAM.code, driven, images(2))
    core.expected = 0
    with pytest.raises(LinkError, match=r"^Core has started anew, it expects frame 0 instead of"):
        run(PROGRAM.code, driven, images(1))


def test_a_line_that_spoils_every_frame_is_told():
    core = FakeCore(CONFIG)
    driven = DrivenCore(PROGRAM.code, core)
    core.to_core = Line(lost=range(1, 1 << 20, 50))
    with pytest.raises(LinkError, match=rf", {PERSISTENCE} times; check the cable"):
        run(PROGRAM.code, driven, images(1))


def test_where_nothing_is_expected_a_run_has_no_limit():
    core = FakeCore(CONFIG)
    run(PROGRAM.code, DrivenCore(PROGRAM.code, core), images(1))
    assert core.waited == [SPARE_CYCLES]
    assert core.limits == [NO_LIMIT]


@pytest.mark.parametrize("early", [0, 1, 5])
def test_the_next_input_is_sent_before_a_result_is_awaited(early):
    core = FakeCore(CONFIG)
    driven = DrivenCore(PROGRAM.code, core, done := [].append)
    assert done is driven.progress
    core.early = early
    answer = run(PROGRAM.code, driven, images(5))
    assert_same(answer, PROGRAM.session.execute("machine", images(5)).tensors)
    assert core.ran == 5
    assert driven.driver.retries == 0
    assert driven.total == Counters(2 * CYCLES, 2, 2, 3)


def test_what_is_not_a_single_small_output_is_not_overlapped():
    core = FakeCore(CONFIG)
    driven = DrivenCore(PROGRAM.code, core)
    answer = run(PROGRAM.code, driven, images(3), ("x", "t0", "t1"))
    assert_same(answer, PROGRAM.session.execute("machine", images(3), ("x", "t0", "t1")).tensors)


@settings(max_examples=60)
@given(LINES, LINES)
def test_lost_bytes_cost_no_answer_of_overlapped_samples(to_core, to_host):
    core = FakeCore(CONFIG)
    core.to_core, core.to_host = to_core, to_host
    answer = run(PROGRAM.code, DrivenCore(PROGRAM.code, core), images(3))
    assert_same(answer, PROGRAM.session.execute("machine", images(3)).tensors)
