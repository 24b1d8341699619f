"""Speeds are told only of what answers alike; RTL only where it counts what the model says."""

from types import SimpleNamespace

import numpy as np
import pytest

import accel
from accel.bench import networks, speed
from accel.config import AcceleratorConfig
from accel.errors import ToolError
from accel.sim.rtl.compiled import CannotCompileRtl


@pytest.fixture
def digits():
    network = networks.read(networks.digits() / "digits_int8.tflite", 3)
    program = accel.compile(network.graph, config=AcceleratorConfig())
    yield network, program
    program.close()


def test_rates_are_medians_of_what_was_measured(digits):
    network, program = digits
    answers = speed.expected(program, network.inputs)
    for figure in (
        speed.numpy_speed(program, network.inputs, 3),
        speed.machine_speed(program, network.inputs, answers, 3),
        speed.cpp_speed(program, answers, 3),
    ):
        assert 0 < figure.least <= figure.value <= figure.most
        assert figure.samples == 3


def test_without_a_compiler_the_row_says_so(digits, monkeypatch):
    network, program = digits

    def none():
        raise CannotCompileRtl("no compiler here")

    monkeypatch.setattr(speed, "find_compiler", none)
    figure = speed.cpp_speed(program, speed.expected(program, network.inputs), 3)
    assert (figure.value, figure.how) == (None, "not measured: no compiler here")


@pytest.mark.parametrize("way", ["machine_speed", "cpp_speed"])
def test_a_wrong_answer_stops_the_bench(digits, way):
    network, program = digits
    right = speed.expected(program, network.inputs)

    def spoiled(values):
        wrong = values.copy()
        wrong.flat[-1] ^= 1
        return wrong

    answers = speed.Expected(
        inputs=right.inputs,
        outputs={name: spoiled(values) for name, values in right.outputs.items()},
        network={name: spoiled(values) for name, values in right.network.items()},
    )
    inputs = (network.inputs,) if way == "machine_speed" else ()
    with pytest.raises(ToolError, match="differ in 1 of 30 elements"):
        getattr(speed, way)(program, *inputs, answers, 1)


def an_rtl(program, answers, monkeypatch, wrong_cycles=0):
    """Executions of a pretended simulator that takes 1000 cycles a run."""
    layers = [SimpleNamespace(cycles=layer.cycles) for layer in program.cycles]
    layers[1].cycles += wrong_cycles
    total = [0]

    def execute(executor, inputs, keep):
        assert executor == "rtl"
        total[0] += 1000
        tensors = {name: values[:1] for name, values in answers.network.items()}
        return SimpleNamespace(tensors=tensors, layers=layers, simulated_cycles=total[0])

    monkeypatch.setattr(program.session, "execute", execute)


def test_rtl_tells_cycles_and_speed(digits, monkeypatch):
    network, program = digits
    answers = speed.expected(program, network.inputs)
    an_rtl(program, answers, monkeypatch)
    found = speed.rtl(program, network.inputs, answers, 3)
    assert found.cycles.value == program.report().cycles_model
    np.testing.assert_allclose(found.speed.value, 1000 * found.inferences.value, rtol=1e-6)


def test_rtl_that_counts_otherwise_is_an_error(digits, monkeypatch):
    network, program = digits
    answers = speed.expected(program, network.inputs)
    an_rtl(program, answers, monkeypatch, wrong_cycles=1)
    with pytest.raises(speed.Differs, match=r"cycle model differ in layers \[1\]"):
        speed.rtl(program, network.inputs, answers, 3)
