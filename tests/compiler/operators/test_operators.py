"""Each operator's reference against TFLite Micro itself, on random single-operator models."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.compiler.frontends.tflite.reader import FRONTEND, read
from accel.compiler.graph.interpreter import run
from accel.compiler.operators import OPERATORS, Binary, Elementwise, Ruled, UnsupportedOperator
from accel.compiler.tflite_export.writer import write
from tests.support.networks.single_operators import SINGLE_OPERATOR_GRAPHS
from tests.support.networks.tflite.branches import branching
from tests.support.networks.tflite.drawn_for_driver import FOR_DRIVER
from tests.support.networks.tflite.drawn_recurrent import RECURRENT
from tests.support.networks.tflite.elementwise import BINARY, all_pairs
from tests.support.networks.tflite.operators import average_pool2d_graphs, networks, random_inputs
from tests.support.oracles.tflm import tflm

SAMPLES = 4
EXAMPLES = 80


# TFLite Micro has no kernels for these, which ONNX alone spells.
IN_ONNX = ("function", "layer_normalization", "sums")
# These are drawn as files, with all their fields, in `tests/end_to_end/test_single_operators.py`.
ELSEWHERE = {FRONTEND.operators[name] for name in (*FOR_DRIVER, *RECURRENT)}
SPELLED = [
    name
    for name in OPERATORS
    if name not in {*IN_ONNX, *ELSEWHERE} and not name.startswith("float_")
]


@pytest.mark.parametrize("operator", SPELLED)
def test_reference_equals_the_oracle(operator):
    @settings(max_examples=EXAMPLES)
    @given(SINGLE_OPERATOR_GRAPHS[operator], st.integers(0, 1000))
    def check(graph, seed):
        inputs = random_inputs(graph, SAMPLES, seed)
        expected = tflm(write(graph), inputs)
        if len(graph.outputs) == 1:
            expected = {graph.outputs[0]: expected}
        answers = run(graph, inputs)
        for name in graph.outputs:
            assert answers[name].dtype == expected[name].dtype
            np.testing.assert_array_equal(answers[name], expected[name])

    check()


TABLED = [
    name
    for name in SPELLED
    if isinstance(OPERATORS[name], Elementwise) and not isinstance(OPERATORS[name], Binary)
]


@pytest.mark.parametrize("name", TABLED)
def test_tables_equal_the_oracle_for_every_code(name):
    @settings(max_examples=40)
    @given(SINGLE_OPERATOR_GRAPHS[name])
    def check(graph):
        source = graph.tensor(graph.inputs[0])
        if source.dtype != "int8":
            return
        codes = np.arange(-128, 128).astype(np.int8)
        inputs = np.broadcast_to(
            codes.reshape(-1, *(1,) * (len(source.shape) - 1)), (256, *source.shape[1:])
        )
        table = OPERATORS[name].table(graph.nodes[0], graph)
        assert table.dtype == np.int8
        expected = tflm(write(graph), inputs)
        np.testing.assert_array_equal(
            expected, np.broadcast_to(_by_code(table, expected.ndim), expected.shape)
        )

    check()


def _by_code(table, dimensions):
    """A table as the outputs of samples that consist of one code each."""
    if table.ndim == 1:
        return table.reshape(-1, *(1,) * (dimensions - 1))
    return table.T.reshape(256, *(1,) * (dimensions - 2), -1)


@pytest.mark.parametrize("name", BINARY)
def test_tables_equal_the_oracle_for_every_pair(name):
    @settings(max_examples=25)
    @given(all_pairs(name, *BINARY[name]))
    def check(graph):
        codes = np.arange(-128, 128).astype(np.int8)
        first, second = graph.inputs
        inputs = {first: codes.reshape(1, 256, 1), second: codes.reshape(1, 1, 256)}
        table = OPERATORS[name].pair_table(graph.nodes[0], graph)
        assert table.dtype == np.int8
        np.testing.assert_array_equal(table, tflm(write(graph), inputs)[0])

    check()


@settings(max_examples=EXAMPLES)
@given(networks(), st.integers(0, 1000))
def test_every_layer_of_a_network_equals_the_oracle(graph, seed):
    inputs = random_inputs(graph, SAMPLES, seed)
    expected = tflm(write(graph), inputs, all_tensors=True)
    answers = run(graph, inputs, keep=expected)
    for name, layer in expected.items():
        np.testing.assert_array_equal(answers[name], layer, err_msg=name)


@settings(max_examples=EXAMPLES)
@given(branching(), st.integers(0, 1000))
def test_every_layer_of_a_branching_network_equals_the_oracle(graph, seed):
    inputs = random_inputs(graph, SAMPLES, seed)
    file = write(graph)
    expected = tflm(file, inputs, all_tensors=True)
    answers = run(read(file, "branching.tflite"), inputs, keep=expected)
    for name, layer in expected.items():
        np.testing.assert_array_equal(answers[name], layer, err_msg=name)


RULED = [name for name, operator in OPERATORS.items() if isinstance(operator, Ruled)]


@pytest.mark.parametrize("name", RULED)
def test_sum_bounds_are_reached_and_rules_describe_all_channels(name):
    @settings(max_examples=30)
    @given(SINGLE_OPERATOR_GRAPHS[name])
    def check(graph):
        node, operator = graph.nodes[0], OPERATORS[name]
        if graph.tensor(graph.inputs[0]).dtype == "float32":
            return
        low, high = operator.sum_bounds(node, graph)
        channels = graph.tensor(graph.outputs[0]).shape[-1]
        assert low.shape == high.shape == (channels,)
        assert low.dtype == high.dtype == np.int64
        assert (low <= high).all()
        try:
            rule = operator.output_rule(node, graph)
        except UnsupportedOperator:
            return
        assert rule.channels == channels
        codes = run(graph, random_inputs(graph, 3))[graph.outputs[0]]
        assert (rule.compute(low) <= codes).all()
        assert (rule.compute(high) >= codes).all()

    check()


def test_fully_connected_bounds_are_the_extreme_sums():
    @settings(max_examples=30)
    @given(SINGLE_OPERATOR_GRAPHS["fully_connected"])
    def check(graph):
        node = graph.nodes[0]
        weights, bias = (graph.tensor(name).data.astype(np.int64) for name in node.inputs[1:])
        weights = weights - graph.tensor(node.inputs[1]).quantization.zero_point[0]
        zero_point = graph.tensor("input").quantization.zero_point[0]
        low, high = OPERATORS["fully_connected"].sum_bounds(node, graph)
        for bound, ends in ((low, (127, -128)), (high, (-128, 127))):
            x = np.where(weights < 0, *ends) - zero_point
            np.testing.assert_array_equal((weights * x).sum(axis=1) + bias, bound)

    check()


@settings(max_examples=60)
@given(average_pool2d_graphs())
def test_average_rule_is_refused_only_where_windows_differ(graph):
    node = graph.nodes[0]
    try:
        OPERATORS["average_pool2d"].output_rule(node, graph)
    except UnsupportedOperator as error:
        assert node.attributes.padding != ((0, 0), (0, 0))
        message = "average_pool2d_0 (AVERAGE_POOL_2D): windows at the border average fewer pixels"
        assert str(error) == f"{message} than others; use VALID padding"
