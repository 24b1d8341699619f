"""QuantizeLinear and DequantizeLinear in their many forms: no element differs from the runtime's.

Other domains and opsets, codes that are read under another scale than they were made by, 4 bits.
"""

import numpy as np
import pytest
from onnx import TensorProto

from accel.compiler.frontends import UnsupportedModel, load
from tests.support.networks.onnx.qdq import Qdq, built, check

INT4, UINT4 = TensorProto.INT4, TensorProto.UINT4
ENDS = {INT4: (-8, 7), UINT4: (0, 15)}


def agree(build, shape, tmp_path, *, types=(np.int8, np.uint8), **how):
    for seed, dtype in enumerate(types):
        m, data = built(build, shape, dtype=dtype, seed=seed, **how)
        path = tmp_path / "m.onnx"
        path.write_bytes(data)
        check(path, m.samples())


@pytest.mark.parametrize("domain", ["", "com.microsoft"])
@pytest.mark.parametrize("opset", [13, 21, 23])
def test_both_domains_in_every_opset(domain, opset, tmp_path):
    def build(m: Qdq) -> str:
        x = m.both(m.add("Conv", m.input(), m.weights(4, 3, 3, 3, axis=0)))
        x = m.add("Add", x, m.both(m.add("Conv", x, m.weights(4, 4, 1, 1))))
        return m.both(m.add("AveragePool", m.both(x), kernel_shape=[2, 2]))

    agree(build, (3, 6, 6), tmp_path, domain=domain, opset=opset)


# Codes under other scales.


def other(m: Qdq, x: str) -> str:
    """Quantized with one pair, and dequantized with another one."""
    return m.dequantize(m.quantize(x, m.pair(0.017)), *m.pair(0.041))


def of_one_tensor(m: Qdq) -> str:
    codes, one, two = m.quantize(m.input(), m.pair(0.017)), m.pair(0.041), m.pair(0.022)
    total = m.both(m.add("Add", m.dequantize(codes, *one), m.dequantize(codes, *two)))
    return m.add("Add", total, m.dequantize(codes, *one))


def of_moved_codes(m: Qdq) -> str:
    codes = m.quantize(m.input(), m.pair(0.017))
    codes = m.add("MaxPool", codes, kernel_shape=[1, 2])
    return m.dequantize(m.add("Transpose", codes, perm=[0, 2, 3, 1]), *m.pair(0.041))


def of_joined_codes(m: Qdq) -> str:
    x = m.input()
    parts = m.quantize(x, m.pair(0.017)), m.quantize(x, m.pair(0.027))
    return m.dequantize(m.add("Concat", *parts, axis=1), *m.pair(0.041))


OTHERS = {
    "product": lambda m: m.add("MatMul", other(m, m.input()), m.weights(6, 5)),
    "convolution": lambda m: m.add("Conv", other(m, m.input()), m.weights(4, 3, 3, 3)),
    "rectified": lambda m: m.both(m.add("Relu", other(m, m.input()))),
    "after a layer": lambda m: other(m, m.add("Conv", m.input(), m.weights(4, 3, 1, 1))),
    "again": lambda m: other(m, other(m, m.input())),
    "a chain": lambda m: m.both(m.both(m.both(m.input()))),
    "of one tensor": of_one_tensor,
    "of moved codes": of_moved_codes,
    "of joined codes": of_joined_codes,
}


@pytest.mark.parametrize("form", OTHERS)
def test_codes_stand_for_what_their_reader_says(form, tmp_path):
    agree(OTHERS[form], (3, 6, 6), tmp_path)


# Types without a zero point.


@pytest.mark.parametrize("kind", [TensorProto.UINT8, TensorProto.INT8, UINT4, INT4])
def test_a_type_may_stand_without_a_zero_point(kind, tmp_path):
    def build(m: Qdq) -> str:
        x, scale = m.add("MatMul", m.input(), m.weights(12, 5)), m.constant(0.21, np.float32)
        return m.dequantize(m.quantize(x, (scale,), output_dtype=kind, saturate=0), scale)

    agree(build, (7, 12), tmp_path, opset=21)


# Four bits.


def narrow(m: Qdq, x: str, kind: int) -> str:
    """Activations of 4 bits."""
    scale, zero = m.constant(0.31, np.float32), m.four_bits(kind, np.array(sum(ENDS[kind]) // 2))
    return m.dequantize(m.quantize(x, (scale, zero)), scale, zero)


def narrow_weights(m: Qdq, kind: int, shape: tuple[int, ...], axis: int | None, zeros: bool) -> str:
    low, high = ENDS[kind]
    codes = m.four_bits(kind, m.random.integers(low, high + 1, shape))
    count = () if axis is None else (shape[axis],)
    pair = [m.constant(m.random.uniform(0.07, 0.13, count), np.float32)]
    if zeros:
        pair.append(m.four_bits(kind, m.random.integers(low + 2, high - 1, count)))
    return m.dequantize(codes, *pair, **({} if axis is None else {"axis": axis}))


LAYERS = {
    "Conv": ((3, 6, 6), (5, 3, 3, 3), 0, {}),
    "depthwise": ((3, 6, 6), (3, 1, 3, 3), 0, {"group": 3}),
    "Gemm": ((13,), (7, 13), -2, {"transB": 1}),
    "MatMul": ((13,), (13, 7), 1, {}),
}


@pytest.mark.parametrize("kind", ENDS)
@pytest.mark.parametrize("layer", LAYERS)
def test_weights_of_four_bits(layer, kind, tmp_path):
    shape, weights, axis, attributes = LAYERS[layer]
    operator = "Conv" if layer == "depthwise" else layer
    for own, zeros in ((None, False), (axis, True), (axis, False)):

        def build(m: Qdq, own=own, zeros=zeros) -> str:
            given = narrow_weights(m, kind, weights, own, zeros)
            return m.add(operator, m.input(), given, **attributes)

        agree(build, shape, tmp_path, types=(np.int8,), opset=21)


@pytest.mark.parametrize("kind", ENDS)
def test_activations_of_four_bits(kind, tmp_path):
    def build(m: Qdq) -> str:
        x = m.add("Conv", narrow(m, m.input(), kind), m.weights(4, 3, 3, 3))
        return narrow(m, m.add("Conv", narrow(m, x, kind), m.weights(4, 4, 1, 1)), kind)

    agree(build, (3, 6, 6), tmp_path, opset=21)


@pytest.mark.parametrize("kind", ENDS)
def test_constants_that_are_quantized_to_four_bits(kind, tmp_path):
    def build(m: Qdq) -> str:
        scale = m.constant(m.random.uniform(0.1, 0.3, 5), np.float32)
        zero = m.four_bits(kind, m.random.integers(0, 7, 5))
        codes = m.quantize(m.numbers(12, 5), (scale, zero), axis=1)
        return m.add("MatMul", m.input(), m.dequantize(codes, scale, zero, axis=1))

    agree(build, (7, 12), tmp_path, opset=21)


# What is refused.


def blocks(m: Qdq) -> str:
    codes, scale = m.four_bits(INT4, np.ones((64, 5))), m.constant(np.full((4, 5), 0.1), np.float32)
    given = m.dequantize(codes, scale, axis=0, block_size=16)
    return m.add("MatMul", m.input(), given)


def halves(m: Qdq) -> str:
    codes, scale = m.constant(np.ones((64, 5)), np.int8), m.constant(0.5, np.float16)
    given = m.add("Cast", m.dequantize(codes, scale), to=TensorProto.FLOAT)
    return m.add("MatMul", m.input(), given)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (blocks, "has a block_size of 16: scales that differ within a channel; quantize per"),
        (halves, "is of 16 bits, float16 or bfloat16; export it in float32 and quantize it"),
        (
            lambda m: m.dequantize(m.quantize(m.input(), m.pair()), *m.pair(), output_dtype=10),
            "has an output_dtype that is not float32; export the model in float32",
        ),
    ],
)
def test_other_forms_are_refused(build, message, tmp_path):
    (tmp_path / "m.onnx").write_bytes(built(build, (64,), opset=23)[1])
    with pytest.raises(UnsupportedModel, match=message):
        load(tmp_path / "m.onnx")
