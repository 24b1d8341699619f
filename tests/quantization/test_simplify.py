"""Every rewrite computes what was there before, and leaves nothing that cannot be quantized."""

import numpy as np
import onnx
import pytest

from accel.quantization.simplify import simplify
from tests.support.networks.onnx.floating import normalization, weights
from tests.support.networks.onnx.operators import Model
from tests.support.oracles.onnx import onnx_runtime


def linear_norm(m: Model, transposed: int, bias: tuple[int, ...] | None) -> None:
    weights(m, "w", (7, 12) if transposed else (12, 7))
    inputs = ["x", "w"] + ([weights(m, "b", bias)] if bias else [])
    m.add("Gemm", inputs, ["g"], transB=transposed)
    m.add("BatchNormalization", ["g", *normalization(m, "bn", 7)], ["y"], epsilon=1e-3)


def lone_norm(m: Model) -> None:
    m.add("Relu", ["x"], ["r"])
    m.add("BatchNormalization", ["r", *normalization(m, "bn", m.shape[0])], ["y"])


def wide_bias(m: Model) -> None:
    weights(m, "w", (12, 7))
    m.add("Gemm", ["x", "w", m.constant("b", np.ones((1, 7)), np.float32)], ["y"])


def means(m: Model, axes: list[int]) -> None:
    m.add("Relu", ["x"], ["r"])
    m.add("ReduceMean", ["r"], ["y"], axes=axes, keepdims=1)


def hard_swish(m: Model) -> None:
    m.add("HardSigmoid", ["x"], ["h"], alpha=1 / 6, beta=0.5)
    m.add("Mul", ["x", "h"], ["y"])


CASES = {
    "linear, batch norm": ((12,), lambda m: linear_norm(m, 1, (7,)), ["Gemm"]),
    "no bias": ((12,), lambda m: linear_norm(m, 0, None), ["Gemm"]),
    "bias of two dimensions": ((12,), lambda m: linear_norm(m, 1, (1, 7)), ["Gemm"]),
    "batch norm alone": ((3, 4, 5), lone_norm, ["Relu", "Conv"]),
    "batch norm of one dimension": ((3, 9), lone_norm, ["Relu", "Conv"]),
    "bias for the quantizer": ((12,), wide_bias, ["Gemm"]),
    "mean": ((3, 4, 5), lambda m: means(m, [2, 3]), ["Relu", "GlobalAveragePool"]),
    "mean from behind": ((3, 4, 5), lambda m: means(m, [-1, -2]), ["Relu", "GlobalAveragePool"]),
    "mean of rows": ((3, 4, 5), lambda m: means(m, [2]), ["Relu", "ReduceMean"]),
    "hard swish": ((3, 4, 5), hard_swish, ["HardSwish"]),
}


@pytest.mark.parametrize("case", CASES)
def test_the_network_computes_the_same_with_other_operators(case):
    shape, build, expected = CASES[case]
    m = Model(shape, np.float32, np.random.default_rng(0), np.float32)
    build(m)
    before = onnx.shape_inference.infer_shapes(m.proto())
    after = onnx.ModelProto()
    after.CopyFrom(before)
    simplify(after)
    assert [node.op_type for node in after.graph.node] == expected
    constants = {t.name: tuple(t.dims) for t in after.graph.initializer}
    for node in after.graph.node:
        if node.op_type == "Gemm":
            assert all(len(constants[name]) == 1 for name in node.input[2:])
    x = m.inputs(1)
    (wanted,) = onnx_runtime(before.SerializeToString(), {"x": x})
    (found,) = onnx_runtime(after.SerializeToString(), {"x": x})
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_what_is_used_twice_stays():
    m = Model((12,), np.float32, np.random.default_rng(0), np.float32)
    linear_norm(m, 1, None)
    m.nodes[-1].output[0] = "n"
    m.add("Add", ["g", "n"], ["y"])
    proto = onnx.shape_inference.infer_shapes(m.proto())
    simplify(proto)
    assert [node.op_type for node in proto.graph.node] == ["Gemm", "BatchNormalization", "Add"]


def test_another_gate_is_no_hard_swish():
    m = Model((12,), np.float32, np.random.default_rng(0), np.float32)
    m.add("HardSigmoid", ["x"], ["h"], alpha=0.2, beta=0.5)
    m.add("Mul", ["x", "h"], ["y"])
    proto = m.proto()
    simplify(proto)
    assert [node.op_type for node in proto.graph.node] == ["HardSigmoid", "Mul"]
