"""Random ONNX models of one operator over all its fields, from a seed, in both spellings.

Inputs and the output are quantized independently of each other, as uint8 or int8, half of the time
by powers of two, which make exact halves. ``qdq`` models have float operators between
DequantizeLinear and QuantizeLinear, their codes come from a QuantizeLinear or are the file's own
input, and what is quantized may have other readers; ``qop`` ones have operators on codes.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from tests.support.networks.onnx import single_moves
from tests.support.networks.onnx.draw import Draw
from tests.support.networks.onnx.operators import MICROSOFT

Kind = Callable[[Draw], None]


def _binary(operator: str) -> Kind:
    def draw(d: Draw) -> None:
        dtype, shape = d.dtype(), (d.size(1, 4), d.size(1, 5), d.size(1, 5))
        first = d.real(shape, dtype)
        kind = d.one_of("other", "self", "codes", "vector", "number")
        if kind == "other":
            second = d.real(shape, d.one_of(dtype, dtype, d.dtype()))
        elif kind == "self":
            second = first
        elif kind == "number":
            second = d.constant(d.random.uniform(-2, 2), np.float32)
        else:
            size = () if kind == "codes" else shape[-1:]
            other = d.one_of(dtype, d.dtype())
            limits = np.iinfo(other)
            codes = d.constant(d.random.integers(limits.min, limits.max + 1, size), other)
            second = d.add("DequantizeLinear", [codes, *d.quantization(d.scale_near(0.05), other)])
        pair = [first, second] if d.chance(0.7) else [second, first]
        result = d.add(operator, pair)
        if d.chance(0.3):
            result = d.add("Relu", [result])
        if d.chance(0.2):
            result = d.add("Reshape", [result, d.constant([1, -1], np.int64)])
        d.end(result, {"Mul": d.scale * 2}.get(operator, d.scale * 1.5), d.one_of(dtype, d.dtype()))

    return draw


def _qlinear_binary(operator: str) -> Kind:
    def draw(d: Draw) -> None:
        dtype, shape = d.dtype(), (d.size(1, 4), d.size(1, 5), d.size(1, 5))
        x, q = d.coded(shape, dtype)
        if d.chance(0.6):
            other, r = d.coded(shape, dtype)
        else:
            other = d.constant(d.random.integers(0, 100, d.one_of((), shape[-1:])), dtype)
            r = d.quantization(d.scale_near(0.05), dtype)
        y = d.quantization(d.scale_near(0.1), dtype)
        d.whole(d.add(operator, [x, *q, other, *r, *y], MICROSOFT), dtype)

    return draw


def _unary(operator: str, **fields: Callable[[Draw], Any]) -> Kind:
    def draw(d: Draw) -> None:
        dtype = d.dtype()
        attributes = {name: field(d) for name, field in fields.items()}
        real = d.real((d.size(1, 4), 40), dtype)
        extra = {"PRelu": [lambda: d.constant([d.random.uniform(-1, 1)], np.float32)]}
        inputs = [real, *(make() for make in extra.get(operator, []))]
        if operator == "Clip":
            inputs += [d.constant(v, np.float32) for v in d.one_of((0, 6), (-1, 1))]
        d.end(d.add(operator, inputs, **attributes), 0.03, d.one_of(dtype, d.dtype()))

    return draw


def _divide(d: Draw) -> None:
    real = d.real((d.size(1, 4), 40), d.dtype())
    number = d.constant(d.one_of(3, 0.25, -1.7, d.random.uniform(0.1, 2)), np.float32)
    pair = [real, number] if d.chance(0.8) else [number, real]
    d.end(d.add("Div", pair), 0.03, d.dtype())


def _qlinear_unary(operator: str) -> Kind:
    def draw(d: Draw) -> None:
        dtype = d.dtype()
        x, q = d.coded((200,), dtype)
        alpha = {"alpha": float(d.random.uniform(-0.5, 1))} if "Leaky" in operator else {}
        y = d.quantization(d.scale_near(0.02), dtype)
        d.whole(d.add(operator, [x, *q, *y], MICROSOFT, **alpha), dtype)

    return draw


def _window(d: Draw, pool: bool) -> tuple[tuple[int, ...], list[int], dict[str, Any]]:
    """Sizes of an image, a kernel, and attributes of windows."""
    rank = d.one_of(1, 2, 2)
    size = tuple(d.size(4, 9) for _ in range(rank))
    kernel = [d.size(1, 3) for _ in range(rank)]
    attributes: dict[str, Any] = {"kernel_shape": kernel}
    attributes["strides"] = [d.size(1, 5) for _ in range(rank)]
    mode = d.one_of("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")
    if mode == "NOTSET":
        attributes["pads"] = [d.size(0, k - 1) for k in (*kernel, *kernel)]
    if not pool or d.chance(0.3):
        attributes["dilations"] = [d.one_of(1, 1, 2) for _ in kernel]
    attributes["auto_pad"] = mode
    return size, kernel, attributes


def _weights(d: Draw, shape: tuple[int, ...], axis: int, dtype: type) -> list[str]:
    count = d.one_of((), (shape[axis],))
    scales = np.array([d.scale_near(0.01) for _ in range(int(np.prod(count)))]).reshape(count)
    zeros = np.full(count, 0 if dtype == np.int8 else 128)
    limits = np.iinfo(dtype)
    codes = d.random.integers(limits.min + (dtype == np.int8), limits.max + 1, shape)
    return [d.constant(codes, dtype), d.constant(scales, np.float32), d.constant(zeros, dtype)]


def _qlinear_conv(d: Draw) -> None:
    size, kernel, attributes = _window(d, pool=False)
    dtype, groups = d.dtype(), d.one_of(1, 1, 2, 3)
    depth = d.size(1, 3)
    out = groups * d.size(1, 3)
    x, q = d.coded((depth * groups, *size), dtype)
    kind = np.int8 if dtype == np.int8 else d.dtype()
    w = _weights(d, (out, depth, *kernel), 0, kind)
    y = d.quantization(d.scale_near(d.scale * np.sqrt(depth * np.prod(kernel)) / 2), dtype)
    bias = [d.constant(d.random.integers(-2000, 2000, out), np.int32)] * d.chance(0.5)
    d.whole(d.add("QLinearConv", [x, *q, *w, *y, *bias], group=groups, **attributes), dtype)


def _qlinear_matmul(d: Draw) -> None:
    dtype, depth, out = d.dtype(), d.size(1, 30), d.size(1, 9)
    x, q = d.coded((depth,), dtype)
    w = _weights(d, (depth, out), 1, np.int8 if dtype == np.int8 else d.dtype())
    y = d.quantization(d.scale_near(d.scale * np.sqrt(depth) / 2), dtype)
    d.whole(d.add("QLinearMatMul", [x, *q, *w, *y]), dtype)


def _qgemm(d: Draw) -> None:
    dtype, depth, out = d.dtype(), d.size(1, 30), d.size(1, 9)
    x, q = d.coded((depth,), dtype)
    transposed = d.size(0, 1)
    shape = (out, depth) if transposed else (depth, out)
    kind = np.int8 if dtype == np.int8 else d.dtype()
    w = _weights(d, shape, 0 if transposed else 1, kind)
    bias = d.constant(d.random.integers(-2000, 2000, out), np.int32) if d.chance(0.5) else ""
    y = d.quantization(d.scale_near(d.scale * np.sqrt(depth) / 2), dtype)
    d.whole(d.add("QGemm", [x, *q, *w, bias, *y], MICROSOFT, transB=transposed), dtype)


def _dequantized_weights(d: Draw, shape: tuple[int, ...], axis: int) -> tuple[str, float]:
    """Weights of int8 after their DequantizeLinear, and their scale."""
    codes, scale, zero = _weights(d, shape, axis, np.int8)
    if d.constants[scale].ndim:  # of one unit with the bias
        d.constants[scale] = np.full_like(d.constants[scale], d.constants[scale][0])
    real = d.add("DequantizeLinear", [codes, scale, zero], axis=axis)
    return real, float(d.constants[scale].reshape(-1)[0])


def _bias(d: Draw, unit: float, out: int) -> list[str]:
    if d.chance(0.5):
        return []
    codes = d.constant(d.random.integers(-2000, 2000, out), np.int32)
    scale = d.constant(np.float32(unit), np.float32)
    return [d.add("DequantizeLinear", [codes, scale])]


def _conv(d: Draw) -> None:
    size, kernel, attributes = _window(d, pool=False)
    dtype, groups, depth = d.dtype(), d.one_of(1, 1, 2), d.size(1, 3)
    out = groups * d.size(1, 3)
    real = d.real((depth * groups, *size), dtype)
    scale = d.scale
    weights, unit = _dequantized_weights(d, (out, depth, *kernel), 0)
    bias = _bias(d, scale * unit, out)
    result = d.add("Conv", [real, weights, *bias], group=groups, **attributes)
    d.end(result, scale * np.sqrt(depth * np.prod(kernel)) / 2, dtype)


def _matmul(d: Draw) -> None:
    dtype, depth, out = d.dtype(), d.size(1, 30), d.size(1, 9)
    real = d.real((depth,), dtype)
    scale = d.scale
    weights, unit = _dequantized_weights(d, (depth, out), 1)
    if d.chance(0.5):
        result = d.add("MatMul", [real, weights])
    else:
        result = d.add("Gemm", [real, weights, *_bias(d, scale * unit, out)])
    d.end(result, scale * np.sqrt(depth) / 2, dtype)


def _reduce_mean(d: Draw) -> None:
    real = d.real((d.size(1, 5), d.size(1, 9), d.size(1, 9)), d.dtype())
    axes = d.one_of([2, 3], [1], [-1], [2], [1, 2, 3])
    keep = d.size(0, 1)
    result = d.add("ReduceMean", [real, d.constant(axes, np.int64)], keepdims=keep)
    d.end(result, d.scale * 0.3, d.dtype())


def _joined(d: Draw) -> None:
    dtype = d.dtype()
    shape = (3, 4)
    parts = [d.real(shape, dtype) for _ in range(2)]
    d.end(d.add("Concat", parts, axis=d.one_of(1, 2, -1)), 0.05, d.one_of(dtype, d.dtype()))


def _max_pool(d: Draw) -> None:
    size, _, attributes = _window(d, pool=True)
    dtype, channels = d.dtype(), d.size(1, 4)
    attributes["ceil_mode"] = d.size(0, 1)
    if d.chance(0.5):
        x, _ = d.coded((channels, *size), dtype)
        d.whole(d.add("MaxPool", [x], **attributes), dtype)
    else:
        d.end(d.add("MaxPool", [d.real((channels, *size), dtype)], **attributes), 0.05, dtype)


def _average_pool(d: Draw) -> None:
    size, _, attributes = _window(d, pool=True)
    dtype, channels = d.dtype(), d.size(1, 4)
    attributes |= {"count_include_pad": d.size(0, 1), "ceil_mode": d.size(0, 1)}
    if d.chance(0.5):
        attributes.pop("dilations", None)  # which the operator on codes has none of
        last = d.size(0, 1)
        shape = (*size, channels) if last else (channels, *size)
        x, q = d.coded(shape, dtype)
        y = d.quantization(d.scale_near(d.scale * 0.7), dtype)
        attributes["channels_last"] = last
        d.whole(d.add("QLinearAveragePool", [x, *q, *y], MICROSOFT, **attributes), dtype)
    else:
        real = d.real((channels, *size), dtype)
        d.end(d.add("AveragePool", [real], **attributes), d.scale * 0.7, dtype)


def _global_average(d: Draw) -> None:
    dtype, size, channels = d.dtype(), (d.size(1, 9), d.size(1, 9)), d.size(1, 5)
    if d.chance(0.5):
        last = d.size(0, 1)
        x, q = d.coded((*size, channels) if last else (channels, *size), dtype)
        y = d.quantization(d.scale_near(d.scale * 0.3), dtype)
        kind = "QLinearGlobalAveragePool"
        d.whole(d.add(kind, [x, *q, *y], MICROSOFT, channels_last=last), dtype)
    else:
        real = d.real((channels, *size), dtype)
        d.end(d.add("GlobalAveragePool", [real]), d.scale * 0.3, dtype)


def _concat(d: Draw) -> None:
    dtype = d.dtype()
    a, q = d.coded((3, 4), dtype)
    b, r = d.coded((3, 4), dtype)
    y = d.quantization(d.scale_near(0.05), dtype)
    axis = d.one_of(1, 2, -1)
    d.whole(d.add("QLinearConcat", [*y, a, *q, b, *r], MICROSOFT, axis=axis), dtype)


def _softmax(d: Draw) -> None:
    dtype, shape = d.dtype(), (d.size(1, 3), d.size(2, 40))
    axis = d.one_of(1, 2, -1)
    if d.chance(0.5):
        real = d.real(shape, dtype)
        d.outputs[d.add("Softmax", [real], axis=axis)] = np.dtype(np.float32)
    else:
        x, q = d.coded(shape, dtype)
        y = [d.constant(1 / 255, np.float32), d.constant(np.iinfo(dtype).min, dtype)]
        d.whole(d.add("QLinearSoftmax", [x, *q, *y], MICROSOFT, axis=axis, opset=13), dtype)


def _requantize(d: Draw) -> None:
    real = d.real((50,), d.dtype())
    d.end(real, 0.05, d.dtype())


_ALPHA = {"alpha": lambda d: float(d.random.uniform(-0.5, 1))}
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        **{name: _binary(name) for name in ("Add", "Mul", "Sub")},
        **{name: _qlinear_binary(name) for name in ("QLinearAdd", "QLinearMul")},
        **{
            name: _unary(name)
            for name in (
                *("Relu", "Clip", "Sigmoid", "Tanh", "Abs", "Elu", "HardSwish", "PRelu", "Neg"),
                *("Ceil", "Floor", "Round", "Sign", "Exp", "Erf", "Sin", "Cos", "Softplus"),
                *("Softsign", "Gelu", "Selu", "HardSigmoid"),
            )
        },
        "Div": _divide,
        "LeakyRelu": _unary("LeakyRelu", **_ALPHA),
        **{name: _qlinear_unary(name) for name in ("QLinearSigmoid", "QLinearLeakyRelu")},
        "QLinearConv": _qlinear_conv,
        "QLinearMatMul": _qlinear_matmul,
        "QGemm": _qgemm,
        "Conv": _conv,
        "MatMul, Gemm": _matmul,
        "ReduceMean": _reduce_mean,
        "Concat": _joined,
        "MaxPool": _max_pool,
        "AveragePool": _average_pool,
        "GlobalAveragePool": _global_average,
        "QLinearConcat": _concat,
        "Softmax": _softmax,
        "QuantizeLinear": _requantize,
        **single_moves.KINDS,
    }
)


_OFTEN = ("Add", "Mul", "AveragePool") * 3  # what the runtime computes in several ways


def drawn(seed: int, index: int) -> tuple[str, Draw]:
    """The name and the model of a number."""
    names = (*KINDS, *_OFTEN)
    name = names[index % len(names)]
    draw = Draw(np.random.default_rng([seed, index]))
    KINDS[name](draw)
    return name, draw
