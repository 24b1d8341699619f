import dataclasses
import math
import re

import numpy as np
import pytest

from accel.compiler.graph.verify import problems, verify
from accel.compiler.ir.graph import Graph, InvalidGraph, Node, Quantization, State, Tensor
from accel.compiler.operators import UnsupportedOperator
from accel.compiler.operators.conv2d import Conv2d
from accel.compiler.operators.fully_connected import FullyConnected
from accel.compiler.operators.reshape import Reshape
from accel.compiler.operators.softmax import Softmax


def q(scale=0.125, zero_point=0):
    return Quantization(scale=(scale,), zero_point=(zero_point,))


def convolution(**changes):
    """A valid graph of one convolution; ``changes`` replace tensors' fields by tensor name."""
    weights, bias = np.ones((2, 3, 3, 1), np.int8), np.zeros(2, np.int32)
    tensors = [
        Tensor(name="x", shape=(1, 5, 5, 1), dtype="int8", quantization=q()),
        Tensor(name="w", shape=(2, 3, 3, 1), dtype="int8", quantization=q(), data=weights),
        Tensor(name="b", shape=(2,), dtype="int32", data=bias),
        Tensor(name="y", shape=(1, 3, 3, 2), dtype="int8", quantization=q()),
    ]
    attributes = changes.pop("attributes", Conv2d())
    tensors = [dataclasses.replace(t, **changes.get(t.name, {})) for t in tensors]
    inputs, outputs = ("x", "w", "b"), ("y",)
    node = Node(
        name="conv", operator="conv2d", inputs=inputs, outputs=outputs, attributes=attributes
    )
    return Graph(
        name="test",
        tensors={t.name: t for t in tensors},
        nodes=(node,),
        inputs=("x",),
        outputs=("y",),
    )


def chain(*links, outputs=("b",)):
    """Reshapes of (input, output) names, all tensors alike."""
    names = sorted({name for link in links for name in link} | {"a", "b"})
    tensors = {n: Tensor(name=n, shape=(1, 4), dtype="int8", quantization=q()) for n in names}
    nodes = tuple(
        Node(name=f"n{i}", operator="reshape", inputs=(a,), outputs=(b,), attributes=Reshape())
        for i, (a, b) in enumerate(links)
    )
    return Graph(name="test", tensors=tensors, nodes=nodes, inputs=("a",), outputs=outputs)


def test_a_valid_graph_passes():
    verify(convolution())
    verify(chain(("a", "c"), ("c", "b")))


BROKEN_TENSORS = {
    "tensor 'x': has an impossible shape (1, 0, 5, 1)": {"x": {"shape": (1, 0, 5, 1)}},
    "tensor 'x': has an impossible shape (1, -1, 5, 1)": {"x": {"shape": (1, -1, 5, 1)}},
    "tensor 'x': has an impossible shape (1, 4294967296, 1, 1)": {"x": {"shape": (1, 2**32, 1, 1)}},
    f"tensor 'x': has {2**40} elements, more than {2**22}": {"x": {"shape": (1, 2**20, 2**20, 1)}},
    "tensor 'x': has an unknown type 'complex'": {"x": {"dtype": "complex"}},
    "tensor 'x': has a scale that is not a positive float32 number": {
        "x": {"quantization": q(math.nan)}
    },
    "tensor 'x': has a zero point outside -128..127": {"x": {"quantization": q(0.5, 128)}},
    "tensor 'w': has 3 scales for 2 channels": {
        "w": {"quantization": Quantization(scale=(1.0,) * 3, zero_point=(0,) * 3)}
    },
    "tensor 'w': is quantized along axis 4 of 4": {
        "w": {"quantization": Quantization(scale=(1.0,) * 2, zero_point=(0,) * 2, axis=4)}
    },
    "tensor 'w': has 2 scales and 1 zero points": {
        "w": {"quantization": Quantization(scale=(1.0,) * 2, zero_point=(0,))}
    },
    "tensor 'w': must hold int8 (2, 3, 3, 1), not int16 (2,)": {
        "w": {"data": np.zeros(2, np.int16)}
    },
    "tensor 'w': holds values outside -8..7": {
        "w": {"dtype": "int4", "data": np.full((2, 3, 3, 1), 8, np.int8)}
    },
    "tensor 'x': has shape (2, 5, 5, 1); activations have a leading batch dimension of 1; "
    "convert the model for batch size 1": {"x": {"shape": (2, 5, 5, 1)}},
}


@pytest.mark.parametrize("message", BROKEN_TENSORS)
def test_broken_tensors_are_named(message):
    with pytest.raises(InvalidGraph, match=f"^{re.escape(message)}$"):
        verify(convolution(**BROKEN_TENSORS[message]))


BROKEN_NODES = {
    "conv (conv2d): output height must be 3, not 4": {"y": {"shape": (1, 4, 3, 2)}},
    "conv (conv2d): 2 output channels, but the output has another size": {
        "y": {"shape": (1, 3, 3, 3)}
    },
    "conv (conv2d): stride 0 in height is out of range 1..65536": {
        "attributes": Conv2d(stride=(0, 1))
    },
    "conv (conv2d): padding 9+0 in height must be below the kernel's size": {
        "attributes": Conv2d(padding=((9, 0), (0, 0)))
    },
    "conv (conv2d): fused activation 'tanh' is not supported; "
    "use one of none, relu, relu6, relu_n1_to_1": {"attributes": Conv2d(activation="tanh")},
    "conv (conv2d): weights 'w' have a zero point other than 0; quantize weights symmetrically": {
        "w": {"quantization": q(0.5, 3)}
    },
    "conv (conv2d): tensor 'x' is float32; "
    "convert the model with full integer quantization (int8 here)": {
        "x": {"dtype": "float32", "quantization": None}
    },
    "conv (conv2d): tensor 'x' is int16; "
    "convert the model with full integer quantization (int8 here)": {"x": {"dtype": "int16"}},
    "conv (conv2d): tensor 'y' does not have one scale and one zero point; convert the model "
    "with full integer quantization": {"y": {"quantization": None}},
    "conv (conv2d): bias 'b' is int64, not int32": {
        "b": {"dtype": "int64", "data": np.zeros(2, np.int64)}
    },
    "conv (conv2d): weights for 1 input channels, but 3 come in": {"x": {"shape": (1, 5, 5, 3)}},
    "conv (conv2d): sums of output channel 1 overflow 32 bits "
    "(they reach 2147482495..2147484790, shifted by 0); "
    "use smaller biases, fewer inputs or a larger output scale": {
        "b": {"data": np.array([0, 2**31 - 1], np.int32)}
    },
}


@pytest.mark.parametrize("message", BROKEN_NODES)
def test_broken_nodes_are_named(message):
    changes = dict(BROKEN_NODES[message])
    if "come in" in message:
        weights = np.ones((2, 3, 3, 1), np.int8)
        changes["w"] = {"shape": (2, 3, 3, 2), "data": np.repeat(weights, 2, axis=3)}
        message = message.replace("1 input", "2 input")
    with pytest.raises((InvalidGraph, UnsupportedOperator), match=f"^{re.escape(message)}$"):
        verify(convolution(**changes))


def test_a_cycle_is_found():
    graph = chain(("c", "d"), ("d", "c"), ("a", "b"))
    with pytest.raises(InvalidGraph, match=r"^n0 \(reshape\): reads 'c' before any node has"):
        verify(graph)


def test_a_tensor_is_written_once():
    with pytest.raises(InvalidGraph, match=r"^n1 \(reshape\): writes 'b', which is set already$"):
        verify(chain(("a", "b"), ("a", "b")))


def test_an_output_must_be_written():
    with pytest.raises(InvalidGraph, match=r"^output 'b': is written by no node$"):
        verify(chain(("a", "c")))


def test_every_tensor_must_exist():
    graph = chain(("a", "b"), outputs=("z",))
    with pytest.raises(InvalidGraph, match=r"^test: names a tensor 'z' that does not exist$"):
        verify(graph)


def test_attributes_must_be_the_operators():
    graph = convolution(attributes=Softmax())
    with pytest.raises(InvalidGraph, match=r"^conv \(conv2d\): has attributes of Softmax$"):
        verify(graph)


def test_operators_must_exist():
    graph = chain(("a", "b"))
    node = dataclasses.replace(graph.nodes[0], operator="fft", attributes=FullyConnected())
    with pytest.raises(InvalidGraph, match=r"^n0 \(fft\): is of an unknown operator 'fft'$"):
        verify(graph.replace(nodes=(node,)))


def test_all_problems_are_found_at_once():
    found = [str(error) for error in problems(chain(("c", "d"), ("e", "e")))]
    assert [message.split(":")[0] for message in found] == [
        "n0 (reshape)",
        "n1 (reshape)",
        "output 'b'",
    ]


BROKEN_STATES = {
    "is read as int8 (1, 4) from 'kept', and 'a', that it becomes, is int8 (1, 5)": {
        "shapes": {"a": (1, 5)}
    },
    "becomes 'b', which no node writes": {"written": "b", "nodes": False},
    "becomes the constant 'b' in every inference": {"written": "b", "nodes": False, "data": True},
    "begins as int8 (1, 3) and is int8 (1, 4)": {"initial": np.zeros((1, 3), np.int8)},
    "begins as int32 (1, 4) and is int8 (1, 4)": {"initial": np.zeros((1, 4), np.int32)},
    "names a tensor 'nowhere' that does not exist": {"read": "nowhere"},
    "is an input and set already": {"read": "a"},
}


@pytest.mark.parametrize("message", BROKEN_STATES)
def test_states_that_cannot_be_carried_over_are_named(message):
    change = BROKEN_STATES[message]
    graph = chain(("a", "b"))
    tensors = dict(graph.tensors) | {"kept": dataclasses.replace(graph.tensor("a"), name="kept")}
    for name, shape in change.get("shapes", {}).items():
        tensors[name] = dataclasses.replace(tensors[name], shape=shape)
    if change.get("data"):
        tensors["b"] = dataclasses.replace(tensors["b"], data=np.zeros((1, 4), np.int8))
    nodes = graph.nodes if change.get("nodes", True) else ()
    state = State(
        name="memory",
        read=change.get("read", "kept"),
        written=change.get("written", "a"),
        initial=change.get("initial", np.zeros((1, 4), np.int8)),
    )
    outputs = graph.outputs if nodes else ("a",)
    broken = graph.replace(tensors=tensors, nodes=nodes, outputs=outputs, states=(state,))
    assert any(message in str(problem) for problem in problems(broken))


def test_a_cycle_that_could_be_a_state_says_how_it_becomes_one():
    graph = chain(("b", "a"), ("a", "b"))
    found = [str(problem) for problem in problems(graph.replace(inputs=("c",)))]
    assert any("before any node has written it" in text and "--state" in text for text in found)


def test_time_is_linear_in_the_graph():
    links = [(f"t{i}", f"t{i + 1}") for i in range(20_000)]
    graph = chain(("a", "t0"), *links, ("t20000", "b"))
    verify(graph)
