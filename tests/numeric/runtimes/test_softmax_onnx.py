import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from accel.numeric.runtimes import mlas
from accel.numeric.runtimes.softmax_onnx import CodeSoftmax, float_softmax
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
    terms = mlas.exponential(x - x.max(axis=-1, keepdims=True), mlas.AVX2)
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


def _of_codes(x: np.ndarray, scales: tuple[float, float], zero_point: int) -> np.ndarray:
    constants = {"xs": scales[0], "xz": 0, "ys": scales[1], "yz": zero_point}
    types = {"s": np.float32, "z": x.dtype}
    made = [
        numpy_helper.from_array(np.array(value, types[name[1]]), name)
        for name, value in constants.items()
    ]
    kind = helper.np_dtype_to_tensor_dtype(x.dtype)
    ports = [helper.make_tensor_value_info(name, kind, x.shape) for name in "xy"]
    names = ["x", *constants]
    domain = "com.microsoft"
    node = helper.make_node("QLinearSoftmax", names, ["y"], domain=domain, axis=-1, opset=13)
    graph = helper.make_graph([node], "softmax", ports[:1], ports[1:], made)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(domain, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    return onnx_runtime(model.SerializeToString(), {"x": x})[0]


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_codes_are_the_runtimes_whatever_the_scales(dtype):
    """Also where a term times the inverse of the output's scale leaves float32."""
    random, limits = np.random.default_rng(2), np.iinfo(dtype)
    for number in range(120):
        scales = [10 ** random.uniform(-2.5, 0), 2.0 ** -random.uniform(6, 20)]
        wide, depth = number % 2, int(random.integers(2, 12))
        span = (limits.min, limits.max + 1) if wide else (90, 102)
        x = random.integers(*span, (30, depth)).astype(dtype)
        zero_point = int(random.integers(limits.min, limits.max + 1))
        x_scale, y_scale = map(float, np.float32(scales))
        rule = CodeSoftmax(x_scale, y_scale, zero_point - limits.min - 128)
        ours = rule.compute(x.astype(np.int64) - limits.min - 128).astype(np.int64)
        theirs = _of_codes(x, (x_scale, y_scale), zero_point).astype(np.int64)
        assert (ours == theirs - limits.min - 128).all(), (scales, zero_point)


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
    found = mlas.exponential(np.float32([x]))[0]
    assert abs(float(found) / np.exp(float(np.float32(x))) - 1) < 2.0**-23
