"""States that the driver keeps itself: an LSTM or SVDF between layers of the core."""

import numpy as np
import pytest

import accel
from accel.errors import UserError
from accel.sim.compare import assert_same
from tests.support.networks.tflite.drawn_recurrent import LSTM, TANH, variable
from tests.support.networks.tflite.files import File
from tests.support.oracles.agreement import in_parts
from tests.support.oracles.tflm import tflm
from tests.support.shared import shared

STEPS, FEATURES, UNITS = 3, 4, 5
Q, HIDDEN = {"scale": 0.02, "zero_point": 5}, {"scale": 1 / 128, "zero_point": 0}
X = np.random.default_rng(1).integers(-128, 128, (6, STEPS, FEATURES)).astype(np.int8)


def dense(f: File, rng: np.random.Generator, x: int, shape: tuple[int, ...], depth: int) -> int:
    w = f.constant(rng.integers(-127, 128, (shape[-1], depth)), "int8", scale=0.01)
    bias = f.constant(rng.integers(-500, 500, shape[-1]), scale=0.0002)
    y, options = f.tensor(shape, scale=0.05, zero_point=-3), "FullyConnectedOptions"
    return f.operator("FULLY_CONNECTED", [x, w, bias], [y], options, keepNumDims=True)


def network(seed: int = 0) -> bytes:
    """A dense layer of each step, an LSTM, an SVDF of its last step's units, a dense layer."""
    f, rng = File(), np.random.default_rng(seed)

    def constants(*shape: int) -> list[int]:
        return [f.constant(rng.integers(-127, 128, shape), "int8", scale=0.01) for _ in range(4)]

    x = f.input((1, STEPS, FEATURES), **Q)
    x = dense(f, rng, x, (1, STEPS, FEATURES), FEATURES)
    weights = constants(UNITS, FEATURES), constants(UNITS, UNITS)
    bias = [f.constant(rng.integers(-2000, 2000, UNITS), scale=0.0005) for _ in range(4)]
    kept = variable(f, (1, UNITS), "int8", **HIDDEN), variable(f, (1, UNITS), "int16", scale=2**-11)
    inputs = [x, *weights[0], *weights[1], -1, -1, -1, *bias, -1, -1, *kept, -1, -1, -1, -1]
    y = f.tensor((1, STEPS, UNITS), **HIDDEN)
    fields = {"fusedActivationFunction": TANH, "cellClip": 10.0}
    x = f.operator(LSTM, inputs, [y], "UnidirectionalSequenceLSTMOptions", **fields)
    size = (1, STEPS * UNITS)
    x = f.operator("RESHAPE", [x, f.constant(size)], [f.tensor(size, **HIDDEN)])
    time = f.constant(rng.integers(-127, 128, (4, 3)), "int8", scale=0.01)
    features = f.constant(rng.integers(-127, 128, (4, size[1])), "int8", scale=0.01)
    bias = [f.constant(rng.integers(-500, 500, 4), scale=0.0005)]
    state = variable(f, (1, 12), "int8", scale=0.05, zero_point=4)
    y = f.tensor((1, 4), scale=0.05, zero_point=-20)
    inputs = [x, features, time, *bias, state]
    x = f.operator("SVDF", inputs, [y], "SVDFOptions", rank=1, fusedActivationFunction=1)
    return f.ends(dense(f, rng, x, (1, 3), 4)).bytes()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    made = tmp_path_factory.mktemp("states") / "network.tflite"
    made.write_bytes(network())
    return made


@pytest.fixture(scope="module")
def program(path):
    with accel.compile(path, board="icebreaker") as made:
        yield made


@pytest.fixture(scope="module")
def expected(path, program):
    return {program.outputs[0].name: tflm(path.read_bytes(), X)}


@pytest.mark.parametrize("executor", ["reference", "machine", "rtl"])
def test_runs_answer_as_the_oracle_at_once_and_one_after_another(program, expected, executor):
    for _ in range(2):  # a run without stream begins anew
        assert_same(in_parts(program, X, executor, (2, 3, 6)), expected)


def test_the_driver_keeps_states_and_the_core_none(program):
    assert [state.kept_by for state in program.states] == ["driver"] * 3
    assert [state.dtype for state in program.states] == ["int8", "int16", "int8"]
    report = program.report()
    assert (report.state_bytes, report.state_line_bytes) == (0, 0)
    assert len(program.code.runs) == 2


def test_states_move_from_one_executor_to_another(program, expected):
    program.reset()
    parts = []
    for index, name in enumerate(("reference", "rtl", "machine")):
        if index:
            program.restore(program.snapshot(("reference", "rtl")[index - 1]), name)
        parts.append(program.run(X[2 * index : 2 * index + 2], name, stream=True).outputs)
    assert_same({n: np.concatenate([part[n] for part in parts]) for n in expected}, expected)


def test_samples_that_come_one_by_one_answer_as_the_oracle(program, expected):
    answers = [answer.outputs for answer in program.stream(X[i : i + 1] for i in range(len(X)))]
    assert_same({n: np.concatenate([one[n] for one in answers]) for n in expected}, expected)


def test_program_files_keep_the_drivers_states(program, expected, tmp_path):
    program.save(tmp_path / "network.bin")
    with accel.open(tmp_path / "network.bin") as opened:
        assert opened.states == program.states
        assert_same(opened.run(X).outputs, expected)
        opened.run(X[:4])
        found = opened.run(X[4:], stream=True).outputs
        assert_same(found, {name: values[4:] for name, values in expected.items()})


def test_networks_of_such_operators_inside_need_the_driver(path):
    with pytest.raises(UserError, match="cannot be computed by the core, only by the driver"):
        accel.compile(path, board="icebreaker", host=False)


def test_a_real_network_of_an_lstm_answers_as_the_oracle():
    model = shared("models/tflm/mnist_lstm_int8.tflite")
    x = np.random.default_rng(0).integers(-128, 128, (3, 28, 28)).astype(np.int8)
    with accel.compile(model, board="icebreaker") as program:
        found = program.run(x).outputs
    assert_same(found, {name: tflm(model.read_bytes(), x) for name in found})
