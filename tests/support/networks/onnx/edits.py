"""A small ONNX model, its edits, and why they are refused."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from accel.compiler.frontends import UnsupportedModel
from accel.compiler.frontends.onnx.reader import read

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
