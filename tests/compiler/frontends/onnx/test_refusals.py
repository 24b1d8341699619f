"""What an operator cannot be is refused for its own reason, and what lies just before is not."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from accel.compiler.frontends import UnsupportedModel
from accel.compiler.frontends.onnx.reader import read

FLOAT = TensorProto.FLOAT
IMAGE, ROW, VECTOR, CUBE = (1, 4, 6, 6), (1, 4, 6), (1, 4), (1, 4, 6, 6, 6)


def i(*values):
    return np.array(values, np.int64)


def f(*values):
    return np.array(values, np.float32)


def node_between_conversions(spelling, shape, constants=(), outputs=1, **attributes) -> bytes:
    """A file of one operator of real numbers, whose input and first output are quantized. Int8
    among the constants are weights, which are dequantized."""
    make = helper.make_node
    given = {"s": f(0.25)[0], "z": np.int8(3), "ws": f(0.5)[0], "wz": np.int8(0)}
    nodes = [
        make("QuantizeLinear", ["x", "s", "z"], ["x_codes"]),
        make("DequantizeLinear", ["x_codes", "s", "z"], ["x_numbers"]),
    ]
    names = ["x_numbers"]
    for index, array in enumerate(constants):
        given[f"c{index}"] = array
        names.append(f"c{index}")
        if array.dtype == np.int8:
            names[-1] = f"c{index}_numbers"
            nodes.append(make("DequantizeLinear", [f"c{index}", "ws", "wz"], [names[-1]]))
    results = [f"r{index}" for index in range(outputs)]
    nodes.append(make(spelling, names, results, **attributes))
    nodes += [
        make("QuantizeLinear", ["r0", "s", "z"], ["y_codes"]),
        make("DequantizeLinear", ["y_codes", "s", "z"], ["y"]),
    ]
    tensors = [numpy_helper.from_array(np.asarray(a), name) for name, a in given.items()]
    value = helper.make_tensor_value_info("x", FLOAT, shape)
    output = helper.make_tensor_value_info("y", FLOAT, None)
    graph = helper.make_graph(nodes, "one", [value], [output], tensors)
    opsets = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


def weights(*shape):
    return np.ones(shape, np.int8)


K = {"kernel_shape": [2, 2]}
W = weights(4, 4, 3, 3)
# What is accepted, and beside it what is not, each with a part of the reason.
CASES = {
    "pads": [
        ("Conv", IMAGE, [W], {"pads": [1, 1, 1, 1]}, None),
        ("Conv", IMAGE, [W], {"pads": [1, 1]}, "pads"),
        ("Conv", IMAGE, [W], {"pads": [1, 1, 1, -1]}, "pads"),
    ],
    "strides": [
        ("Conv", IMAGE, [W], {"strides": [1, 2]}, None),
        ("Conv", IMAGE, [W], {"strides": [1, 0]}, "strides [1, 0] out of range"),
        ("Conv", IMAGE, [W], {"strides": [1]}, "has 1 strides for 2 dimensions"),
    ],
    "windows": [
        ("Conv", IMAGE, [weights(4, 4, 6, 6)], {}, None),
        ("Conv", IMAGE, [weights(4, 4, 7, 6)], {}, "has windows of 7 on 6 pixels"),
        ("MaxPool", IMAGE, [], {"kernel_shape": [7, 1]}, "has windows of 7 on 6 pixels"),
    ],
    "automatic padding": [
        ("Conv", IMAGE, [W], {"auto_pad": "SAME_UPPER"}, None),
        ("Conv", IMAGE, [W], {"auto_pad": "VALID"}, None),
        ("Conv", IMAGE, [W], {"auto_pad": "SAME"}, "unknown auto_pad 'SAME'"),
    ],
    "groups": [
        ("Conv", IMAGE, [weights(4, 2, 3, 3)], {"group": 2}, None),
        ("Conv", IMAGE, [weights(4, 2, 3, 3)], {"group": 1}, "has 1 groups"),
        ("Conv", IMAGE, [weights(3, 2, 3, 3)], {"group": 2}, "has 2 groups"),
        ("Conv", IMAGE, [W], {"group": 0}, "has 0 groups"),
        ("Conv", IMAGE, [W], {"group": -1}, "has -1 groups"),
    ],
    "kernel": [
        ("Conv", IMAGE, [W], {"kernel_shape": [3, 3]}, None),
        ("Conv", IMAGE, [W], {"kernel_shape": [3, 2]}, "has kernel_shape [3, 2]"),
    ],
    "dimensions": [
        ("Conv", ROW, [weights(4, 4, 3)], {}, None),
        ("Conv", CUBE, [weights(4, 4, 3, 3, 3)], {}, "one or two dimensions"),
        ("Conv", IMAGE, [weights(4, 4, 3)], {}, "one or two dimensions"),
        ("MaxPool", ROW, [], {"kernel_shape": [2]}, None),
        ("MaxPool", CUBE, [], {"kernel_shape": [2, 2, 2]}, "has 5 dimensions"),
        ("AveragePool", CUBE, [], {"kernel_shape": [2, 2, 2]}, "5 dimensions"),
    ],
    "largest values": [
        ("MaxPool", IMAGE, [], K, None),
        ("MaxPool", IMAGE, [], K | {"outputs": 2}, "indices of the largest values"),
        ("MaxPool", IMAGE, [], K | {"storage_order": 1}, "has storage_order 1"),
        ("MaxPool", IMAGE, [], K | {"dilations": [1, 2]}, None),
        ("GlobalMaxPool", IMAGE, [], {}, None),
    ],
    "averages": [
        ("AveragePool", IMAGE, [], K, None),
        ("AveragePool", IMAGE, [], {"kernel_shape": [6, 6]}, None),
        ("ReduceMean", IMAGE, [i(2, 3)], {}, None),
        ("ReduceMean", IMAGE, [i(-1, 2)], {"keepdims": 0}, None),
        ("ReduceMean", IMAGE, [i(0)], {}, None),
        ("ReduceMean", IMAGE, [i(4)], {}, "has axes [4] for 4 dimensions"),
        ("ReduceMean", IMAGE, [i(-5)], {}, "has axes [-5] for 4 dimensions"),
        ("ReduceMean", IMAGE, [], {}, None),
        ("ReduceMean", IMAGE, [], {"noop_with_empty_axes": 1}, None),
    ],
    "matrices": [
        ("Gemm", VECTOR, [weights(4, 5)], {}, None),
        ("Gemm", VECTOR, [weights(5, 4)], {"transB": 1}, None),
        ("Gemm", VECTOR, [weights(4, 5)], {"transA": 1}, "transposes its first input (the first"),
        ("Gemm", VECTOR, [weights(4, 5)], {"alpha": 2.0}, None),
        ("Gemm", VECTOR, [weights(4, 5)], {"alpha": -0.5}, None),
        ("Gemm", VECTOR, [weights(4, 5)], {"alpha": 0.0}, "has alpha 0.0; export it with alpha 1"),
        ("Gemm", VECTOR, [weights(4, 5, 1)], {}, "which is not a matrix"),
        ("MatMul", VECTOR, [weights(4, 5)], {}, None),
        ("MatMul", VECTOR, [weights(5, 4)], {}, "(5, 4)"),
    ],
    "softmax": [
        ("Softmax", VECTOR, [], {"axis": 1}, None),
        ("Softmax", VECTOR, [], {"axis": -1}, None),
        ("Softmax", VECTOR, [], {"axis": 2}, "has axis 2 for 2 dimensions"),
        ("Softmax", VECTOR, [], {"axis": -3}, "has axis -3 for 2 dimensions"),
    ],
    "functions": [
        ("Elu", IMAGE, [], {"alpha": 1.0}, None),
        ("Elu", IMAGE, [], {"alpha": 2.0}, None),
        ("PRelu", IMAGE, [f(0.5).reshape(1, 1, 1)], {}, None),
        ("PRelu", VECTOR, [weights(4)], {}, None),
        ("PRelu", VECTOR, [f(0.5).reshape(1, 1, 1)], {}, "has a slope of (1, 1, 1)"),
        ("PRelu", IMAGE, [f(0.5, 0.25, 0.5, 0.25).reshape(4, 1, 1)], {}, "not quantized"),
        ("Div", IMAGE, [f(2)], {}, None),
        ("Div", IMAGE, [f(0)], {}, "which is 0 or not finite"),
        ("Div", IMAGE, [f(np.inf)], {}, "which is 0 or not finite"),
        ("Div", IMAGE, [f(2, 3, 4, 5, 6, 7)], {}, "has a constant of (6,)"),
        ("Div", VECTOR, [f(2).reshape(1, 1, 1)], {}, "for a tensor of (1, 4)"),
        ("Add", IMAGE, [f(2)], {}, None),
        ("Add", IMAGE, [f(np.nan)], {}, "not quantized"),
        ("Add", IMAGE, [weights(5, 1, 1)], {}, "(5, 1, 1)"),
        ("Add", IMAGE, [weights(4, 1, 1)], {}, None),
    ],
    "shapes": [
        ("Reshape", IMAGE, [i(1, -1)], {}, None),
        ("Reshape", IMAGE, [i(1, 4, 35)], {}, "reshapes (1, 4, 6, 6) to (1, 4, 35)"),
        ("Reshape", IMAGE, [f(1, 144)], {}, "shape that is not a constant list"),
        (
            "Reshape",
            IMAGE,
            [i(1, 144).reshape(2, 1)],
            {},
            "shape that is not a constant list",
        ),
        ("Transpose", IMAGE, [], {"perm": [0, 2, 3, 1]}, None),
        ("Transpose", IMAGE, [], {"perm": [0, 2, 3, 3]}, "has perm [0, 2, 3, 3]"),
        ("Squeeze", IMAGE, [i(1)], {}, "to (1, 6, 6), which has another number"),
        ("Pad", IMAGE, [i(0, 0, 1, 1, 0, 0, 1, 1)], {}, None),
        ("Pad", IMAGE, [i(0, 0, 1, 1, 0, 0, 1, 1)], {"mode": "edge"}, None),
        ("Pad", IMAGE, [i(0, 0, 1, 1, 0, 0, 1, 1)], {"mode": "wide"}, "has mode 'wide'"),
        ("Pad", IMAGE, [i(0, 0, 6, 1, 0, 0, 1, 1)], {"mode": "reflect"}, "pads 6 elements by"),
        ("Pad", IMAGE, [i(0, 0, 1, 1, 0, 0, 1)], {}, "has 7 pads for 4 dimensions"),
        ("Split", IMAGE, [i(1, 3)], {"axis": 1, "outputs": 2}, None),
        (
            "Split",
            IMAGE,
            [i(1, 2)],
            {"axis": 1, "outputs": 2},
            "4 elements into sizes [1, 2]",
        ),
        (
            "Split",
            IMAGE,
            [i(4, 0)],
            {"axis": 1, "outputs": 2},
            "4 elements into sizes [4, 0]",
        ),
        ("Split", IMAGE, [i(1, 3)], {"axis": 4, "outputs": 2}, "has axis 4"),
        ("Slice", IMAGE, [i(0), i(3), i(1)], {}, None),
        ("Slice", IMAGE, [i(3), i(3), i(1)], {}, "leaves nothing of (1, 4, 6, 6)"),
        (
            "Slice",
            IMAGE,
            [i(0), i(3), i(4)],
            {},
            "steps that do not fit together",
        ),
        (
            "Slice",
            IMAGE,
            [i(0, 0), i(3), i(1)],
            {},
            "steps that do not fit together",
        ),
        ("Slice", IMAGE, [i(0)], {}, "has bounds that are not inputs"),
        ("Concat", IMAGE, [weights(1, 4, 6, 6)], {"axis": 1}, None),
        ("Concat", IMAGE, [weights(1, 4, 5, 6)], {"axis": 1}, "] along axis 1"),
        ("Concat", IMAGE, [weights(1, 4, 6, 6)], {"axis": 4}, "] along axis 4"),
    ],
}
FLAT = [(kind, index) for kind, cases in CASES.items() for index in range(len(cases))]


def outcome(case) -> list[str]:
    """The reasons against a case, none if it is read."""
    spelling, shape, constants, attributes, _ = case
    try:
        read(node_between_conversions(spelling, shape, constants, **attributes), "one.onnx")
    except UnsupportedModel as error:
        return [str(reason) for reason in error.reasons]
    return []


@pytest.mark.parametrize(("kind", "index"), FLAT)
def test_it_is_refused_for_its_own_reason_or_read(kind, index):
    case = CASES[kind][index]
    found = outcome(case)
    if case[-1] is None:
        assert found == []
    else:
        assert len(found) >= 1
        assert case[-1] in found[0]
        assert f"({case[0]})" in found[0]


@pytest.mark.parametrize("spelling", ["ArgMax", "ArgMin"])
@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"axis": 1}, None),
        ({"axis": -3, "keepdims": 0}, None),
        ({"axis": 4}, "has axis 4 for 4 dimensions"),
        ({"axis": -5}, "has axis -5 for 4 dimensions"),
        ({"axis": 1, "select_last_index": 1}, "takes the last of equal elements"),
    ],
)
def test_indices_of_the_greatest_are_along_an_axis_that_is_there(spelling, attributes, reason):
    model = onnx.load_from_string(node_between_conversions(spelling, IMAGE, **attributes))
    del model.graph.node[-2:]
    model.graph.output[0].name = "r0"
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    data = model.SerializeToString()
    if reason is None:
        (node,) = [n for n in read(data, "one.onnx") if n.operator == "arg_max"]
        assert node.attributes.smallest == (spelling == "ArgMin")
    else:
        with pytest.raises(UnsupportedModel) as error:
            read(data, "one.onnx")
        assert reason in str(error.value)
