"""Random ONNX models of one operator on codes each, as Hypothesis strategies.

A model has one input ``x`` with a symbolic batch, and one output ``y``.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

MICROSOFT = "com.microsoft"
OPSET = 15
ELEMENTS = {
    np.dtype(np.uint8): TensorProto.UINT8,
    np.dtype(np.int8): TensorProto.INT8,
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.int64): TensorProto.INT64,
    np.dtype(np.int32): TensorProto.INT32,
}
SEEDS = st.integers(0, 2**32 - 1)
TYPES = st.sampled_from((np.uint8, np.int8))


@dataclass
class Model:
    """A model while it is put together; ``shape`` and ``dtype`` are its input's."""

    shape: tuple[int, ...]
    dtype: type
    random: np.random.Generator
    output: type = np.uint8
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    opset: int = OPSET

    def add(self, operator: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        own = operator in MICROSOFT_OPERATORS
        node = helper.make_node(
            operator, inputs, outputs, domain=MICROSOFT if own else "", **attributes
        )
        self.nodes.append(node)

    def constant(self, name: str, value: Any, dtype: type | None = None) -> str:
        self.constants[name] = np.asarray(value, dtype)
        return name

    def quantization(self, name: str, dtype: type, scale: float | None = None) -> list[str]:
        """Constants with a scale and a zero point, and their names."""
        scale = np.exp(self.random.uniform(-5, 0)) if scale is None else scale
        limits = np.iinfo(dtype)
        ends = self.random.random() < 0.3
        zero = limits.min if ends else self.random.integers(limits.min, limits.max + 1)
        return [
            self.constant(f"{name}_scale", scale, np.float32),
            self.constant(f"{name}_zero_point", zero, dtype),
        ]

    def codes(self, shape: tuple[int, ...], dtype: type) -> np.ndarray:
        limits = np.iinfo(dtype)
        return self.random.integers(limits.min, limits.max + 1, shape).astype(dtype)

    def proto(self) -> onnx.ModelProto:
        value = helper.make_tensor_value_info("x", ELEMENTS[np.dtype(self.dtype)], self.dims)
        output = helper.make_tensor_value_info("y", ELEMENTS[np.dtype(self.output)], None)
        constants = [numpy_helper.from_array(a, name) for name, a in self.constants.items()]
        graph = helper.make_graph(self.nodes, "random", [value], [output], constants)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(MICROSOFT, 1)]
        version = 8 if self.opset == OPSET else 10
        return helper.make_model(graph, opset_imports=opsets, ir_version=version)

    @property
    def dims(self) -> list[int | str]:
        return ["N", *self.shape]

    def bytes(self) -> bytes:
        return self.proto().SerializeToString()

    def inputs(self, samples: int = 3) -> np.ndarray:
        if self.dtype == np.float32:
            return self.random.normal(0, 3, (samples, *self.shape)).astype(np.float32)
        return self.codes((samples, *self.shape), self.dtype)


MICROSOFT_OPERATORS = (
    "QGemm",
    "QLinearAdd",
    "QLinearMul",
    "QLinearAveragePool",
    "QLinearGlobalAveragePool",
    "QLinearConcat",
    "QLinearSigmoid",
    "QLinearLeakyRelu",
    "QLinearSoftmax",
)


def _weights(m: Model, draw: Any, shape: tuple[int, ...], axis: int, dtype: type) -> list[str]:
    """Names of weights, scales and zero points, per tensor or along ``axis``."""
    by_channel, zero = draw(st.booleans()), draw(st.booleans())
    count = (shape[axis],) if by_channel else ()
    scales = np.exp(m.random.uniform(-8, -3, count))
    middle = 128 if dtype == np.uint8 else 0
    zeros = np.full(count, middle) + (m.random.integers(-20, 20) if zero else 0)
    return [
        m.constant("w", m.codes(shape, dtype)),
        m.constant("w_scale", scales, np.float32),
        m.constant("w_zero_point", zeros, dtype),
    ]


def _sum_scale(m: Model, terms: int) -> float:
    """An output scale that spreads sums of so many products over the codes."""
    unit = float(m.constants["x_scale"]) * float(np.mean(m.constants["w_scale"]))
    return unit * 40 * np.sqrt(terms) * np.exp(m.random.uniform(-1, 1))


@st.composite
def convolutions(draw: Any) -> Model:
    dtype, rank = draw(TYPES), draw(st.sampled_from((1, 2, 2)))
    groups = draw(st.sampled_from((1, 1, 2, 3)))
    depth, out = draw(st.integers(1, 3)), groups * draw(st.integers(1, 3))
    size = tuple(draw(st.integers(4, 9)) for _ in range(rank))
    kernel = tuple(draw(st.integers(1, 3)) for _ in range(rank))
    m = Model((depth * groups, *size), dtype, np.random.default_rng(draw(SEEDS)), dtype)
    weights = np.int8 if dtype == np.int8 else draw(TYPES)
    x = ["x", *m.quantization("x", dtype)]
    w = _weights(m, draw, (out, depth, *kernel), 0, weights)
    terms = depth * int(np.prod(kernel))
    y = m.quantization("y", dtype, _sum_scale(m, terms))
    bias = [m.constant("b", m.random.integers(-2000, 2000, out), np.int32)]
    attributes = {"group": groups, "kernel_shape": kernel}
    attributes["strides"] = [draw(st.integers(1, 2)) for _ in range(rank)]
    mode = draw(st.sampled_from(("NOTSET", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")))
    if mode == "NOTSET":
        attributes["pads"] = [draw(st.integers(0, k - 1)) for k in (*kernel, *kernel)]
        attributes["dilations"] = [draw(st.sampled_from((1, 1, 2))) for _ in range(rank)]
        reach = [(k - 1) * d + 1 for k, d in zip(kernel, attributes["dilations"], strict=True)]
        attributes["dilations"] = [
            d if r <= n else 1 for d, r, n in zip(attributes["dilations"], reach, size, strict=True)
        ]
    else:
        attributes["auto_pad"] = mode
    m.add("QLinearConv", [*x, *w, *y, *(bias if draw(st.booleans()) else [])], ["y"], **attributes)
    return m


@st.composite
def products(draw: Any) -> Model:
    dtype = draw(TYPES)
    depth, out, rows = draw(st.integers(1, 20)), draw(st.integers(1, 9)), draw(st.integers(1, 3))
    m = Model((rows, depth), dtype, np.random.default_rng(draw(SEEDS)), dtype)
    x = ["x", *m.quantization("x", dtype)]
    w = _weights(m, draw, (depth, out), 1, np.int8 if dtype == np.int8 else draw(TYPES))
    y = m.quantization("y", dtype, _sum_scale(m, depth))
    m.add("QLinearMatMul", [*x, *w, *y], ["y"])
    return m


@st.composite
def gemms(draw: Any) -> Model:
    dtype, transposed = draw(TYPES), draw(st.booleans())
    depth, out = draw(st.integers(1, 20)), draw(st.integers(1, 9))
    m = Model((depth,), dtype, np.random.default_rng(draw(SEEDS)), dtype)
    x = ["x", *m.quantization("x", dtype)]
    shape = (out, depth) if transposed else (depth, out)
    kind = np.int8 if dtype == np.int8 else draw(TYPES)
    w = _weights(m, draw, shape, 0 if transposed else 1, kind)
    bias = m.constant("b", m.random.integers(-2000, 2000, out), np.int32)
    y = m.quantization("y", dtype, _sum_scale(m, depth))
    inputs = [*x, *w, bias if draw(st.booleans()) else "", *y]
    m.add("QGemm", inputs, ["y"], transB=int(transposed))
    return m


@st.composite
def sums_and_products(draw: Any) -> Model:
    dtype, operator = draw(TYPES), draw(st.sampled_from(("QLinearAdd", "QLinearMul")))
    shape = tuple(draw(st.integers(1, 6)) for _ in range(draw(st.integers(1, 3))))
    m = Model(shape, dtype, np.random.default_rng(draw(SEEDS)), dtype)
    x = ["x", *m.quantization("x", dtype)]
    kinds = {"self": shape, "one": (), "whole": shape, "last": shape[-1:]}
    kind = draw(st.sampled_from(tuple(kinds)))
    other = "x" if kind == "self" else m.constant("c", m.codes(kinds[kind], dtype))
    again = x[1:] if kind == "self" else m.quantization("c", dtype)
    y = m.quantization("y", dtype)
    pair = [*x, other, *again] if draw(st.booleans()) else [other, *again, *x]
    m.add(operator, [*pair, *y], ["y"])
    return m


@st.composite
def global_averages(draw: Any) -> Model:
    dtype, last = draw(TYPES), draw(st.booleans())
    size, channels = tuple(draw(st.integers(1, 9)) for _ in range(2)), draw(st.integers(1, 5))
    shape = (*size, channels) if last else (channels, *size)
    m = Model(shape, dtype, np.random.default_rng(draw(SEEDS)), dtype)
    x = ["x", *m.quantization("x", dtype)]
    y = m.quantization("y", dtype, float(m.constants["x_scale"]) * m.random.uniform(0.05, 1))
    m.add("QLinearGlobalAveragePool", [*x, *y], ["y"], channels_last=int(last))
    return m


@st.composite
def averages(draw: Any) -> Model:
    """Windows whose scales give no exact halves, of which the runtime's own order decides."""
    dtype = draw(TYPES)
    size = tuple(draw(st.integers(4, 9)) for _ in range(2))
    kernel = [draw(st.integers(1, 3)) for _ in range(2)]
    m = Model((draw(st.integers(1, 4)), *size), dtype, np.random.default_rng(draw(SEEDS)), dtype)
    x = ["x", *m.quantization("x", dtype)]
    y = m.quantization("y", dtype, float(m.constants["x_scale"]) * m.random.uniform(0.2, 1))
    attributes = {"kernel_shape": kernel, "strides": [draw(st.integers(1, 2)) for _ in range(2)]}
    attributes["pads"] = [draw(st.integers(0, k - 1)) for k in (*kernel, *kernel)]
    attributes["count_include_pad"] = draw(st.integers(0, 1))
    m.add("QLinearAveragePool", [*x, *y], ["y"], **attributes)
    return m


@st.composite
def maxima(draw: Any) -> Model:
    dtype = draw(TYPES)
    size = tuple(draw(st.integers(4, 9)) for _ in range(2))
    kernel = [draw(st.integers(1, 3)) for _ in range(2)]
    m = Model((draw(st.integers(1, 4)), *size), dtype, np.random.default_rng(draw(SEEDS)), dtype)
    attributes = {"kernel_shape": kernel, "strides": [draw(st.integers(1, 3)) for _ in range(2)]}
    attributes["pads"] = [draw(st.integers(0, k - 1)) for k in (*kernel, *kernel)]
    attributes["ceil_mode"] = draw(st.integers(0, 1))
    m.add("MaxPool", ["x"], ["y"], **attributes)
    return m


@st.composite
def tables(draw: Any) -> Model:
    dtype = draw(TYPES)
    m = Model((64,), dtype, np.random.default_rng(draw(SEEDS)), dtype)
    operator = draw(st.sampled_from(("QLinearSigmoid", "QLinearLeakyRelu")))
    attributes = {"alpha": float(m.random.uniform(0, 1))} if "Leaky" in operator else {}
    x, y = m.quantization("x", dtype), m.quantization("y", dtype)
    m.add(operator, ["x", *x, *y], ["y"], **attributes)
    return m


@st.composite
def concatenations(draw: Any) -> Model:
    dtype = draw(TYPES)
    m = Model((3, 4), dtype, np.random.default_rng(draw(SEEDS)), dtype)
    x, y = m.quantization("x", dtype), m.quantization("y", dtype)
    axis = draw(st.sampled_from((1, 2, -1)))
    m.add("QLinearConcat", [*y, "x", *x, "x", *x], ["y"], axis=axis)
    return m


@st.composite
def softmaxes(draw: Any) -> Model:
    dtype = draw(TYPES)
    shape = (draw(st.integers(1, 3)), draw(st.integers(2, 40)))
    m = Model(shape, dtype, np.random.default_rng(draw(SEEDS)), dtype)
    x = m.quantization("x", dtype)
    scale = m.constant("y_scale", draw(st.sampled_from((1 / 255, 0.01))), np.float32)
    zero = m.constant("y_zero_point", np.iinfo(dtype).min, dtype)
    m.add("QLinearSoftmax", ["x", *x, scale, zero], ["y"], axis=-1, opset=13)
    return m


@st.composite
def conversions(draw: Any) -> Model:
    """To codes, to codes of another scale, and back to float32."""
    dtype = draw(TYPES)
    m = Model((50,), np.float32, np.random.default_rng(draw(SEEDS)), np.float32)
    x, y = m.quantization("x", dtype), m.quantization("y", dtype)
    m.add("QuantizeLinear", ["x", *x], ["a"])
    m.add("DequantizeLinear", ["a", *x], ["b"])
    m.add("QuantizeLinear", ["b", *y], ["c"])
    m.add("DequantizeLinear", ["c", *y], ["y"])
    return m


MODELS = {
    "QLinearConv": convolutions(),
    "QLinearMatMul": products(),
    "QGemm": gemms(),
    "QLinearAdd, QLinearMul": sums_and_products(),
    "QLinearGlobalAveragePool": global_averages(),
    "QLinearAveragePool": averages(),
    "MaxPool": maxima(),
    "QLinearSigmoid, QLinearLeakyRelu": tables(),
    "QLinearConcat": concatenations(),
    "QLinearSoftmax": softmaxes(),
    "QuantizeLinear, DequantizeLinear": conversions(),
}
