"""What is wrong with an ONNX file is said in one message, whatever is wrong with it."""

import re

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from accel.compiler.frontends import FRONTENDS, UnsupportedModel, load
from accel.compiler.frontends.onnx import read, spellings
from accel.compiler.ir import Graph
from accel.compiler.operators import OPERATORS
from tests.shared import shared

FLOAT, UINT8, INT8 = TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT8


def small_model() -> onnx.ModelProto:
    """Float32 in, a convolution between QuantizeLinear and DequantizeLinear, and float32 out."""
    constants = {
        "s": np.float32(0.25),
        "z": np.int8(3),
        "w": np.ones((2, 1, 3, 3), np.int8),
        "w_s": np.array([0.5, 0.25], np.float32),
        "w_z": np.zeros(2, np.int8),
        "b": np.array([10, -10], np.int32),
        "b_s": np.array([0.125, 0.0625], np.float32),
    }
    make = helper.make_node
    nodes = [
        make("QuantizeLinear", ["x", "s", "z"], ["x_codes"]),
        make("DequantizeLinear", ["x_codes", "s", "z"], ["x_numbers"]),
        make("DequantizeLinear", ["w", "w_s", "w_z"], ["w_numbers"], axis=0),
        make("DequantizeLinear", ["b", "b_s"], ["b_numbers"], axis=0),
        make("Conv", ["x_numbers", "w_numbers", "b_numbers"], ["c"], pads=[1, 1, 1, 1]),
        make("Relu", ["c"], ["r"]),
        make("QuantizeLinear", ["r", "s", "z"], ["r_codes"]),
        make("DequantizeLinear", ["r_codes", "s", "z"], ["y"]),
    ]
    value = helper.make_tensor_value_info("x", FLOAT, ["N", 1, 5, 5])
    output = helper.make_tensor_value_info("y", FLOAT, ["N", 2, 5, 5])
    tensors = [numpy_helper.from_array(np.asarray(a), name) for name, a in constants.items()]
    graph = helper.make_graph(nodes, "small", [value], [output], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


def edited(change) -> bytes:
    model = small_model()
    change(model)
    return model.SerializeToString()


def reasons(data: bytes) -> list[str]:
    with pytest.raises(UnsupportedModel) as caught:
        read(data, "bad.onnx")
    assert str(caught.value).startswith("bad.onnx: ")
    return [str(reason) for reason in caught.value.reasons]


def set_constant(model, name: str, array: np.ndarray) -> None:
    for tensor in model.graph.initializer:
        if tensor.name == name:
            tensor.CopyFrom(numpy_helper.from_array(np.asarray(array), name))


def test_the_small_model_is_right():
    graph = read(small_model().SerializeToString(), "small.onnx")
    assert graph.name == "small"
    assert graph.contract == "onnx"
    assert [node.operator for node in graph] == [
        "quantize",
        "reshape",  # of one channel, which moves nothing
        "conv2d",
        "transpose",
        "dequantize",
    ]
    conv = graph.nodes[2]
    assert (conv.name, conv.source, conv.attributes.activation) == ("conv2d_4", "Conv", "relu")
    assert graph.tensor(conv.inputs[1]).shape == (2, 3, 3, 1)
    assert graph.tensor(conv.inputs[1]).quantization.scale == (0.5, 0.25)
    assert graph.tensor(conv.inputs[2]).data.tolist() == [10, -10]
    assert graph.inputs == ("x",)
    assert graph.outputs == ("y",)
    assert graph.tensor("y").shape == (1, 2, 5, 5)


def test_what_onnx_spells_are_operators_of_ours():
    assert set(FRONTENDS["onnx"].operators.values()) - {""} <= set(OPERATORS)


def test_spellings_are_in_order():
    names = spellings(small_model().SerializeToString())
    assert names[:5] == ["QuantizeLinear", *["DequantizeLinear"] * 3, "Conv"]
    assert spellings(b"\x08\x08garbage") == []


def wrong_version(model):
    model.opset_import[0].version = 9


def floating(model):
    del model.graph.node[:]
    model.graph.node.append(helper.make_node("Conv", ["x", "w_s"], ["y"]))


def unknown_operators(model):
    model.graph.node[4].op_type = "Einsum"
    model.graph.node[5].op_type, model.graph.node[5].domain = "Magic", "my.own"


def control_flow(model):
    branch = helper.make_graph([], "branch", [], [])
    node = helper.make_node("If", ["c"], ["r"], then_branch=branch, else_branch=branch)
    model.graph.node[5].CopyFrom(node)


def cycle(model):
    model.graph.node[4].input[2] = "r"


def disconnected(model):
    model.graph.node[4].input[0] = "nothing"


def twice(model):
    model.graph.node[5].output[0] = "c"


def unused_input(model):
    model.graph.input.append(helper.make_tensor_value_info("more", FLOAT, [1, 4]))


def constant_output(model):
    model.graph.output[0].name = "w_numbers"


def unquantized_output(model):
    model.graph.output[0].name = "r"


def dynamic(model):
    dims = model.graph.input[0].type.tensor_type.shape.dim
    dims[2].Clear()
    dims[3].dim_param = "width"


def no_shape(model):
    model.graph.input[0].type.tensor_type.ClearField("shape")


def absurd_shape(model):
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 2**31


def too_many_elements(model):
    for dim in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        dim.dim_value = 2**20


def batch(model):
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2


def wide_input(model):
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT16


def scale_of(value):
    def change(model):
        set_constant(model, "s", np.float32(value))

    change.__name__ = f"scale_{value}"
    return change


def double_scale(model):
    set_constant(model, "s", np.float64(0.25))


def zero_point_type(model):
    set_constant(model, "w_z", np.zeros(2, np.int32))


def activation_by_channel(model):
    set_constant(model, "s", np.float32([0.25]).repeat(5))


def computed_weights(model):
    model.graph.node[4].input[1] = "x_numbers"


def unquantized_weights(model):
    model.graph.node[4].input[1] = "b_s"


def weights_type(model):
    set_constant(model, "w", np.ones((2, 1, 3, 3), np.int32))
    set_constant(model, "w_z", np.zeros(2, np.int32))


def huge_bias(model):
    set_constant(model, "b_s", np.float32([1e9, 1e9]))


def external(model):
    tensor = model.graph.initializer[2]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")


def short_data(model):
    model.graph.initializer[2].raw_data = b"\x01" * 17


def absurd_constant(model):
    model.graph.initializer[2].dims[:] = [2**40, 2**40]


def negative_constant(model):
    model.graph.initializer[2].dims[:] = [-2, 9]


def string_constant(model):
    model.graph.initializer[2].data_type = TensorProto.STRING


def groups(model):
    model.graph.node[4].attribute.append(helper.make_attribute("group", 3))


def stride(model):
    model.graph.node[4].attribute.append(helper.make_attribute("strides", [0, 1]))


def pads(model):
    model.graph.node[4].attribute[0].ints[:] = [1, 1, -1]


def clip(model):
    model.graph.node[5].CopyFrom(helper.make_node("Clip", ["c", "s"], ["r"]))


QUANTIZE = "put QuantizeLinear and DequantizeLinear"
FAULTS = {
    wrong_version: [
        r"has opset 9, not 10 to \d+; convert it with onnx\.version_converter",
    ],
    floating: ["is a float32 model; quantize it with `accel quantize`"],
    unknown_operators: [
        r"operator 4 \(Einsum\): is not supported; use QuantizeLinear, .*",
        r"operator 5 \(my\.own\.Magic\): is not supported; use operators of ONNX itself",
    ],
    control_flow: [
        r"operator 5 \(If\): has a graph of its own; export the model without control flow"
    ],
    cycle: [
        rf"operator {index} \(\w+\): waits for its own result \(there is a cycle\)"
        for index in (4, 5)
    ],
    disconnected: [
        r"operator 4 \(Conv\): reads 'nothing', which nothing writes before",
    ],
    twice: [
        r"operator 6 \(QuantizeLinear\): reads 'r', which nothing writes before",
        r"operator 5 \(Relu\): writes 'c', which is set already",
    ],
    unused_input: ["input 'more' is used by no operator that an output needs; remove it"],
    constant_output: [r"output 'w_numbers': is constant \(it depends on no input\)"],
    unquantized_output: [
        (
            rf"output 'r': is not quantized \(it is a float32 result of operator 4 \(Conv\)\); {QUANTIZE} "
            "behind it"
        )
    ],
    dynamic: [
        (
            r"input 'x': has no fixed size in dimensions 2, 3 \(width\); "
            "export the model with fixed shapes"
        )
    ],
    no_shape: ["input 'x': has no shape; export the model with fixed shapes"],
    absurd_shape: [r"tensor 'x': has an impossible shape \(1, 1, 2147483648, 5\)"],
    too_many_elements: [rf"tensor 'x': has {2**40} elements, more than {2**28}"],
    batch: [
        (
            r"tensor 'x': has shape \(2, 1, 5, 5\); activations have a leading batch dimension of 1; "
            "convert the model for batch size 1"
        )
    ],
    wide_input: ["input 'x': is int16; use one of float32, int8, uint8"],
    scale_of(0.0): [r"operator 0 \(QuantizeLinear\): has a scale of 0.0, which is not a .*"],
    scale_of(-1.0): [r"operator 0 \(QuantizeLinear\): has a scale of -1.0, which is not a .*"],
    scale_of(np.nan): [r"operator 0 \(QuantizeLinear\): has a scale of nan, which is not a .*"],
    scale_of(np.inf): [r"operator 0 \(QuantizeLinear\): has a scale of inf, which is not a .*"],
    double_scale: [
        r"operator 0 \(QuantizeLinear\): has a scale of type float64, not float32",
    ],
    zero_point_type: [
        r"operator 2 \(DequantizeLinear\): has a zero point of type int32 for codes of int8"
    ],
    activation_by_channel: [
        (
            r"operator 0 \(QuantizeLinear\): quantizes an activation with 5 scales; "
            "quantize activations per tensor"
        )
    ],
    computed_weights: [
        r"operator 4 \(Conv\): has weights 'x_numbers' that are computed; use constant weights"
    ],
    unquantized_weights: [r"operator 4 \(Conv\): has weights 'b_s' that are not quantized; .*"],
    huge_bias: [
        (
            r"operator 4 \(Conv\): has a bias that does not fit into 32 bits "
            r"\(in units of input scale times weight scale\)"
        )
    ],
    external: [
        (
            r"tensor 'w': has its data in another file; "
            r"save the model as one file \(onnx\.save without save_as_external_data\)"
        )
    ],
    short_data: ["tensor 'w': has 17 bytes of data, not 18"],
    absurd_constant: [rf"tensor 'w': has 18 bytes of data, not {2**80}"],
    negative_constant: [r"tensor 'w': has an impossible shape \(-2, 9\)"],
    string_constant: ["tensor 'w': is string, which is not supported; quantize the model to int8"],
    groups: [r"operator 4 \(Conv\): has 3 groups, weights of \(2, 1, 3, 3\) and 1 input channels"],
    stride: [r"operator 4 \(Conv\): has strides \[0, 1\] out of range 1\.\.65536"],
    pads: [r"operator 4 \(Conv\): has pads \[1, 1, -1\], which are not 4 amounts"],
    clip: [r"operator 5 \(Clip\): clips to 0\.25\.\.inf; use one of 0\.\.inf, 0\.\.6, -1\.\.1"],
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_faults_are_named(fault):
    found = reasons(edited(fault))
    assert len(found) == len(FAULTS[fault]), found
    for reason, pattern in zip(found, FAULTS[fault], strict=True):
        assert re.fullmatch(pattern, reason), reason


def test_initializers_may_be_inputs():
    def change(model):
        value = helper.make_tensor_value_info("w", INT8, [2, 1, 3, 3])
        model.graph.input.append(value)

    assert read(edited(change), "m.onnx").inputs == ("x",)


def test_a_bias_of_another_scale_is_converted():
    def change(model):
        set_constant(model, "b_s", np.float32([0.25, 0.25]))

    graph = read(edited(change), "m.onnx")
    assert graph.tensor(graph.nodes[2].inputs[2]).data.tolist() == [20, -40]


def test_nodes_may_come_in_any_order():
    def change(model):
        nodes = list(model.graph.node)[::-1]
        del model.graph.node[:]
        model.graph.node.extend(nodes)

    operators = [node.operator for node in read(edited(change), "m.onnx")]
    assert operators == ["quantize", "reshape", "conv2d", "transpose", "dequantize"]


def test_other_contracts_are_refused(tmp_path):
    path = tmp_path / "small.onnx"
    onnx.save(small_model(), path)
    assert load(path, "onnx").contract == "onnx"
    message = (
        "small.onnx: cannot be held to the contract 'tflm', which no ONNX runtime has; use onnx"
    )
    with pytest.raises(UnsupportedModel, match=f"^{re.escape(message)}$"):
        load(path, "tflm")


def test_constants_cannot_take_more_memory_than_there_is():
    def change(model):
        node = helper.make_node("ConstantOfShape", ["sizes"], ["huge"])
        model.graph.node.append(node)
        sizes = np.array([2**20, 2**20], np.int64)
        model.graph.initializer.append(numpy_helper.from_array(sizes, "sizes"))

    (reason,) = reasons(edited(change))
    assert reason.startswith("operator 8 (ConstantOfShape): needs constants of more than ")


def test_constants_that_double_are_stopped():
    def change(model):
        names = ["w_s"]
        for step in range(60):
            names.append(f"twice_{step}")
            model.graph.node.append(
                helper.make_node("Concat", [names[-2], names[-2]], [names[-1]], axis=0)
            )

    (reason,) = reasons(edited(change))
    assert "needs constants of more than" in reason


def check_is_graph_or_message(data: bytes) -> None:
    try:
        assert isinstance(read(data, "fuzz.onnx"), Graph)
    except UnsupportedModel as error:
        assert error.reasons


def test_truncated_files_are_refused():
    data = small_model().SerializeToString()
    for length in range(len(data)):
        check_is_graph_or_message(data[:length])


def test_a_truncated_real_file_is_refused():
    data = shared("models/onnx_ortq/ic01_qdq_s8s8_pc.onnx").read_bytes()
    (message,) = reasons(data[: len(data) // 2])
    assert message.startswith("is a damaged ONNX file (")


@settings(max_examples=300)
@given(st.data())
def test_damaged_files_give_a_graph_or_a_message(data):
    model = bytearray(small_model().SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(model) - 4))
        value = data.draw(st.sampled_from((0, 1, 0x7F, 0x80, 0xFF)) | st.integers(0, 255))
        width = data.draw(st.sampled_from((1, 4)))
        model[at : at + width] = bytes([value] * width)
    check_is_graph_or_message(bytes(model))
