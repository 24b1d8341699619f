"""What is wrong with a TFLite file is said in one message, whatever is wrong with it."""

import re

import flatbuffers
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.compiler.frontends import FRONTENDS, UnsupportedModel, load
from accel.compiler.frontends.tflite.reader import read
from accel.compiler.graph.verify import STATE
from accel.compiler.ir.graph import Graph, Node, Quantization, Tensor
from accel.compiler.operators import OPERATORS
from accel.compiler.operators.conv2d import Conv2d
from accel.compiler.operators.fully_connected import FullyConnected
from accel.compiler.operators.reshape import Reshape
from accel.compiler.tflite_export.writer import write
from tests.support.networks.tflite.files import schema
from tests.support.shared import shared


def small_model() -> bytes:
    """A convolution, a reshape and a fully connected layer."""
    q = Quantization(scale=(0.25,), zero_point=(0,))
    conv, dense = np.ones((2, 3, 3, 1), np.int8), np.ones((4, 18), np.int8)
    tensors = (
        Tensor(name="x", shape=(1, 5, 5, 1), dtype="int8", quantization=q),
        Tensor(name="w", shape=(2, 3, 3, 1), dtype="int8", quantization=q, data=conv),
        Tensor(name="b", shape=(2,), dtype="int32", data=np.zeros(2, np.int32)),
        Tensor(name="c", shape=(1, 3, 3, 2), dtype="int8", quantization=q),
        Tensor(name="r", shape=(1, 18), dtype="int8", quantization=q),
        Tensor(name="v", shape=(4, 18), dtype="int4", quantization=q, data=dense),
        Tensor(name="y", shape=(1, 4), dtype="int8", quantization=q),
    )
    links = (
        ("conv2d", ("x", "w", "b"), "c", Conv2d()),
        ("reshape", ("c",), "r", Reshape()),
        ("fully_connected", ("r", "v"), "y", FullyConnected()),
    )
    nodes = tuple(
        Node(name=f"n{i}", operator=op, inputs=inputs, outputs=(output,), attributes=attributes)
        for i, (op, inputs, output, attributes) in enumerate(links)
    )
    by_name = {tensor.name: tensor for tensor in tensors}
    return write(Graph(name="small", tensors=by_name, nodes=nodes, inputs=("x",), outputs=("y",)))


def edited(change) -> bytes:
    """The small model after ``change(model)`` on the schema's object tree."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(small_model(), 0))
    change(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def reasons(data: bytes) -> list[str]:
    with pytest.raises(UnsupportedModel) as caught:
        read(data, "bad.tflite")
    assert str(caught.value).startswith("bad.tflite: ")
    return [str(reason) for reason in caught.value.reasons]


def graph_of(model):
    return model.subgraphs[0]


def test_absent_inputs_are_left_out():
    """Both spellings of an absent bias, none and -1; one that is not optional is refused."""

    def last_inputs(*inputs):
        def change(model):
            graph_of(model).operators[2].inputs = np.array(inputs, np.int32)

        return edited(change)

    for data in (last_inputs(4, 5), last_inputs(4, 5, -1)):
        assert read(data, "small.tflite").nodes[2].inputs == ("r", "v")
    for data in (last_inputs(4, -1), last_inputs(4, -1, -1), last_inputs(-1, 5)):
        assert reasons(data) == ["operator 2 (FULLY_CONNECTED): lacks an input or an output"]


def test_the_small_model_is_right():
    graph = read(small_model(), "small.tflite")
    assert graph.name == "small"
    assert [node.name for node in graph] == ["conv2d_0", "reshape_1", "fully_connected_2"]
    assert [node.source for node in graph] == ["CONV_2D", "RESHAPE", "FULLY_CONNECTED"]
    assert graph.tensor("v").dtype == "int4"
    assert graph.nodes[2].inputs == ("r", "v")


def test_every_operator_of_ours_is_spelled():
    alone = {name for name in OPERATORS if name.startswith("float_")}
    alone |= {"function", "layer_normalization", "sums"}
    assert set(FRONTENDS["tflite"].operators.values()) == {*OPERATORS, ""} - alone


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"\x7fELF" * 40)
    known = ", ".join(f"{f.name} ({' '.join(f.suffixes)})" for f in FRONTENDS.values())
    message = f"model.tflite: is not a model file; known formats are {known}"
    with pytest.raises(UnsupportedModel, match=f"^{re.escape(message)}$"):
        load(path)


def test_a_missing_file_is_an_error(tmp_path):
    path = tmp_path / "none.tflite"
    message = f"{path}: cannot be read (No such file or directory)"
    with pytest.raises(UnsupportedModel, match=f"^{re.escape(message)}$"):
        load(path)


def rename(model, index, name):
    graph_of(model).tensors[index].name = name


def unknown_operators(model):
    model.operatorCodes[0].builtinCode = schema.BuiltinOperator.CONV_3D
    model.operatorCodes[0].deprecatedBuiltinCode = 0
    model.operatorCodes[2].builtinCode = model.operatorCodes[2].deprecatedBuiltinCode = 32
    model.operatorCodes[2].customCode = b"Magic"


def test_all_unsupported_operators_are_reported_together():
    first, second = reasons(edited(unknown_operators))
    assert first.startswith(
        "operator 0 (CONV_3D): is not supported; convolve in two dimensions with CONV_2D"
    )
    assert second == (
        "operator 2 (custom operator 'Magic'): is not supported; "
        "`accel check --operators` lists what is supported"
    )


def test_the_larger_operator_code_counts():
    def only_new_field(model):
        model.operatorCodes[0].deprecatedBuiltinCode = 0

    assert read(edited(only_new_field), "m.tflite").nodes[0].operator == "conv2d"


def floating(model):
    for tensor in graph_of(model).tensors:
        if tensor.buffer == 0:
            tensor.type = schema.TensorType.FLOAT32


def two_subgraphs(model):
    model.subgraphs.append(model.subgraphs[0])


def version(model):
    model.version = 2


def dynamic(model):
    graph_of(model).tensors[0].shapeSignature = np.array([-1, -1, 5, 1], np.int32)


def empty(model):
    graph_of(model).tensors[0].shape = np.array([1, 0, 5, 1], np.int32)


def variable_weights(model):
    graph_of(model).tensors[1].buffer = 0


def sparse(model):
    graph_of(model).tensors[5].sparsity = schema.SparsityParametersT()


def wide(model):
    for index in (0, 3):
        graph_of(model).tensors[index].type = schema.TensorType.INT16


def half(model):
    graph_of(model).tensors[1].type = schema.TensorType.FLOAT16


def unquantized(model):
    graph_of(model).tensors[3].quantization = None


def short_data(model):
    model.buffers[1].data = model.buffers[1].data[:-1]


def tanh(model):
    graph_of(model).operators[0].builtinOptions.fusedActivationFunction = 4


def no_options(model):
    graph_of(model).operators[0].builtinOptions = None
    graph_of(model).operators[0].builtinOptionsType = 0


def stride(model):
    graph_of(model).operators[0].builtinOptions.strideH = -1


def order(model):
    graph_of(model).operators.reverse()


def weights_format(model):
    graph_of(model).operators[2].builtinOptions.weightsFormat = 1


QUANTIZE = "convert it with full integer quantization (int8)"
INTEGER = "convert the model with full integer quantization"
FIXED = "convert the model with fixed shapes"
ACTIVATIONS = "use one of none, relu, relu6, relu_n1_to_1"
DYNAMIC = (
    "is quantized by dynamic range: weights are codes, activations are float32; "
    f"{QUANTIZE}: give the converter a representative_dataset and target_spec.supported_ops = "
    "[tf.lite.OpsSet.TFLITE_BUILTINS_INT8]"
)
FAULTS = {
    floating: [DYNAMIC],
    two_subgraphs: ["has 2 subgraphs, not 1; export it without control flow"],
    version: ["has schema version 2, not 3"],
    dynamic: [f"tensor 'x': has a shape that is not fixed (1, 5, 5, 1); {FIXED}"],
    empty: ["tensor 'x': has an impossible shape (1, 0, 5, 1)"],
    variable_weights: ["operator 0 (CONV_2D): weights 'w' are computed; use constant weights"],
    sparse: ["tensor 'v': is stored sparsely; convert the model without sparsity"],
    wide: [
        f"operator 0 (CONV_2D): tensor 'x' is int16; {INTEGER} (int8 here)",
        f"operator 1 (RESHAPE): tensor 'c' is int16; {INTEGER} (int8 or float32 here)",
    ],
    half: [
        f"tensor 'w': has the type FLOAT16, which is not supported; {QUANTIZE}",
    ],
    unquantized: [
        f"operator 0 (CONV_2D): tensor 'c' does not have one scale and one zero point; {INTEGER}",
    ],
    short_data: ["tensor 'w': has 17 bytes of data, not 18"],
    tanh: [f"operator 0 (CONV_2D): fused activation 'tanh' is not supported; {ACTIVATIONS}"],
    no_options: ["operator 0 (CONV_2D): lacks its Conv2DOptions"],
    stride: ["operator 0 (CONV_2D): stride -1 in height is out of range 1..65536"],
    order: [
        f"operator 0 (FULLY_CONNECTED): reads 'r' before any node has written it; {STATE}",
        f"operator 1 (RESHAPE): reads 'c' before any node has written it; {STATE}",
    ],
    weights_format: ["operator 2 (FULLY_CONNECTED): has weights in format 1, not the default one"],
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_faults_are_named(fault):
    assert reasons(edited(fault)) == FAULTS[fault]


def test_names_are_made_unique_and_never_empty():
    def clash(model):
        for index, name in ((0, ""), (3, "t"), (4, "t"), (6, "")):
            rename(model, index, name)

    graph = read(edited(clash), "m.tflite")
    assert graph.inputs == ("tensor_0",)
    assert [node.outputs[0] for node in graph] == ["t", "t_4", "tensor_6"]


def test_unused_tensors_are_left_out():
    graph = read(small_model(), "m.tflite")
    assert not any("constant" in name for name in graph.tensors)


def check_is_graph_or_message(data: bytes) -> None:
    try:
        assert isinstance(read(data, "fuzz.tflite"), Graph)
    except UnsupportedModel as error:
        assert error.reasons


def test_truncated_files_are_refused():
    data = small_model()
    for length in range(len(data)):
        if length < 8:
            assert reasons(data[:length]) == ["is not a TFLite file"]
        else:
            check_is_graph_or_message(data[:length])


def test_a_truncated_real_file_is_refused():
    data = shared("models/mlperf_tiny/kws01_dscnn_int8.tflite").read_bytes()
    (message,) = reasons(data[: len(data) // 2])
    assert message.startswith("is a damaged TFLite file (")


@settings(max_examples=500)
@given(st.data())
def test_damaged_files_give_a_graph_or_a_message(data):
    model = bytearray(small_model())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(8, len(model) - 4))
        value = data.draw(st.sampled_from((0, 1, 0x7F, 0x80, 0xFF)) | st.integers(0, 255))
        width = data.draw(st.sampled_from((1, 4)))
        model[at : at + width] = bytes([value] * width)
    check_is_graph_or_message(bytes(model))
