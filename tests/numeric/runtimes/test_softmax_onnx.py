import numpy as np
import pytest
from onnx import TensorProto, helper

from accel.numeric.runtimes import mlas
from accel.numeric.runtimes.softmax_onnx import float_softmax
from tests.support.oracles.onnx import onnx_runtime

DEPTHS = (1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 31, 32, 47, 48, 49, 64, 100, 257, 1000)
SPREADS = (0.1, 1, 10, 60)


def _runtime(x: np.ndarray) -> np.ndarray:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    node = helper.make_node("Softmax", ["x"], ["y"], axis=-1)
    graph = helper.make_graph([node], "softmax", [value], [output])
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    return onnx_runtime(model.SerializeToString(), {"x": x})[0]


def _with_avx2(x: np.ndarray) -> np.ndarray:
    terms = mlas.exponential(x - x.max(axis=-1, keepdims=True), mlas.FOR_SUMS_AVX2)
    return terms * (np.float32(1) / mlas.lane_sum(terms, mlas.AVX2))


def test_every_bit_is_the_runtimes():
    """On a CPU with AVX-512F; on others its narrower vectors add in another order, told here
    too."""
    random = np.random.default_rng(0)
    wide = narrow = 0
    for depth in DEPTHS:
        for spread in SPREADS:
            x = random.normal(0, spread, (20, depth)).astype(np.float32)
            answer = _runtime(x)
            wide += int((float_softmax(x) != answer).sum())
            narrow += int((_with_avx2(x) != answer).sum())
    assert min(wide, narrow) == 0, (wide, narrow)


def test_orders_of_a_sum_differ_by_last_bits():
    x = np.random.default_rng(1).normal(0, 3, (200, 100)).astype(np.float32)
    wide, narrow = float_softmax(x), _with_avx2(x)
    units = np.abs(wide.view(np.int32) - narrow.view(np.int32))
    assert 0 < units.max() <= 4


def test_sums_of_lanes_are_exact_where_order_cannot_matter():
    terms = np.arange(1, 101, dtype=np.float32)[np.newaxis]
    assert mlas.lane_sum(terms).tolist() == mlas.lane_sum(terms, mlas.AVX2).tolist() == [[5050.0]]


@pytest.mark.parametrize("x", [-80.0, -1.0, -1e-3, 0.0])
def test_exponentials_are_right_to_a_bit_or_two(x):
    found = mlas.exponential(np.float32([x]), mlas.FOR_SUMS)[0]
    assert abs(float(found) / np.exp(float(np.float32(x))) - 1) < 2.0**-23
