"""Tables of operators with a constant, their lowering, and what makes a table impossible."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.compiler.graph.interpreter import run
from accel.compiler.graph.verify import verify
from accel.compiler.ir.graph import Graph, Node, Quantization, Tensor
from accel.compiler.ir.tensor_layout import TensorLayout
from accel.compiler.operators import OPERATORS, UnsupportedOperator
from accel.compiler.operators._elementwise import lower_table
from accel.compiler.operators.add import Add
from accel.compiler.operators.mul import Mul
from tests.support.networks.tflite.elementwise import BINARY, GRAPHS
from tests.support.networks.tflite.operators import WILD, per_tensor, random_inputs

CHANNELS = 3
CODES = np.arange(-128, 128).astype(np.int8)
QUANTIZATIONS = st.builds(per_tensor, WILD.scales, WILD.zero_points)


def with_constant(
    operator: str,
    attributes,
    constant: np.ndarray,
    q: tuple[Quantization, Quantization, Quantization] = (per_tensor(0.5, 3),) * 3,
    first: bool = False,
) -> Graph:
    """One activation of all codes in each channel, and a constant that comes first or second."""
    source, other, output = q
    shape = (1, 256, CHANNELS)
    tensors = {
        "x": Tensor(name="x", shape=shape, dtype="int8", quantization=source),
        "c": Tensor(
            name="c", shape=constant.shape, dtype="int8", quantization=other, data=constant
        ),
        "y": Tensor(name="y", shape=shape, dtype="int8", quantization=output),
    }
    inputs = ("c", "x") if first else ("x", "c")
    node = Node(name="n", operator=operator, inputs=inputs, outputs=("y",), attributes=attributes)
    return Graph(name="g", tensors=tensors, nodes=(node,), inputs=("x",), outputs=("y",))


@pytest.mark.parametrize("operator", BINARY)
@settings(max_examples=20)
@given(
    q=st.tuples(QUANTIZATIONS, QUANTIZATIONS, QUANTIZATIONS),
    constant=st.lists(st.integers(-128, 127), min_size=CHANNELS, max_size=CHANNELS),
    shape=st.sampled_from(((), (1,), (1, 1), (CHANNELS,), (1, 1, CHANNELS))),
    first=st.booleans(),
    contract=st.sampled_from(("tflm", "single")),
)
def test_a_constant_makes_it_a_function_of_one_code(operator, q, constant, shape, first, contract):
    kind, alike = OPERATORS[operator].attributes(), BINARY[operator][1]
    q = (q[0],) * 3 if alike else q
    count = int(np.prod(shape, dtype=int))
    data = np.array(constant[:count], np.int8).reshape(shape)
    graph = with_constant(operator, kind, data, q, first).replace(contract=contract)
    verify(graph)
    table = OPERATORS[operator].table(graph.nodes[0], graph)
    assert table.shape == ((256,) if count == 1 else (CHANNELS, 256))
    answers = run(graph, np.broadcast_to(CODES[None, :, None], (1, 256, CHANNELS)))["y"][0]
    np.testing.assert_array_equal(answers.T, np.broadcast_to(table, (CHANNELS, 256)))


@settings(max_examples=30)
@given(
    q=st.tuples(QUANTIZATIONS, QUANTIZATIONS, QUANTIZATIONS),
    factor=st.integers(-128, 127),
    operator=st.sampled_from((("mul", Mul), ("add", Add))),
)
def test_a_monotone_table_lowers_to_a_copy_with_its_rule(q, factor, operator):
    name, kind = operator
    graph = with_constant(name, kind(), np.array(factor, np.int8), q)
    node = graph.nodes[0]
    table = OPERATORS[name].table(node, graph)
    (copy,) = lower_table(node, graph, TensorLayout(1, 256, CHANNELS), table)
    sums = CODES.astype(np.int64)[:, None] * copy.weights[0, 0]
    np.testing.assert_array_equal(copy.rule.compute(sums + copy.bias).T, [table] * CHANNELS)
    assert copy.source == "x"


def test_a_table_that_rises_and_falls_is_refused():
    graph = with_constant("add", Add(), np.array(0, np.int8))
    table = np.abs(np.arange(-128, 128)).clip(0, 127).astype(np.int8)
    message = r"^n \(add\): it rises for some codes and falls for others$"
    with pytest.raises(UnsupportedOperator, match=message):
        lower_table(graph.nodes[0], graph, TensorLayout(1, 256, CHANNELS), table)


def test_two_activations_have_no_table_of_one():
    graph = with_constant("add", Add(), np.array(0, np.int8))
    tensors = {**graph.tensors, "c": replace(graph.tensor("x"), name="c")}
    graph = graph.replace(tensors=tensors, inputs=("x", "c"))
    verify(graph)
    with pytest.raises(UnsupportedOperator, match=r"^n \(add\): both inputs are activations$"):
        OPERATORS["add"].table(graph.nodes[0], graph)


def test_a_constant_of_every_element_has_no_table():
    constant = np.arange(256 * CHANNELS).reshape(256, CHANNELS).astype(np.int8)
    graph = with_constant("add", Add(), constant)
    verify(graph)
    message = "^n .add.: constant 'c' has neither one value nor one for each channel .its shape is"
    with pytest.raises(UnsupportedOperator, match=message):
        OPERATORS["add"].table(graph.nodes[0], graph)


FAULTS = {
    "output scale must exceed 9.5367431640625e-07, not 5.960464477539063e-08; "
    "quantize it with other scales": ("add", 2.0**-24),
    "values of 17161 times 4194304.0 overflow 32 bits; quantize it with other scales": (
        "mul",
        2.0**-24,
    ),
}


@pytest.mark.parametrize("message", FAULTS)
def test_scales_that_the_kernels_do_not_take_are_refused(message):
    operator, scale = FAULTS[message]
    q = (per_tensor(0.5, 3), per_tensor(0.5, 3), per_tensor(scale, 3))
    kind = OPERATORS[operator].attributes()
    with pytest.raises(UnsupportedOperator) as caught:
        verify(with_constant(operator, kind, np.array(0, np.int8), q))
    assert str(caught.value) == f"n ({operator}): {message}"


def test_shapes_must_broadcast():
    graph = with_constant("add", Add(), np.zeros((2,), np.int8))
    message = r"^n \(add\): inputs of \(1, 256, 3\) and \(2,\) do not broadcast$"
    with pytest.raises(Exception, match=message):
        verify(graph)


@settings(max_examples=60)
@given(st.one_of(*GRAPHS.values()))
def test_the_contracts_differ_by_rounding_alone(graph):
    """``single`` rounds once: no result is more than a few codes away, and constants are the
    same."""
    inputs = random_inputs(graph, 4)
    name = graph.outputs[0]
    first, second = (run(graph.replace(contract=c), inputs)[name] for c in ("tflm", "single"))
    assert np.abs(first.astype(int) - second.astype(int)).max() <= 2
