"""Keyword spotting, MLPerf Tiny's DS-CNN: bit-exact to TFLite Micro, and as fast as promised."""

from dataclasses import asdict

import numpy as np
import pytest

import accel
from accel.boards import icebreaker
from accel.compiler.diagnostics import CannotCompile
from accel.compiler.schedule import select
from accel.host.driven_core import DrivenCore
from accel.host.runner import run
from accel.sim.compare import assert_same
from accel.sim.rtl.compiled import CompiledCore
from tests.support.oracles.agreement import assert_cycles, assert_layers
from tests.support.oracles.tflm import tflm
from tests.support.shared import shared, stimuli

pytestmark = pytest.mark.xdist_group("icebreaker")

MODEL = "models/mlperf_tiny/kws01_dscnn_int8.tflite"
MOST_CYCLES = 260_000
SAMPLES_IN_RTL = 20
LAYERS = 13
CHANNELS = 9 * 64 + 1 + 12  # convolutions, the pooling (all alike), the classifier


@pytest.fixture(scope="module")
def path():
    return shared(MODEL)


@pytest.fixture(scope="module")
def program(path):
    program = accel.compile(path, board="icebreaker")
    yield program
    program.close()


@pytest.fixture(scope="module")
def inputs():
    return stimuli("kws01")


@pytest.fixture(scope="module")
def recorded():
    return np.load(shared("golden/mlperf_tiny/kws01_dscnn_int8.npz"))["TFLM"]


@pytest.fixture(scope="module")
def live(path, inputs):
    return tflm(path.read_bytes(), inputs, all_tensors=True)


def test_all_samples_on_the_machine_equal_the_recorded_answers(program, inputs, recorded):
    assert recorded.shape == (500, 12)
    assert_same(program.run(inputs, "machine").output, recorded)


def test_every_layer_of_all_samples_on_the_machine_equals_the_oracle(program, inputs, live):
    assert len(live) == LAYERS
    execution = assert_layers(program, "machine", inputs, live)
    assert len(execution.tensors) == LAYERS
    assert {len(array) for array in execution.tensors.values()} == {500}


def test_every_layer_and_its_cycles_in_rtl_equal_the_oracle_and_the_model(
    program, inputs, live, recorded
):
    few = slice(SAMPLES_IN_RTL)
    execution = assert_layers(
        program, "rtl", inputs[few], {name: array[few] for name, array in live.items()}
    )
    assert len(execution.tensors) == LAYERS
    assert_same(execution.tensors[program.code.graph.outputs[0]], recorded[few])
    assert_cycles(program.code, execution.layers)


def test_an_inference_without_a_stop_takes_the_cycles_of_its_layers_and_no_more_than_promised(
    program, inputs, recorded
):
    core = DrivenCore(program.code, CompiledCore(program.config))
    for index in range(2):
        piece = slice(index, index + 1)
        answer = run(program.code, core, inputs[piece])
        assert_same(answer[program.code.graph.outputs[0]], recorded[piece])
        layers = [layer.as_dict() for layer in program.cycles]
        assert asdict(core.total) == {key: sum(l[key] for l in layers) for key in layers[0]}
        assert core.total.cycles <= MOST_CYCLES


def test_every_channel_is_proved(path, monkeypatch):
    solutions = []

    def solve(*arguments):
        solutions.append(schedule_solve(*arguments))
        return solutions[-1]

    schedule_solve = select.solve_once
    monkeypatch.setattr(select, "solve_once", solve)
    accel.compile(path, config=accel.configuration("icebreaker"))
    proved = np.concatenate([solution.proved for solution in solutions])
    assert len(proved) == CHANNELS
    assert proved.all()


def test_a_channel_that_is_not_proved_stops_the_compilation(path, monkeypatch):
    class Solution:
        def __init__(self, solution):
            self.division = solution.division
            self.proved = np.arange(len(solution.proved)) != 3

    schedule_solve = select.solve_once
    monkeypatch.setattr(select, "solve_once", lambda *given: Solution(schedule_solve(*given)))
    what = r"operators 0, 2, .*: output channels \[3\] cannot be requantized exactly"
    with pytest.raises(CannotCompile, match=what):
        accel.compile(path, config=accel.AcceleratorConfig())


def test_the_board_is_the_one_whose_figures_are_promised():
    configuration = dict(icebreaker.BOARD.configuration)
    assert configuration == {
        "rows": 4,
        "columns": 4,
        "sum_bits": 22,
        "family": "ice40up",
        "flash_lanes": 4,
    }
