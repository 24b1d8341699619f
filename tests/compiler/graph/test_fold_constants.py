"""Nodes that read nothing but constants are computed while a file is read, as the oracle does."""

import numpy as np
import pytest

from accel.compiler.frontends import UnsupportedModel, held_to, load
from accel.compiler.frontends.tflite.reader import read
from accel.compiler.graph.fold_constants import MOST_WORK
from accel.compiler.graph.interpreter import run
from tests.support.networks.tflite.files import File
from tests.support.oracles.tflm import tflm

Q = {"scale": 1 / 128, "zero_point": 0}
GATE = {"scale": 1 / 256, "zero_point": -128}


def first_step(seed: int, width: int = 8) -> bytes:
    """A gate of a constant state: a dense layer, its parts, a function of one and of both."""
    f, rng = File(), np.random.default_rng(seed)
    x = f.input((1, width), **Q)
    state = f.constant(rng.integers(-50, 50, (1, width)), "int8", **Q)
    w = f.constant(rng.integers(-127, 128, (2 * width, width)), "int8", scale=0.01)
    bias = f.constant(rng.integers(-2000, 2000, 2 * width), scale=0.01 / 128)
    dense = {"scale": 0.03, "zero_point": 2}
    whole = f.tensor((1, 2 * width), **dense)
    options = "FullyConnectedOptions"
    whole = f.operator("FULLY_CONNECTED", [state, w, bias], [whole], options)
    parts = [f.tensor((1, width), **dense) for _ in range(2)]
    f.operator("SPLIT", [f.constant(1), whole], parts, "SplitOptions", numSplits=2)
    gate = f.operator("LOGISTIC", [parts[0]], [f.tensor((1, width), **GATE)])
    kept = f.operator("MUL", [gate, parts[1]], [f.tensor((1, width), **Q)], "MulOptions")
    return f.ends(f.operator("ADD", [kept, x], [f.tensor((1, width), **Q)], "AddOptions")).bytes()


@pytest.mark.parametrize("seed", range(4))
def test_a_step_from_a_constant_state_answers_as_the_oracle(seed):
    data = first_step(seed)
    graph = read(data, "m.tflite")
    assert [node.operator for node in graph] == ["add"]
    x = np.random.default_rng(seed).integers(-128, 128, (3, 8)).astype(np.int8)
    np.testing.assert_array_equal(run(graph, x)[graph.outputs[0]], tflm(data, x))


def test_constants_are_of_the_contract_that_the_file_is_read_under(tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(first_step(0))
    assert load(path, "single").contract == "single"
    graph = read(first_step(0), "m.tflite")
    with pytest.raises(UnsupportedModel, match=r"accel.compile\(MODEL, contract='single'\)"):
        held_to(graph, "single", "m.tflite")


def test_what_takes_too_long_is_left_to_the_check_that_refuses_it():
    width = int(MOST_WORK**0.5) // 2 + 1
    f = File()
    x = f.constant(np.ones((1, 2 * width)), "int8", **Q)
    y = f.operator("ADD", [x, f.input((1, 1), **Q)], [f.tensor((1, 2 * width), **Q)], "AddOptions")
    assert read(f.ends(y).bytes(), "m.tflite").nodes
    f = File()
    y = f.operator(
        "TANH", [f.constant(np.ones((1, 2 * width)), "int8", **Q)], [f.tensor((1, 2 * width), **Q)]
    )
    z = f.operator("ADD", [y, f.input((1, 1), **Q)], [f.tensor((1, 2 * width), **Q)], "AddOptions")
    with pytest.raises(UnsupportedModel, match="is constant; fold it"):
        read(f.ends(z).bytes(), "m.tflite")
