"""Networks with states answer alike on every executor, at once or step by step, and anew."""

import numpy as np
import pytest

import accel
from accel.errors import UserError
from accel.host.driven_core import DrivenCore
from accel.host.runner import run
from accel.session import NoState
from accel.sim.compare import assert_same
from tests.support.host.fake_core import FakeCore, Line
from tests.support.networks.small import images, two_convolutions
from tests.support.networks.streaming import delay, frames, window
from tests.support.oracles.agreement import assert_cycles, in_parts
from tests.support.shared import shared

X = frames(8)


@pytest.fixture(scope="module", params=[window(5, 9), delay(3)], ids=("window", "delay"))
def program(request):
    with accel.compile(request.param, board="icebreaker") as made:
        yield made


@pytest.fixture(scope="module")
def expected(program):
    return program.run(X, "reference").outputs


@pytest.mark.parametrize("executor", ["reference", "machine", "rtl"])
def test_a_run_goes_on_where_the_last_one_ended(program, expected, executor):
    for _ in range(2):  # a run without stream begins anew
        assert_same(in_parts(program, X, executor, (3, 4, 8)), expected)


@pytest.mark.parametrize("executor", ["reference", "machine", "rtl"])
def test_a_reset_begins_anew(program, expected, executor):
    program.run(X[::-1], executor)
    program.reset()
    assert_same(program.run(X, executor, stream=True).outputs, expected)


def test_states_move_from_one_executor_to_another(program, expected):
    names = ("reference", "rtl", "machine", "reference")
    program.reset()
    parts = []
    for index, name in enumerate(names):
        if index:
            program.restore(program.snapshot(names[index - 1]), name)
        parts.append(program.run(X[2 * index : 2 * index + 2], name, stream=True).outputs)
    assert_same({n: np.concatenate([part[n] for part in parts]) for n in expected}, expected)


def test_every_layer_and_every_counter_in_rtl(program):
    code = program.code
    keep = tuple(name for node in code.graph for name in node.outputs if code.has(name))
    execution = program.session.execute("rtl", X[:4], keep)
    assert_same(execution.tensors, program.session.execute("reference", X[:4], keep).tensors)
    assert_cycles(code, execution.layers)


def test_samples_as_they_come_are_successive_inferences(program, expected):
    for executor in ("machine", "rtl"):
        answers = [a.outputs for a in program.stream((x[np.newaxis] for x in X), executor)]
        assert_same({n: np.concatenate([a[n] for a in answers]) for n in expected}, expected)


def test_a_program_file_has_the_states(program, expected, tmp_path):
    path = tmp_path / "program.bin"
    program.save(path)
    with accel.open(path) as alone:
        assert alone.states == program.states
        first, second = alone.run(X[:5]), alone.run(X[5:], stream=True)
        assert_same(
            {n: np.concatenate([first.outputs[n], second.outputs[n]]) for n in expected}, expected
        )
        assert alone.report().as_dict()["states"] == program.report().as_dict()["states"]


@pytest.mark.parametrize("period", [23, 37, 59])
@pytest.mark.parametrize("spoilt", ["to_core", "to_host"])
def test_a_spoilt_line_neither_advances_a_state_twice_nor_loses_a_step(
    program, expected, spoilt, period
):
    core = FakeCore(program.config)
    driven = DrivenCore(program.code, core)
    driven.driver.exchange.settle()
    setattr(core, spoilt, Line(range(7, 10_000, period * 4)))
    assert_same(run(program.code, driven, X), expected)
    assert driven.driver.retries > 0
    assert core.ran == len(X)


def test_states_take_memory_and_no_bytes_on_the_line(program):
    report = program.report()
    assert report.state_bytes == sum(state.bytes for state in program.states) > 0
    assert report.state_line_bytes == 0
    inputs = {one.tensor for one in program.code.inputs}
    assert not inputs & {state.tensor for state in program.code.states}
    wider = accel.compile(window(9, 9), board="icebreaker")
    narrow = accel.compile(window(2, 9), board="icebreaker")
    assert wider.report().state_bytes > narrow.report().state_bytes
    assert wider.timing().line_bytes == narrow.timing().line_bytes


def test_a_network_without_state_has_nothing_to_go_on_with():
    plain = accel.compile(two_convolutions(), config=accel.configuration("icebreaker"))
    assert plain.states == ()
    with pytest.raises(NoState, match=r"no state that outlives an inference.*leave out --stream"):
        plain.run(images(2), stream=True)


class _Stop(Exception):
    pass


def test_a_run_that_did_not_end_is_not_gone_on_with(program, expected):
    def stop(done):
        raise _Stop

    with pytest.raises(_Stop):
        program.run(X[:3], "rtl", progress=stop)
    with pytest.raises(NoState, match="did not end"):
        program.run(X[3:], "rtl", stream=True)
    assert_same(program.run(X, "rtl").outputs, expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: {}, "states must be"),
        (lambda values: {name: value[..., :1] for name, value in values.items()}, "must be int8"),
        (lambda values: {n: value.astype(np.int32) for n, value in values.items()}, "not int32"),
    ],
)
def test_what_is_no_snapshot_is_refused(program, change, message):
    with pytest.raises(UserError, match=message):
        program.restore(change(program.snapshot()))


def test_a_streaming_wake_word_keeps_to_its_cycles_and_to_the_oracle():
    from tests.support.oracles.tflm import tflm

    path = shared("data/models/esphome/okay_nabu.tflite")
    program = accel.compile(path, board="icebreaker")
    assert program.report().cycles <= 35_000
    x = np.random.default_rng(0).integers(-128, 30, (12, 3, 40)).astype(np.int8)
    np.testing.assert_array_equal(program.run(x).output, tflm(path.read_bytes(), x))
