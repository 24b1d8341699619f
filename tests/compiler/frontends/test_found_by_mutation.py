"""Kinds of fields that mutated files have, held to the oracles or refused: see
`tests.campaigns`."""

import re
import struct

import flatbuffers
import numpy as np
import pytest
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from accel.api import Program
from accel.compiler.compile import compile_graph
from accel.compiler.frontends import FRONTENDS, UnsupportedModel
from accel.compiler.operators.average_pool2d import AveragePool2d
from accel.compiler.operators.max_pool2d import MaxPool2d
from accel.compiler.tflite_export.writer import write
from accel.config import AcceleratorConfig
from tests.campaigns.fuzzing.seeds import seeds as fuzz_seeds
from tests.support.networks.onnx.operators import Model
from tests.support.networks.small import Chain
from tests.support.oracles.onnx import onnx_runtime
from tests.support.oracles.tflm import tflm

CONFIG = AcceleratorConfig(weight_steps=8192, sum_bits=32)


def edited(graph, change) -> bytes:
    """A graph's file after ``change(model, subgraph)`` on the schema's objects."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(write(graph), 0))
    change(model, model.subgraphs[0])
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def answers(format: str, data: bytes, x: np.ndarray) -> list[np.ndarray]:
    """Of the machine, which are the reference's."""
    graph = FRONTENDS[format].read(data, f"model.{format}")
    program = Program(compile_graph(graph, CONFIG))
    found = program.run(x, "machine").outputs
    for name, expected in program.run(x, "reference").outputs.items():
        np.testing.assert_array_equal(found[name], expected)
    return [found[name] for name in graph.outputs]


def refusal(format: str, data: bytes) -> str:
    with pytest.raises(UnsupportedModel) as caught:
        FRONTENDS[format].read(data, f"model.{format}")
    return str(caught.value)


# TensorFlow Lite.


def pooled(kind: str):
    attributes = {"average_pool2d": AveragePool2d, "max_pool2d": MaxPool2d}[kind]
    window = attributes(size=(3, 3), stride=(1, 1), padding=((1, 1), (1, 1)))
    return Chain((1, 4, 5, 3)).add(kind, window).graph()


@pytest.mark.parametrize("size", [(7, 9), (8, 4), (2000, 3), (2**16, 2**16)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3), (7, 1)])
@pytest.mark.parametrize("kind", ["average_pool2d", "max_pool2d"])
def test_windows_larger_than_the_image(kind, stride, size):
    def change(model, graph):
        options = graph.operators[0].builtinOptions
        options.filterHeight, options.filterWidth = size
        options.strideH, options.strideW = stride
        output = graph.tensors[graph.outputs[0]]
        output.shape = [1, -(-4 // stride[0]), -(-5 // stride[1]), 3]

    data = edited(pooled(kind), change)
    x = np.random.default_rng(0).integers(-128, 128, (3, 4, 5, 3)).astype(np.int8)
    (found,) = answers("tflite", data, x)
    np.testing.assert_array_equal(found, tflm(data, x))


def test_a_constant_may_be_an_output_and_an_input_too():
    graph = Chain().convolution().fully_connected(4).graph()
    row = np.arange(4, dtype=np.int8)

    def change(model, graph):
        buffer = schema.BufferT(data=row.view(np.uint8))
        model.buffers.append(buffer)
        tensor = schema.TensorT(shape=[1, 4], type=schema.TensorType.INT8, name=b"fixed")
        tensor.buffer = len(model.buffers) - 1
        tensor.quantization = graph.tensors[graph.inputs[0]].quantization
        graph.tensors.append(tensor)
        graph.outputs = [*graph.outputs, len(graph.tensors) - 1, graph.inputs[0]]

    data = edited(graph, change)
    x = np.random.default_rng(0).integers(-128, 128, (3, 5, 6, 4)).astype(np.int8)
    first, fixed, same = answers("tflite", data, x)
    np.testing.assert_array_equal(fixed, np.stack([row] * 3))
    np.testing.assert_array_equal(same, x)
    np.testing.assert_array_equal(first, tflm(write(graph), x))


def test_a_constant_without_a_batch_is_no_output():
    def change(model, graph):
        graph.outputs = [*graph.outputs, graph.operators[0].inputs[2]]

    said = refusal("tflite", edited(Chain().convolution().graph(), change))
    assert "output 'b0': is a constant of shape (4,), which has no batch of 1; remove it" in said


def test_a_tensor_that_keeps_its_value_is_refused():
    def change(model, graph):
        graph.tensors[graph.outputs[0]].isVariable = True

    said = refusal("tflite", edited(Chain().convolution().graph(), change))
    assert "tensor 't0': keeps its value between invocations; convert the model without" in said


@pytest.mark.parametrize("scale", [1e-45, 1e-30, 1e-9])
def test_an_output_scale_that_shifts_sums_beyond_32_bits_is_refused(scale):
    def change(model, graph):
        graph.tensors[graph.outputs[0]].quantization.scale = [scale]

    said = refusal("tflite", edited(Chain().convolution().graph(), change))
    assert "sums of output channel 0 overflow 32 bits" in said


def test_options_that_begin_beyond_32_bits_are_damage():
    data = bytearray(write(Chain().convolution().graph()))
    operator = schema.Model.GetRootAsModel(data, 0).Subgraphs(0).Operators(0)
    struct.pack_into("<I", data, operator._tab.Pos + operator._tab.Offset(12), 2**32 - 1)
    assert "has damaged options" in refusal("tflite", bytes(data))


# ONNX.


def model(dtype: type, shape: tuple[int, ...] = (4, 6)) -> Model:
    m = Model(shape, dtype, np.random.default_rng(0))
    m.output = dtype
    m.constant("x_scale", 0.11, np.float32)
    m.constant("x_zero_point", 3, dtype)
    return m


def assert_same_as_the_runtime(m: Model) -> None:
    x = m.inputs()
    expected = onnx_runtime(m.bytes(), {"x": x})
    (found,) = answers("onnx", m.bytes(), x)
    assert found.dtype == expected[0].dtype
    np.testing.assert_array_equal(found, expected[0])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("operator", ["QLinearAdd", "QLinearAveragePool"])
def test_a_zero_point_left_out_is_0_of_the_operators_own_type(operator, dtype):
    m = model(dtype, (4, 3, 3))
    x = ["x", "x_scale", "x_zero_point"]
    inputs = [*x, *x] if operator == "QLinearAdd" else x
    more = {"kernel_shape": [2, 2]} if operator == "QLinearAveragePool" else {}
    m.add(operator, [*inputs, m.constant("y_scale", 0.3, np.float32)], ["y"], **more)
    assert_same_as_the_runtime(m)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_codes_are_padded_by_0_where_no_value_is_given(dtype):
    m = model(dtype)
    y = [m.constant("y_scale", 0.2, np.float32), m.constant("y_zero_point", 90, dtype)]
    x = ["x", "x_scale", "x_zero_point"]
    m.add("QLinearAdd", [*x, *x, *y], ["sum"])
    m.add("Pad", ["sum", m.constant("pads", [0, 0, 1, 0, 2, 0], np.int64)], ["y"])
    assert_same_as_the_runtime(m)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("scale", [1 / 256, 1e-3, 1e-5, 1e-30])
@pytest.mark.parametrize("depth", [1, 2, 24])
def test_softmax_saturates_where_its_codes_leave_float32(depth, scale, dtype):
    m = model(dtype, (depth,))
    y = [m.constant("y_scale", scale, np.float32), m.constant("y_zero_point", 0, dtype)]
    inputs = ["x", "x_scale", "x_zero_point", *y]
    m.add("QLinearSoftmax", inputs, ["y"], axis=-1, opset=13)
    assert_same_as_the_runtime(m)


def test_an_output_scale_of_softmax_without_an_inverse_is_refused():
    m = model(np.int8, (5,))
    y = [m.constant("y_scale", 3e-43, np.float32), m.constant("y_zero_point", 0, np.int8)]
    m.add("QLinearSoftmax", ["x", "x_scale", "x_zero_point", *y], ["y"], opset=13)
    assert "output scale must exceed 2**-128" in refusal("onnx", m.bytes())


@pytest.mark.parametrize("operator", ["QLinearAdd", "QLinearMul"])
def test_scales_that_take_codes_beyond_32_bits_are_refused(operator):
    m = model(np.int8)
    x = ["x", "x_scale", "x_zero_point"]
    y = [m.constant("y_scale", 1e-30, np.float32), m.constant("y_zero_point", 0, np.int8)]
    m.add(operator, [*x, *x, *y], ["y"])
    assert "the scales differ so much that codes overflow 32 bits" in refusal("onnx", m.bytes())


@pytest.mark.parametrize("opset", [0, -1, 2**31, 2**63 - 1])
def test_an_impossible_opset_of_softmax_is_refused(opset):
    m = model(np.int8)
    y = [m.constant("y_scale", 0.1, np.float32), m.constant("y_zero_point", 0, np.int8)]
    m.add("QLinearSoftmax", ["x", "x_scale", "x_zero_point", *y], ["y"], opset=opset)
    assert f"has an impossible opset {opset}" in refusal("onnx", m.bytes())


@pytest.mark.parametrize("opset", [7, 12, 13, 15])
@pytest.mark.parametrize("axis", [None, -2, -1, 1, 2])
def test_softmax_is_over_the_axis_of_its_opset(axis, opset):
    m = model(np.int8, (3, 5))
    y = [m.constant("y_scale", 1 / 256, np.float32), m.constant("y_zero_point", -128, np.int8)]
    given = {} if axis is None else {"axis": axis}
    inputs = ["x", "x_scale", "x_zero_point", *y]
    m.add("QLinearSoftmax", inputs, ["y"], opset=opset, **given)
    assert_same_as_the_runtime(m)


@pytest.mark.parametrize("opset", [12, 13])
@pytest.mark.parametrize("axis", [-3, 0])
def test_softmax_over_the_batch_is_refused(axis, opset):
    m = model(np.int8, (3, 5))
    y = [m.constant("y_scale", 1 / 256, np.float32), m.constant("y_zero_point", -128, np.int8)]
    m.add("QLinearSoftmax", ["x", "x_scale", "x_zero_point", *y], ["y"], axis=axis, opset=opset)
    assert "is over the batch; use axis 1 or a later one" in refusal("onnx", m.bytes())


def averaged(dtype: type, operator: str, x: float, y: float) -> Model:
    m = model(dtype, (2, 4, 4))
    m.constant("x_scale", x, np.float32)
    ends = [m.constant("y_scale", y, np.float32), m.constant("y_zero_point", 9, dtype)]
    more = {"kernel_shape": [3, 3]} if operator == "QLinearAveragePool" else {"channels_last": 0}
    m.add(operator, ["x", "x_scale", "x_zero_point", *ends], ["y"], **more)
    return m


SCALES = [1e-45, 1e-38, 1e-30, 1.0, 1e30, 3.4e38]


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("x", SCALES)
def test_averages_of_any_scales_are_the_runtimes_or_refused(x, dtype):
    answered = 0
    for y in SCALES:
        m = averaged(dtype, "QLinearAveragePool", x, y)
        try:
            assert_same_as_the_runtime(m)
            answered += 1
        except UnsupportedModel as why:
            assert re.search("large|overflow|finite", str(why))
    assert answered or x == SCALES[-1]


@pytest.mark.parametrize("x, y", [(1.0, 1e-45), (3.4e38, 1e-8)])
def test_averages_of_a_whole_image_by_infinite_multipliers_are_refused(x, y):
    # The runtime raises in a thread of its own, which this process would not survive.
    m = averaged(np.int8, "QLinearGlobalAveragePool", x, y)
    assert "is too large for an output of" in refusal("onnx", m.bytes())


def test_codes_of_uint8_stay_what_they_are_under_the_largest_scale():
    m = model(np.uint8, (5,))
    m.constant("x_scale", 3.4e38, np.float32)
    w = [m.constant("w", np.ones((5, 2), np.int8)), m.constant("w_scale", 1e-38, np.float32)]
    w += [m.constant("w_zero_point", 0, np.int8), m.constant("y_scale", 20, np.float32)]
    inputs = ["x", "x_scale", "x_zero_point", *w, m.constant("y_zero_point", 9, np.uint8)]
    m.add("QLinearMatMul", inputs, ["y"])
    assert_same_as_the_runtime(m)


@pytest.mark.parametrize("scale", [1e30, 1e37, 3.4e38])
def test_softmax_of_infinite_numbers_is_the_runtimes(scale):
    m = Model((6,), np.int8, np.random.default_rng(0), output=np.float32)
    inputs = [m.constant("s", scale, np.float32), m.constant("z", 0, np.int8)]
    m.add("DequantizeLinear", ["x", *inputs], ["real"])
    m.add("Softmax", ["real"], ["y"], axis=-1)
    assert_same_as_the_runtime(m)


def test_log_softmax_of_infinite_numbers_is_the_runtimes():
    files = fuzz_seeds(3, False)["tflite"]
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(files["log_softmax 1"], 0))
    for tensor in model.subgraphs[0].tensors:
        if tensor.quantization is not None and tensor.quantization.scale is not None:
            tensor.quantization.scale = [3e38]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    data = bytes(builder.Output())
    shape = tuple(model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]].shape[1:])
    x = np.random.default_rng(0).integers(-128, 128, (3, *shape)).astype(np.int8)
    (found,) = answers("tflite", data, x)
    np.testing.assert_array_equal(found, tflm(data, x))


def with_option(name: str, field: str, value: int) -> tuple[bytes, np.ndarray]:
    """A file of one operator with another option, and codes for it."""
    model = schema.ModelT.InitFromObj(
        schema.Model.GetRootAsModel(fuzz_seeds(3, False)["tflite"][name], 0)
    )
    graph = model.subgraphs[0]
    setattr(graph.operators[0].builtinOptions, field, value)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    shape = tuple(graph.tensors[graph.inputs[0]].shape[1:])
    return bytes(builder.Output()), np.random.default_rng(0).integers(-128, 128, (3, *shape))


@pytest.mark.parametrize("value", [2**15 - 1, 2**15, 2**16 + 1])
@pytest.mark.parametrize("field", ["dilationWFactor", "dilationHFactor", "strideW", "strideH"])
@pytest.mark.parametrize("name", ["conv2d 2", "depthwise_conv2d 2"])
def test_numbers_that_the_runtime_holds_in_16_bits_are_obeyed_or_refused(name, field, value):
    data, x = with_option(name, field, value)
    try:
        (found,) = answers("tflite", data, x.astype(np.int8))
    except UnsupportedModel as why:
        assert value > 2**15 - 1 or "padding of" in str(why) or "stride" in field
        return
    np.testing.assert_array_equal(found, tflm(data, x.astype(np.int8)))
    assert value <= 2**15 - 1
