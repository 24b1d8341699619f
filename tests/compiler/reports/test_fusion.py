"""The cost of a layer stands at the node that makes the work, however many are computed in it."""

import pytest

import accel
from accel.compiler.operators.add import OPERATOR
from accel.compiler.reports.fusion import working_nodes
from tests.support.networks.small import SUMS, Chain
from tests.support.shared import DATA

NETWORKS = sorted(DATA.glob("models/mlperf_tiny/*_int8.tflite"))


def residual(convolutions: int = 3):
    """What the first and the last of some convolutions give is added."""
    chain = Chain()
    for _ in range(convolutions):
        chain.convolution()
    return chain.add("add", OPERATOR.attributes(), constants=("t0",), q=SUMS).graph()


def test_an_addition_costs_where_the_convolution_before_it_does():
    program = accel.compile(residual())
    assert [command.name for command in program.code.commands] == ["n0", "n1", "n2+n3"]
    assert working_nodes(program.code) == {"n0": "n0", "n1": "n1", "n2": "n2", "n3": "n2"}


def test_a_copy_for_a_layer_costs_where_that_layer_does():
    program = accel.compile(residual(2))
    assert [command.name for command in program.code.commands] == ["n0", "n1+n2_input", "n1+n2"]
    homes = working_nodes(program.code)
    assert homes == {"n0": "n0", "n1+n2_input": "n1", "n1": "n1", "n2": "n1"}


def test_what_is_not_fused_stands_for_itself():
    program = accel.compile(residual(), fuse=False)
    homes = working_nodes(program.code)
    assert {name: homes[name] for name in ("n0", "n1", "n2")} == {
        "n0": "n0",
        "n1": "n1",
        "n2": "n2",
    }
    assert homes["n3"] == homes["n3_input"] == "n3"


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
def test_every_layer_stands_at_a_node(path):
    """Also one that copies a tensor for another layer; and all costs are somewhere."""
    code = accel.compile(path, board="ulx3s_85f").code if "large" not in path.stem else None
    if code is None:
        pytest.skip("fits no board")
    homes, nodes = working_nodes(code), {node.name for node in code.graph}
    assert {homes[command.node] for command in code.commands} <= nodes
    for node, home in homes.items():
        assert homes[home] == home
        assert node in nodes or node in {command.node for command in code.commands}
