"""Matrix products in the forms that ONNX has for them: no element differs from the runtime's."""

import re

import numpy as np
import pytest

import accel
from accel.compiler.frontends import UnsupportedModel, load
from accel.compiler.frontends.onnx.reader import read
from tests.support.networks.onnx.operators import Model
from tests.support.networks.onnx.qdq import Qdq, built, check
from tests.support.oracles.onnx import onnx_runtime

MICROSOFT = "com.microsoft"


def gemm(m: Qdq, x: str, *bias: str, **attributes: float) -> str:
    shape = (5, 12) if attributes.get("transB") else (12, 5)
    axis = 0 if attributes.get("transB") else 1
    return m.add("Gemm", x, m.weights(*shape, axis=axis), *bias, **attributes)


def matmul(m: Qdq, x: str, *shape: int, **how: int) -> str:
    return m.add("MatMul", x, m.weights(*shape, **how))


def transposed(m: Qdq, x: str, *order: int) -> str:
    return m.add("Transpose", x, perm=order)


def fused(m: Qdq, x: str, *shape: int, **attributes: float) -> str:
    return m.add("FusedMatMul", x, m.weights(*shape), domain=MICROSOFT, **attributes)


ROW, ROWS, MAPS = (12,), (7, 12), (2, 7, 12)
FORMS = {
    "alpha": (ROW, lambda m, x: gemm(m, x, alpha=1.7)),
    "alpha and bias": (ROW, lambda m, x: gemm(m, x, m.numbers(5), alpha=0.3, beta=0.5)),
    "negative alpha": (ROW, lambda m, x: gemm(m, x, m.numbers(1, 5), alpha=-0.7)),
    "beta 0": (ROW, lambda m, x: gemm(m, x, m.numbers(5), beta=0.0)),
    "one bias": (ROW, lambda m, x: gemm(m, x, m.numbers(1, 1), transB=1)),
    "both transposed": (ROW, lambda m, x: gemm(m, transposed(m, x, 1, 0), transA=1, transB=1)),
    "[1, K, N]": (ROWS, lambda m, x: matmul(m, x, 1, 12, 5, axis=2)),
    "[1, 1, K, N]": (ROWS, lambda m, x: matmul(m, x, 1, 1, 12, 5)),
    "rows by [1, K, N]": (ROW, lambda m, x: matmul(m, x, 1, 12, 5)),
    "maps by [1, K, N]": (MAPS, lambda m, x: matmul(m, x, 1, 12, 5)),
    "[K]": (ROWS, lambda m, x: matmul(m, x, 12)),
    "constant first": (ROWS, lambda m, x: m.add("MatMul", m.weights(5, 7, axis=0), x)),
    "constant first of maps": (MAPS, lambda m, x: m.add("MatMul", m.weights(1, 5, 7), x)),
    "constant first, bias": (
        ROWS,
        lambda m, x: m.add("Add", m.add("MatMul", m.weights(5, 7), x), m.numbers(5, 1)),
    ),
    "transposed weights": (
        ROWS,
        lambda m, x: m.add("MatMul", x, transposed(m, m.weights(5, 12, axis=0), 1, 0)),
    ),
    "bias first": (ROWS, lambda m, x: m.add("Add", m.numbers(5), matmul(m, x, 1, 12, 5))),
    "rectified": (
        ROWS,
        lambda m, x: m.add("Relu", m.add("Add", matmul(m, x, 12, 5), m.numbers(1, 1, 5))),
    ),
    "fused": (ROWS, lambda m, x: fused(m, x, 5, 12, transB=1, alpha=0.5)),
    "fused, first transposed": ((12, 7), lambda m, x: fused(m, x, 12, 5, transA=1)),
}


@pytest.mark.parametrize("form", FORMS)
def test_no_element_differs(form, tmp_path):
    shape, build = FORMS[form]
    for seed, dtype in enumerate((np.int8, np.uint8)):
        m, data = built(lambda m: build(m, m.input()), shape, dtype=dtype, seed=seed)
        path = tmp_path / "m.onnx"
        path.write_bytes(data)
        check(path, m.samples())


@pytest.mark.parametrize("rows", [5, 7])
def test_a_constant_that_varies_in_rows_is_no_bias(rows, tmp_path):
    """Also not where there are as many rows as channels."""

    def build(m: Qdq) -> str:
        return m.add("Add", matmul(m, m.input(), 12, 5), m.numbers(rows, 1))

    (tmp_path / "m.onnx").write_bytes(built(build, (rows, 12))[1])
    with pytest.raises(UnsupportedModel, match=r"has a constant of \(\d, 1\) for a tensor"):
        load(tmp_path / "m.onnx")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda m: matmul(m, m.input(), 2, 12, 5), r"has weights of \(2, 12, 5\) for an input"),
        (lambda m: gemm(m, m.input(), alpha=float("inf")), "has alpha inf; export it with alpha 1"),
        (
            lambda m: gemm(m, m.input(), m.numbers(5), beta=float("nan")),
            r"has a bias times beta beyond 2\^60, or that is not a number",
        ),
        (lambda m: fused(m, m.input(), 12, 5, transBatchA=1), "transposes the batch"),
    ],
)
def test_other_forms_are_refused(build, message, tmp_path):
    (tmp_path / "m.onnx").write_bytes(built(build, ROW)[1])
    with pytest.raises(UnsupportedModel, match=message):
        load(tmp_path / "m.onnx")


def test_a_negative_alpha_needs_weights_that_can_be_negated(tmp_path):
    def build(m: Qdq) -> str:
        codes, scale = m.constant(np.full((12, 5), -128), np.int8), m.constant(0.01, np.float32)
        return m.add("Gemm", m.input(), m.dequantize(codes, scale), alpha=-1.0)

    (tmp_path / "m.onnx").write_bytes(built(build, ROW)[1])
    with pytest.raises(UnsupportedModel, match="negative alpha and weights that are more than 127"):
        load(tmp_path / "m.onnx")


def qgemm(dtype, *, scaled, zero):
    """A QGemm with int32 sums of about 400, with or without an output's scale and zero point."""
    m = Model((12,), dtype, np.random.default_rng(5), dtype if zero else np.float32)
    x = m.quantization("x", dtype, 0.17)
    weights = [m.constant("w", m.codes((12, 7), np.int8)), *m.quantization("w", np.int8, 0.0027)]
    bias = m.constant("b", m.random.integers(-2000, 2000, 7), np.int32)
    y = m.quantization("y", dtype, 0.03)
    given = [name if wanted else "" for name, wanted in zip(y, (scaled, zero), strict=True)]
    m.add("QGemm", ["x", *x, *weights, bias, *given], ["y"])
    return m


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_the_scale_of_a_result_of_codes_is_1_where_it_is_left_out(dtype):
    m = qgemm(dtype, scaled=False, zero=True)
    x = m.inputs(9)
    (expected,) = onnx_runtime(m.bytes(), {"x": x})
    assert expected.dtype == dtype
    assert len(np.unique(expected)) > 20
    program = accel.compile(read(m.bytes(), "qgemm.onnx"))
    np.testing.assert_array_equal(program.run(x, "machine").output, expected)


def test_a_scale_without_a_zero_point_is_refused():
    """The runtime's answer is in float32 then, divided by the scale."""
    m = qgemm(np.int8, scaled=True, zero=False)
    (expected,) = onnx_runtime(m.bytes(), {"x": m.inputs()})
    assert expected.dtype == np.float32
    message = "has an output scale without a zero point (its result is in float32 then); give it"
    with pytest.raises(UnsupportedModel, match=re.escape(message)):
        read(m.bytes(), "qgemm.onnx")
