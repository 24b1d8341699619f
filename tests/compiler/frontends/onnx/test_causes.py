"""Files that hold no network of 8-bit codes: a message has the true cause, once, and a remedy."""

import logging
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from accel.compiler.frontends import UnsupportedModel, load
from accel.compiler.frontends.onnx.causes import CAUSES
from tests.support.oracles.onnx import onnxruntime

MICROSOFT = "com.microsoft"
FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16


def model(*nodes: onnx.NodeProto, kind: int = FLOAT, ir: int = 10, **tensors: np.ndarray):
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "m",
        [value("x", kind, [1, 12])],
        [value("y", kind, None)],
        [numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    domains = {node.domain for node in nodes} - {""}
    imports = [helper.make_opsetid("", 21), *(helper.make_opsetid(d, 1) for d in domains)]
    return helper.make_model(graph, opset_imports=imports, ir_version=ir)


def single(operator: str, domain: str = "", **attributes):
    return model(helper.make_node(operator, ["x"], ["y"], domain=domain, **attributes))


def refusal(proto: onnx.ModelProto, folder: Path) -> str:
    (folder / "m.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(UnsupportedModel) as refused:
        load(folder / "m.onnx")
    return str(refused.value)


NET = "`accel quantize`"
DYNAMIC = "m.onnx: is quantized dynamically, as by quantize_dynamic (operator"


@pytest.mark.parametrize("operator", ["MatMul", "Gemm", "Conv"])
@pytest.mark.parametrize("saved", [False, True])
def test_what_quantize_dynamic_writes_is_told_as_one_cause(operator, saved, tmp_path, caplog):
    caplog.set_level(logging.ERROR)
    quantization = pytest.importorskip("onnxruntime.quantization")
    shape = {"Conv": (4, 1, 3)}.get(operator, (12, 5))
    w = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    node = helper.make_node(operator, ["x", "w"], ["y"])
    proto = model(node, w=w)
    if operator == "Conv":
        dim = proto.graph.input[0].type.tensor_type.shape.dim
        dim.insert(1, type(dim[0])(dim_value=1))
    (tmp_path / "f.onnx").write_bytes(proto.SerializeToString())
    quantization.quantize_dynamic(tmp_path / "f.onnx", tmp_path / "m.onnx")
    if saved:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.optimized_model_filepath = str(tmp_path / "s.onnx")
        onnxruntime.InferenceSession(tmp_path / "m.onnx", options)
    said = refusal(onnx.load(tmp_path / ("s.onnx" if saved else "m.onnx")), tmp_path)
    assert said.startswith(DYNAMIC)
    assert "\n" not in said
    assert f"with {NET}, or with quantize_static of onnxruntime" in said


CASES = {
    "svm": (single("SVMClassifier", "ai.onnx.ml"), "is no neural network (operator 0 (ai.onnx.ml."),
    "trees": (single("TreeEnsemble", "ai.onnx.ml"), "is no neural network"),
    "nbits": (single("MatMulNBits", MICROSOFT), "has quantized weights only (operator 0"),
    "finn": (single("MVAU", "finn.custom_op.fpgadataflow"), "is a network for FINN"),
    "finn, hls": (single("MVAU_hls", "finn.custom_op.fpgadataflow.hls"), "is a network for FINN"),
    "thresholds": (
        single("MultiThreshold", "qonnx.custom_op.general"),
        "from before FINN's transformations",
    ),
    "half": (model(kind=HALF), "is a float16 model ('x' is float16); export it in float32"),
    "half weights": (
        model(helper.make_node("Gemm", ["x", "w"], ["y"]), w=np.zeros((12, 5), np.float16)),
        "tensor 'w': is of 16 bits, float16 or bfloat16; export it in float32 and quantize it",
    ),
    "too new": (
        model(ir=onnx.IR_VERSION + 1),
        f"has IR version {onnx.IR_VERSION + 1}, newer than {onnx.IR_VERSION} (the newest of the",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_whole_files_cause_is_the_only_reason(case, tmp_path):
    proto, message = CASES[case]
    said = refusal(proto, tmp_path)
    assert message in said
    assert "\n" not in said


def quantized(node: onnx.NodeProto) -> onnx.ModelProto:
    ends = [
        helper.make_node("QuantizeLinear", ["x", "s"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s"], ["d"]),
    ]
    return model(*ends, node, s=np.float32(0.1), w=np.zeros((1, 12, 12), np.float32))


PARTS = {
    "LSTM": "operator 2 (LSTM): has a loop over time in it (it keeps its state in float32 numbers)",
    "GRU": "export it unrolled, as the Gemm, Sigmoid, Tanh, Mul and Add of each step",
    "com.microsoft.nchwc.Conv": "is laid out for one processor",
}


@pytest.mark.parametrize("spelling", PARTS)
def test_an_operators_own_cause_is_named(spelling, tmp_path):
    domain, _, operator = spelling.rpartition(".")
    node = helper.make_node(operator, ["d", "w", "w"], ["y"], domain=domain)
    assert PARTS[spelling] in refusal(quantized(node), tmp_path)


@pytest.mark.parametrize("operator", ["Loop", "Scan", "If"])
def test_control_flow_is_named(operator, tmp_path):
    body = helper.make_graph([], "body", [], [])
    node = helper.make_node(operator, ["d"], ["y"], body=body)
    said = refusal(quantized(node), tmp_path)
    assert f"operator 2 ({operator}): has a graph of its own" in said
    assert "export the model without control flow" in said


def test_each_cause_has_a_remedy_and_a_verb_that_can_be_told_of_several():
    for cause in CAUSES:
        assert cause.what.split(" ", 1)[0] in ("is", "has")
        assert cause.why
        assert cause.remedy
