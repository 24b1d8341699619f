"""Operators that update variable tensors: what is kept, what is shared, and what is refused."""

import numpy as np
import pytest

from accel.compiler.frontends import UnsupportedModel
from accel.compiler.frontends.tflite.reader import read
from accel.compiler.graph.interpreter import run
from tests.support.networks.tflite.drawn_recurrent import lstm, svdf, variable
from tests.support.networks.tflite.files import TYPES, File
from tests.support.oracles.apart import Refused, tflm_apart

HIDDEN, CELL = 18, 19


def drawn(seed=2):
    return lstm(np.random.default_rng(seed))


def refusal(file: File) -> str:
    with pytest.raises(UnsupportedModel) as error:
        read(file.bytes(), "m.tflite")
    return str(error.value)


def refused_by_both(file: File) -> str:
    with pytest.raises(Refused):
        tflm_apart(file.bytes(), file.inputs(np.random.default_rng(0)))
    return refusal(file)


def with_input(file: File, number: int, index: int) -> File:
    operator = file.graph.operators[-1]
    operator.inputs = [*operator.inputs[:number], index, *operator.inputs[number + 1 :]]
    return file


@pytest.mark.parametrize(
    ("number", "what"),
    [
        (9, "peephole connections"),
        (11, "peephole connections"),
        (16, "a projection"),
        (20, "layer normalization"),
        (23, "layer normalization"),
    ],
)
def test_variants_that_the_oracle_refuses_are_named(number, what):
    f = drawn()
    units = f.operand(5).shape[0]
    said = refused_by_both(with_input(f, number, f.constant(np.ones(units), "int8", scale=0.1)))
    assert f"operator 1 (UNIDIRECTIONAL_SEQUENCE_LSTM): has {what}" in said
    assert "plain LSTM cells" in said


def test_coupled_gates_are_named():
    assert "couples its input gate to its forget gate (CIFG)" in refused_by_both(
        with_input(drawn(), 1, -1)
    )


def test_cell_states_of_another_type_are_named():
    f = drawn()
    f.operand(CELL).type = TYPES["int8"]
    assert f"has a cell state 't{f.graph.operators[-1].inputs[CELL]}' of int8, not int16" in (
        refused_by_both(f)
    )


def test_states_that_are_no_variables_are_named():
    f = drawn()
    f.operand(HIDDEN).isVariable = False
    said = refused_by_both(f)
    assert "is no variable tensor that such operators alone use" in said


def test_cell_gates_of_other_functions_are_named():
    f = drawn()
    f.options.fusedActivationFunction = 1
    assert "has the activation relu, and TFLite Micro computes tanh alone" in refusal(f)


def test_variables_that_are_outputs_are_refused():
    f = svdf(np.random.default_rng(1))
    state = f.graph.operators[-1].inputs[4]
    said = refusal(f.ends(*f.graph.outputs, state))
    assert f"tensor 't{state}': keeps its value between invocations" in said


def test_impossible_shapes_of_variables_are_refused():
    f = drawn()
    for shape in ([1, -2, 2], [2**31 - 1, 2**15], [3]):
        f.operand(CELL).shape = shape
        assert "m.tflite" in refused_by_both(f)


def test_operators_that_share_a_state_find_what_the_one_before_has_left():
    f, rng = File(), np.random.default_rng(5)
    x = f.input((1, 4), scale=0.05, zero_point=3)
    weights = [
        f.constant(rng.integers(-127, 128, shape), "int8", scale=0.02) for shape in ((4, 4), (4, 3))
    ]
    bias = f.constant(rng.integers(-500, 500, 4), scale=np.float32(0.1) * np.float32(0.02))
    state = variable(f, (1, 12), "int8", scale=0.1, zero_point=-7)
    outputs = []
    for _ in range(2):
        y = f.tensor((1, 4), scale=0.05, zero_point=3)
        inputs = [x, *weights, bias, state]
        x = f.operator("SVDF", inputs, [y], "SVDFOptions", rank=1, fusedActivationFunction=0)
        outputs.append(y)
    data = f.ends(*outputs).bytes()
    graph = read(data, "m.tflite")
    (kept,) = graph.states
    assert (kept.initial == -7).all()
    given = f.inputs(rng, 6)
    expected, found = tflm_apart(data, given), run(graph, given[0])
    for name, wanted in zip(graph.outputs, expected, strict=True):
        np.testing.assert_array_equal(found[name], wanted)
