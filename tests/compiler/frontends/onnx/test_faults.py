"""What is wrong with an ONNX file is said in one message, whatever is wrong with it."""

import re

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.support.networks.onnx.edits import FLOAT, edited, reasons, set_constant


def wrong_version(model):
    model.opset_import[0].version = 8


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
    model.graph.initializer.append(numpy_helper.from_array(np.float32([1e12, 0]), "real"))
    model.graph.node[4].input[2] = "real"


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
    model.graph.node[5].CopyFrom(helper.make_node("Clip", ["c", "x_numbers"], ["r"]))


QUANTIZE = "put QuantizeLinear and DequantizeLinear"
FAULTS = {
    wrong_version: [
        r"has opset 8, not 9 to \d+; convert it with onnx\.version_converter",
    ],
    floating: ["is a float32 model; quantize it with `accel quantize`"],
    unknown_operators: [
        r"operator 4 \(Einsum\): is not supported; .* MatMul or Gemm; `accel check --operators` .*",
        r"operator 5 \(my\.own\.Magic\): is not supported; use operators of ONNX itself",
    ],
    control_flow: [
        r"operator 5 \(If\): has a graph of its own; export the model without control flow"
    ],
    cycle: [
        rf"operator {index} \(\w+\): waits for its own result \(there is a cycle\); .*--state .*"
        for index in (4, 5)
    ],
    disconnected: [
        r"operator 4 \(Conv\): reads 'nothing', which nothing writes before",
    ],
    twice: [
        r"operator 6 \(QuantizeLinear\): reads 'r', which nothing writes before",
        r"operator 5 \(Relu\): writes 'c', which is set already",
    ],
    unused_input: ["input 'more' is not used by any operator that an output needs; remove it"],
    constant_output: [r"output 'w_numbers': is constant \(it depends on no input\)"],
    dynamic: [
        (
            r"input 'x': has no fixed size in dimensions 2, 3 \(width\); "
            "export the model with fixed shapes"
        )
    ],
    no_shape: ["input 'x': has no shape; export the model with fixed shapes"],
    absurd_shape: [r"tensor 'x': has an impossible shape \(1, 1, 2147483648, 5\)"],
    too_many_elements: [rf"tensor 'x': has {2**40} elements, more than {2**22}"],
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
            r"save the model as one file \(onnx\.save without save_as_external_data, or .*"
        )
    ],
    short_data: ["tensor 'w': has 17 bytes of data, not 18"],
    absurd_constant: [rf"tensor 'w': has 18 bytes of data, not {2**80}"],
    negative_constant: [r"tensor 'w': has an impossible shape \(-2, 9\)"],
    string_constant: ["tensor 'w': is string, which is not supported; quantize the model to int8"],
    groups: [r"operator 4 \(Conv\): has 3 groups, weights of \(2, 1, 3, 3\) and 1 input channels"],
    stride: [r"operator 4 \(Conv\): has strides \[0, 1\] out of range 1\.\.65536"],
    pads: [r"operator 4 \(Conv\): has pads \[1, 1, -1\], which are not 4 amounts"],
    clip: [r"operator 5 \(Clip\): has bounds that are not constant numbers; use constant bounds"],
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_faults_are_named(fault):
    found = reasons(edited(fault))
    assert len(found) == len(FAULTS[fault]), found
    for reason, pattern in zip(found, FAULTS[fault], strict=True):
        assert re.fullmatch(pattern, reason), reason
