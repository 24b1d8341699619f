"""ONNX networks that others made, compiled: machine and RTL answer as the contract says.

`tests.compiler.frontends.onnx.test_models` holds the contract's reference to ONNX Runtime's
answers.
"""

import pytest

import accel
from accel.compiler.graph import interpreter
from accel.config import AcceleratorConfig
from accel.sim.compare import assert_same
from tests.support.networks.third_party_onnx import RECORDED
from tests.support.oracles.agreement import assert_cycles
from tests.support.shared import shared

# Room for weights that no board has without its flash.
LARGE = AcceleratorConfig(bank_words=1 << 17)
LARGE_ONLY = "ad01 K1"
# The larger board gets one of each kind; `python -m tests.campaigns.onnx_agreement` runs all on
# both.
BOARDS = {
    "icebreaker": tuple(name for name in RECORDED if name != LARGE_ONLY),
    "ulx3s_85f": ("kws01 K1", "ic01 qop u8s8", "mnist8 qop u8u8"),
}
ON_BOARDS = [
    pytest.param(name, board, marks=pytest.mark.xdist_group(board))
    for board, names in BOARDS.items()
    for name in names
]
SAMPLES = {"machine": 25, "rtl": 3}


def compiled(name: str, board: str | None):
    path = shared(RECORDED[name].path)
    return accel.compile(path, board=board) if board else accel.compile(path, config=LARGE)


def agree(program: accel.Program, name: str, executor: str):
    """Run some samples and hold every tensor of the core to the reference; return the execution."""
    graph = program.code.graph
    stored = [tensor for tensor in graph.tensors if program.code.has(tensor)]
    keep = (*stored, *graph.outputs)
    inputs = RECORDED[name].inputs[: SAMPLES[executor]]
    execution = program.session.execute(executor, inputs, keep)
    assert_same(execution.tensors, interpreter.run(graph, inputs, keep))
    return execution


@pytest.mark.parametrize(("name", "board"), ON_BOARDS)
def test_machine_and_rtl_of_a_board_answer_as_the_contract_layer_by_layer(name, board):
    program = compiled(name, board)
    assert program.report().inexact == ()
    agree(program, name, "machine")
    assert_cycles(program.code, agree(program, name, "rtl").layers)
    program.close()


def test_a_network_that_is_larger_than_memory_answers_as_the_contract_on_a_larger_core():
    agree(compiled(LARGE_ONLY, None), LARGE_ONLY, "machine")
