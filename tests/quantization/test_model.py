"""Files that are no float networks are refused for what they are; data comes from their folder."""

import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from accel.compiler.frontends import UnsupportedModel
from accel.quantization import preparation
from accel.quantization.model import read_model
from accel.quantization.runtime import Session
from tests.cli.conftest import MODEL
from tests.support.networks.onnx.edits import small_model
from tests.support.networks.onnx.floating import calibration, small
from tests.support.oracles.onnx import onnx_runtime


def saved(folder, proto: onnx.ModelProto):
    path = folder / "net.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def edited(**changes):
    """A network whose input has other dimensions or another type."""

    def make() -> onnx.ModelProto:
        proto = small().proto()
        tensor = proto.graph.input[0].type.tensor_type
        for axis, size in changes.get("dims", {}).items():
            tensor.shape.dim[axis].Clear()
            if isinstance(size, str):
                tensor.shape.dim[axis].dim_param = size
            elif size:
                tensor.shape.dim[axis].dim_value = size
        tensor.elem_type = changes.get("type", TensorProto.FLOAT)
        if changes.get("shapeless"):
            tensor.ClearField("shape")
        return proto

    return make


def two_inputs() -> onnx.ModelProto:
    proto = small().proto()
    proto.graph.input.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, ["N", 2]))
    return proto


def control_flow() -> onnx.ModelProto:
    proto = small().proto()
    inner = helper.make_graph([], "inner", [], [])
    proto.graph.node.append(helper.make_node("If", ["x"], ["z"], "which", then_branch=inner))
    return proto


BAD = {
    "quantized": (small_model, "has integer codes (the model is quantized already); use it as it"),
    "two inputs": (two_inputs, "has 2 inputs (x, z); give a network with one"),
    "dynamic": (
        edited(dims={2: "height", 3: None}),
        "input 'x': has no fixed size in dimension 2 (height), 3; export the model with fixed sha",
    ),
    "negative": (edited(dims={2: -4}), "input 'x': has no fixed size in dimension 2"),
    "no shape": (edited(shapeless=True), "input 'x': has no shape of a batch of samples"),
    "float16": (edited(type=TensorProto.FLOAT16), "input 'x': is float16, not float32; export it"),
    "float64": (edited(type=TensorProto.DOUBLE), "input 'x': is double, not float32"),
    "control flow": (control_flow, "operator 'which' (If): has a graph of its own"),
    "no operators": (onnx.ModelProto, "is empty"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_float_network_is_refused(case, tmp_path):
    make, message = BAD[case]
    with pytest.raises(UnsupportedModel) as refused:
        read_model(saved(tmp_path, make()))
    assert str(refused.value).startswith("net.onnx: ")
    assert message in str(refused.value)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(
        UnsupportedModel, match=r"digits_int8.tflite: is a TensorFlow Lite file; export"
    ):
        read_model(MODEL)
    with pytest.raises(UnsupportedModel, match=r"none.onnx: cannot be read"):
        read_model(tmp_path / "none.onnx")
    path = saved(tmp_path, small().proto())
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UnsupportedModel, match="is a damaged ONNX file"):
        read_model(path)


# Data in other files.


def with_location(location: str) -> onnx.ModelProto:
    """A network whose first constant is said to lie in another file."""
    proto = small().proto()
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return proto


@pytest.mark.parametrize("location", ["../secret", "{absolute}", "link", "", "a/../../secret"])
def test_data_outside_of_the_folder_is_never_read(location, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "a").mkdir()
    (tmp_path / "secret").write_bytes(bytes(10_000))
    os.symlink(tmp_path / "secret", folder / "link")
    location = location.replace("{absolute}", str(tmp_path / "secret"))
    said = "which is outside of the model's folder; copy it there, or save the m"
    with pytest.raises(UnsupportedModel, match=said):
        read_model(saved(folder, with_location(location)))


def test_data_that_is_missing_or_short_is_told(tmp_path):
    path = saved(tmp_path, with_location("net.onnx.data"))
    with pytest.raises(UnsupportedModel, match=r"data in 'net\.onnx\.data', which is missing"):
        read_model(path)
    (tmp_path / "net.onnx.data").write_bytes(b"123")
    with pytest.raises(UnsupportedModel, match=r"'w': has its data in .*, of 3 bytes, which ends"):
        read_model(path)


def test_data_beside_the_model_is_the_models(tmp_path):
    proto = small().proto()
    whole = read_model(saved(tmp_path, proto))
    onnx.save_model(proto, tmp_path / "net.onnx", save_as_external_data=True, size_threshold=0)
    split = read_model(tmp_path / "net.onnx")
    assert len(os.listdir(tmp_path)) == 2
    assert split.bytes == whole.bytes
    for one, other in zip(
        whole.proto.graph.initializer, split.proto.graph.initializer, strict=True
    ):
        np.testing.assert_array_equal(numpy_helper.to_array(one), numpy_helper.to_array(other))


def test_weights_that_are_no_numbers_are_told(tmp_path):
    m = small()
    m.constants["v"][3, 1] = np.inf
    with pytest.raises(UnsupportedModel, match="tensor 'v': has values that are NaN or infinite"):
        read_model(saved(tmp_path, m.proto()))


def test_a_file_that_asks_for_all_memory_is_refused_before_it_is_run(tmp_path):
    m = small()
    m.nodes = []
    m.add("ConstantOfShape", [m.constant("s", [1, 2**20, 2**14], np.int64)], ["c"])
    m.add("ReduceMean", ["c"], ["r"], keepdims=0)
    m.add("Add", ["x", "r"], ["y"])
    model = read_model(saved(tmp_path, m.proto()))
    with pytest.raises(UnsupportedModel, match="tensor 'c': has 17,179,869,184 elements"):
        preparation.fixed(model)


# One sample at a time.


@pytest.mark.parametrize("batch", ["N", 8, 1, None])
def test_whatever_batch_was_exported_becomes_one_sample(batch, tmp_path):
    model = read_model(saved(tmp_path, edited(dims={0: batch})()))
    session = Session(preparation.fixed(model), model.name)
    x = calibration(5)
    assert preparation.check_answer(session, model, x) == 5
    (expected,) = onnx_runtime(small().bytes(), {"x": x})
    np.testing.assert_allclose(session.run(x), expected, rtol=1e-4, atol=1e-5)


def test_old_files_are_brought_to_a_newer_opset(tmp_path):
    m = small()
    m.nodes = [node for node in m.nodes if node.op_type != "BatchNormalization"]
    m.nodes[1].input[0] = "c"
    proto = m.proto()
    proto.ir_version = 3
    proto.opset_import[0].version = 8
    for tensor in proto.graph.initializer:  # which old files list as inputs too
        value = helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        proto.graph.input.append(value)
    model = read_model(saved(tmp_path, proto))
    fixed = onnx.load_from_string(preparation.fixed(model))
    assert fixed.opset_import[0].version == 13
    x = calibration(3)
    (expected,) = onnx_runtime(m.bytes(), {"x": x})
    answers = Session(fixed.SerializeToString(), model.name).run(x)
    np.testing.assert_allclose(answers, expected, rtol=1e-4, atol=1e-5)


def test_a_batch_that_is_built_in_is_refused(tmp_path):
    m = small()
    m.nodes = m.nodes[:2]
    m.add("Reshape", ["n", m.constant("shape", [4, -1], np.int64)], ["y"])
    model = read_model(saved(tmp_path, m.proto()))
    session = Session(preparation.fixed(model), model.name)
    with pytest.raises(UnsupportedModel, match=r"output of shape \[4, 72\] for one sample; export"):
        preparation.check_answer(session, model, calibration(1))


def test_operators_that_would_not_run_are_told_before_calibration(tmp_path):
    m = small()
    m.nodes[-1].output[0] = "logits"
    m.add("LRN", ["logits"], ["l"], size=3)
    m.add("Einsum", ["l"], ["y"], equation="ni->ni")
    model = read_model(saved(tmp_path, m.proto()))
    with pytest.raises(UnsupportedModel) as refused:
        preparation.folded(preparation.fixed(model), model.name)
    text = str(refused.value)
    assert "(LRN): is not supported; `accel check --operators` lists what is supported" in text
    assert "(Einsum): is not supported" in text


def test_what_the_runtime_refuses_is_said_in_one_line(tmp_path):
    m = small()
    m.constants["v"] = m.constants["v"][:, :3]
    model = read_model(saved(tmp_path, m.proto()))
    with pytest.raises(UnsupportedModel) as refused:
        Session(preparation.fixed(model), model.name)
    assert "is refused by onnxruntime (" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "ONNXRuntimeError" not in str(refused.value)
