"""uint8 models are the int8 models whose codes are 128 lower."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.api import Program
from accel.compiler.compile import compile_graph
from accel.compiler.frontends import UnsupportedModel
from accel.compiler.frontends.tflite.reader import read
from accel.compiler.graph.interpreter import run
from accel.compiler.ir.graph import Graph, Node, Quantization, Tensor
from accel.compiler.operators.average_pool2d import AveragePool2d
from accel.compiler.operators.conv2d import Conv2d
from accel.compiler.operators.fully_connected import FullyConnected
from accel.compiler.tflite_export.writer import write
from accel.config import AcceleratorConfig
from tests.support.networks.single_operators import SINGLE_OPERATOR_GRAPHS
from tests.support.networks.tflite.operators import (
    SEEDS,
    Builder,
    add_average_pool2d,
    add_quantize,
    conv2d_graphs,
    image_graphs,
    networks,
    random_inputs,
)
from tests.support.oracles.tflm import tflm

# All but those with a part of their own in int8 codes, and those that make or take float32.
OPERATORS = sorted(
    set(SINGLE_OPERATOR_GRAPHS)
    - {"average_pool2d", "pad", "quantize", "dequantize", "log_softmax", "fully_connected"}
    - {"softmax", "reshape", "arg_max"}
)


# Their averages round halves in another direction, see below.
def without_averages(graph: Graph) -> bool:
    return all(node.operator != "average_pool2d" for node in graph)


def unsigned(graph: Graph) -> Graph:
    """The graph in uint8, for the writer alone."""
    return graph.replace(tensors={name: _unsigned(t) for name, t in graph.tensors.items()})


def _unsigned(tensor: Tensor) -> Tensor:
    if tensor.dtype != "int8":
        return tensor
    q = tensor.quantization
    q = replace(q, zero_point=tuple(zero_point + 128 for zero_point in q.zero_point))
    data = None if tensor.data is None else _up(tensor.data)
    return replace(tensor, dtype="uint8", quantization=q, data=data)


def _up(codes: np.ndarray) -> np.ndarray:
    return (codes.astype(np.int16) + 128).astype(np.uint8)


@settings(max_examples=150)
@given(
    st.one_of(
        networks().filter(without_averages),
        conv2d_graphs(("int8",)),
        *(SINGLE_OPERATOR_GRAPHS[name] for name in OPERATORS),
    ),
    SEEDS,
)
def test_a_uint8_model_computes_what_the_int8_one_does(graph, seed):
    inputs = random_inputs(graph, 3, seed)
    inputs = inputs if isinstance(inputs, dict) else {graph.inputs[0]: inputs}
    expected = tflm(write(graph), inputs)
    expected = expected if isinstance(expected, dict) else {graph.outputs[0]: expected}
    found = read(write(unsigned(graph)), "unsigned.tflite")
    assert found.inputs == graph.inputs
    assert found.outputs == graph.outputs
    answers = run(found, {name: _up(codes) for name, codes in inputs.items()})
    for name, codes in expected.items():
        np.testing.assert_array_equal(answers[name], _up(codes))


def test_halves_of_uint8_means_are_rounded_up():
    """As integers divide that are not negative, in ``reference_ops::AveragePool``."""
    q = Quantization(scale=(1.0,), zero_point=(0,))
    shapes = {"x": (1, 2, 1, 1), "y": (1, 1, 1, 1)}
    tensors = {n: Tensor(name=n, shape=s, dtype="int8", quantization=q) for n, s in shapes.items()}
    pool = AveragePool2d(size=(2, 1), stride=(1, 1))
    node = Node(name="n", operator="average_pool2d", inputs=("x",), outputs=("y",), attributes=pool)
    graph = Graph(name="g", tensors=tensors, nodes=(node,), inputs=("x",), outputs=("y",))
    pairs = np.array([[-3, -4], [-128, -127], [3, 4], [-5, -7]], np.int8).reshape(4, 2, 1, 1)
    assert run(graph, pairs)["y"].reshape(-1).tolist() == [-4, -128, 4, -6]
    answers = run(read(write(unsigned(graph)), "m.tflite"), _up(pairs))["y"].reshape(-1)
    assert (answers.astype(int) - 128).tolist() == [-3, -127, 4, -6]


@given(image_graphs(add_average_pool2d))
def test_only_the_ends_are_uint8(graph):
    found = read(write(unsigned(graph)), "unsigned.tflite")
    assert [node.operator for node in found] == ["quantize", "average_pool2d", "quantize"]
    kinds = {name: tensor.dtype for name, tensor in found.tensors.items()}
    assert kinds.pop("input") == kinds.pop("output_0") == "uint8"
    assert set(kinds.values()) == {"int8"}


@given(image_graphs(add_quantize))
def test_conversions_of_the_file_are_enough(graph):
    tensors = dict(graph.tensors)
    tensors["input"] = _unsigned(tensors["input"])
    file = write(graph.replace(tensors=tensors))
    assert [node.operator for node in read(file, "m.tflite")] == ["quantize"]
    x = random_inputs(graph, 4)
    np.testing.assert_array_equal(
        run(read(file, "m.tflite"), _up(x))["output_0"], tflm(file, _up(x))
    )


@st.composite
def pointwise(draw):
    """The weights of a fully connected layer with a zero point, and its model."""
    b = Builder(draw, (1, *(draw(st.integers(1, 4)) for _ in "hw"), draw(st.integers(1, 9))))
    channels, depth = draw(st.integers(1, 5)), b.last.shape[-1]
    q = b.quantization()
    reach = draw(st.sampled_from((255, 60)))  # codes from the zero point, where there are any
    data = q.zero_point[0] + b.random.integers(-reach, reach + 1, (channels, depth))
    weights = b.constant("weights", np.clip(data, -128, 127).astype(np.int8), "int8", q)
    shape = (*b.last.shape[:-1], channels)
    b.node("fully_connected", FullyConnected(), shape, b.quantization(), constants=(weights,))
    return b.graph()


@given(pointwise())
def test_a_convolution_subtracts_the_zero_point_of_uint8_weights(graph):
    node = graph.nodes[0]
    tensors, weights = dict(graph.tensors), graph.tensor(node.inputs[1])
    data = weights.data[:, np.newaxis, np.newaxis]
    tensors[weights.name] = replace(weights, shape=data.shape, data=data)
    node = replace(node, operator="conv2d", attributes=Conv2d(), source="CONV_2D")
    convolution = unsigned(graph.replace(tensors=tensors, nodes=(node,)))
    x = random_inputs(graph, 4)
    answers = run(read(write(convolution), "m.tflite"), _up(x))
    np.testing.assert_array_equal(answers["output_0"], _up(tflm(write(graph), x)))


def test_int8_weights_of_a_convolution_must_be_symmetric():
    q = Quantization(scale=(0.5,), zero_point=(3,))
    shapes = {"x": (1, 2, 2, 1), "w": (2, 1, 1, 1), "y": (1, 2, 2, 2)}
    data = {"w": np.ones((2, 1, 1, 1), np.int8)}
    tensors = {
        name: Tensor(name=name, shape=shape, dtype="int8", quantization=q, data=data.get(name))
        for name, shape in shapes.items()
    }
    node = Node(name="n", operator="conv2d", inputs=("x", "w"), outputs=("y",), attributes=Conv2d())
    graph = Graph(name="g", tensors=tensors, nodes=(node,), inputs=("x",), outputs=("y",))
    message = "weights 'w' have a zero point other than 0; quantize weights symmetrically$"
    with pytest.raises(UnsupportedModel, match=message):
        read(write(graph), "m.tflite")


CONFIG = AcceleratorConfig(weight_steps=8192, sum_bits=26)


@settings(max_examples=25)
@given(networks(("int8",)).filter(without_averages), SEEDS)
def test_a_uint8_model_runs_on_the_machine(graph, seed):
    inputs = random_inputs(graph, 3, seed)
    compiled = compile_graph(read(write(unsigned(graph)), "unsigned.tflite"), CONFIG)
    answers = Program(compiled).run(_up(inputs), executor="machine").output
    np.testing.assert_array_equal(answers, _up(tflm(write(graph), inputs)))


@settings(max_examples=40)
@given(pointwise(), SEEDS)
def test_weights_with_a_zero_point_run_however_far_they_are_from_it(graph, seed):
    inputs = random_inputs(graph, 3, seed)
    compiled = compile_graph(graph, CONFIG)
    answers = Program(compiled).run(inputs, executor="machine").output
    np.testing.assert_array_equal(answers, tflm(write(graph), inputs))
