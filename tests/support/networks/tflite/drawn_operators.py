"""TFLite files of one operator each, with all that quantizes its tensors drawn independently.

Converters write both ends of a pool or a rectifier alike, and so do our own writers: what a runtime
does where they differ is not seen in their files. `spoilt_fields` changes single fields besides,
which then may contradict others.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from tests.support.networks.tflite.drawn_for_driver import FOR_DRIVER
from tests.support.networks.tflite.drawn_moves import MOVES
from tests.support.networks.tflite.drawn_recurrent import RECURRENT
from tests.support.networks.tflite.drawn_values import (
    Rng,
    codes,
    quantized,
    related,
    shape,
    zero_point,
)
from tests.support.networks.tflite.files import NUMBERS, TYPES, File

ACTIVATIONS = (0, 0, 1, 2, 3)  # none, RELU, RELU_N1_TO_1, RELU6
SAME, VALID = 0, 1


def _unary(kind: str, options: str = "", **draws: Callable[[Rng], Any]) -> Callable[[Rng], File]:
    def draw(rng: Rng) -> File:
        f, q, size = File(), quantized(rng), shape(rng)
        fields = {name: value(rng) for name, value in draws.items()}
        x, y = f.input(size, **q), f.tensor(size, **related(rng, q))
        return f.ends(f.operator(kind, [x], [y], options, **fields))

    return draw


def _fixed(kind: str, one: float, zero: int) -> Callable[[Rng], File]:
    """An operator that is defined for one quantization of its output."""

    def draw(rng: Rng) -> File:
        f, size = File(), shape(rng)
        q = {"scale": one, "zero_point": zero} if rng.random() < 0.5 else quantized(rng)
        y_q = related(rng, {"scale": one, "zero_point": zero})
        options = ("SoftmaxOptions", {"beta": float(rng.choice((1.0, 0.5, 2.0)))})
        named, fields = options if kind == "SOFTMAX" else ("", {})
        x, y = f.input(size, **q), f.tensor(size, **y_q)
        return f.ends(f.operator(kind, [x], [y], named, **fields))

    return draw


def _binary(kind: str, options: str, fused: bool) -> Callable[[Rng], File]:
    def draw(rng: Rng) -> File:
        f, size, q = File(), shape(rng), quantized(rng)
        x, other = f.input(size, **q), related(rng, q)
        smaller = tuple(int(rng.choice((n, 1))) for n in size)
        form = rng.integers(6)
        if form == 0:
            second = x
        elif form == 1:
            second = f.constant(codes(rng, (size[-1],)), "int8", **other)
        elif form > 3:  # of any shape that broadcasts, without leading 1s or with them
            leading = len(size) - len(smaller[int(rng.integers(len(size))) :])
            second = f.constant(codes(rng, smaller[leading:]), "int8", **other)
        else:
            second = f.input(size if form == 2 else smaller, **other)
        y = f.tensor(size, **related(rng, q))
        fields = {"fusedActivationFunction": int(rng.choice(ACTIVATIONS))} if fused else {}
        pair = [x, second] if rng.random() < 0.5 else [second, x]
        return f.ends(f.operator(kind, pair, [y], options, **fields))

    return draw


def _prelu(rng: Rng) -> File:
    f, size, q = File(), shape(rng), quantized(rng)
    x, y = f.input(size, **q), f.tensor(size, **related(rng, q))
    alpha = (1,) * (len(size) - 1) + (size[-1],)
    slope = f.constant(codes(rng, alpha), "int8", **quantized(rng))
    return f.ends(f.operator("PRELU", [x, slope], [y]))


def _window(rng: Rng, size: tuple[int, int], kernel: tuple[int, int]) -> tuple[dict, list[int]]:
    """Fields of strides and padding, and the output's height and width."""
    strides = [int(n) for n in rng.integers(1, 4, 2)]
    fits = all(k <= n for n, k in zip(size, kernel, strict=True))
    padding = VALID if fits and rng.random() < 0.5 else SAME
    sizes = [
        -(-n // s) if padding == SAME else (n - k) // s + 1
        for n, k, s in zip(size, kernel, strides, strict=True)
    ]
    return {"padding": padding, "strideH": strides[0], "strideW": strides[1]}, sizes


def _pool(kind: str) -> Callable[[Rng], File]:
    def draw(rng: Rng) -> File:
        f, size, q = File(), shape(rng, 4), quantized(rng)
        kernel = tuple(int(n) for n in rng.integers(1, 4, 2))
        window, sizes = _window(rng, size[1:3], kernel)
        y_q = related(rng, q)
        x, y = f.input(size, **q), f.tensor((1, *sizes, size[3]), **y_q)
        window |= {"filterHeight": kernel[0], "filterWidth": kernel[1]}
        window |= {"fusedActivationFunction": int(rng.choice(ACTIVATIONS))}
        return f.ends(f.operator(kind, [x], [y], "Pool2DOptions", **window))

    return draw


def _linear(f: File, rng: Rng, x_q: dict, w: np.ndarray, axis: int, depth: int) -> tuple:
    """Weights and biases, and a quantization of the output under which sums vary."""
    channels = w.shape[axis]
    many = rng.random() < 0.6
    scales = rng.uniform(0.004, 0.02, channels if many else 1).astype(np.float32)
    weights = f.constant(w, "int8", scale=scales, axis=axis if many else 0)
    bias = -1
    if rng.random() < 0.8:
        products = np.float32(x_q["scale"]) * scales
        bias = f.constant(rng.integers(-2000, 2000, channels), "int32", scale=products)
    spread = x_q["scale"] * 0.012 * 5476 * np.sqrt(depth) / 50
    output = {"scale": float(np.float32(spread * 2.0 ** rng.uniform(-2, 2)))}
    return weights, bias, output | {"zero_point": zero_point(rng)}


def _convolution(depthwise: bool) -> Callable[[Rng], File]:
    def draw(rng: Rng) -> File:
        f, size, q = File(), shape(rng, 4), quantized(rng)
        kernel = tuple(int(n) for n in rng.integers(1, 4, 2))
        window, sizes = _window(rng, size[1:3], kernel)
        x, depth = f.input(size, **q), size[3]
        times = int(rng.choice((1, 1, 2)))
        out = depth * times if depthwise else int(rng.integers(1, 6))
        whole = (1, *kernel, out) if depthwise else (out, *kernel, depth)
        taps = int(np.prod(kernel)) * (1 if depthwise else depth)
        operands = _linear(f, rng, q, codes(rng, whole, -127), 3 if depthwise else 0, taps)
        y = f.tensor((1, *sizes, out), **operands[2])
        window |= {"dilationHFactor": 1, "dilationWFactor": 1}
        window |= {"fusedActivationFunction": int(rng.choice(ACTIVATIONS))}
        inputs = [x, *operands[:2]]
        if depthwise:
            fields = window | {"depthMultiplier": times}
            f.operator("DEPTHWISE_CONV_2D", inputs, [y], "DepthwiseConv2DOptions", **fields)
        else:
            f.operator("CONV_2D", inputs, [y], "Conv2DOptions", **window)
        return f.ends(y)

    return draw


def _fully_connected(rng: Rng) -> File:
    f, size, q, out = File(), shape(rng), quantized(rng), int(rng.integers(1, 7))
    keep = bool(rng.random() < 0.3)
    depth = size[-1] if keep else int(np.prod(size))
    x = f.input(size, **q)
    weights, bias, y_q = _linear(f, rng, q, codes(rng, (out, depth), -127), 0, depth)
    y = f.tensor((*size[:-1], out) if keep else (1, out), **y_q)
    fields = {"keepNumDims": keep, "fusedActivationFunction": int(rng.choice(ACTIVATIONS))}
    f.operator("FULLY_CONNECTED", [x, weights, bias], [y], "FullyConnectedOptions", **fields)
    return f.ends(y)


def _transpose_conv(rng: Rng) -> File:
    f, size, q, out = File(), shape(rng, 4, 3), quantized(rng), int(rng.integers(1, 5))
    kernel, strides = rng.integers(1, 4, 2).tolist(), rng.integers(1, 3, 2).tolist()
    same = rng.random() < 0.5
    sizes = [
        n * s if same else (n - 1) * s + k
        for n, s, k in zip(size[1:3], strides, kernel, strict=True)
    ]
    x, whole = f.input(size, **q), (1, *sizes, out)
    taps = int(np.prod(kernel)) * size[3]
    weights, bias, y_q = _linear(f, rng, q, codes(rng, (out, *kernel, size[3]), -127), 0, taps)
    y = f.tensor(whole, **y_q)
    fields = {"padding": SAME if same else VALID, "strideH": strides[0], "strideW": strides[1]}
    inputs = [f.constant(whole), weights, x, *([bias] if bias >= 0 else [])]
    f.operator("TRANSPOSE_CONV", inputs, [y], "TransposeConvOptions", **fields)
    return f.ends(y)


def _reduced(kind: str) -> Callable[[Rng], File]:
    def draw(rng: Rng) -> File:
        f, size, q = File(), shape(rng), quantized(rng)
        axes = rng.permutation(np.arange(1, len(size)))[: rng.integers(1, len(size))].tolist()
        keep = bool(rng.random() < 0.5)
        result = tuple(1 if a in axes else n for a, n in enumerate(size) if keep or a not in axes)
        x, y_q = f.input(size, **q), related(rng, q)
        y = f.tensor(result, **(y_q if kind in ("MEAN", "SUM") or rng.random() < 0.5 else q))
        signs = [a - len(size) if rng.random() < 0.3 else a for a in axes]
        f.operator(kind, [x, f.constant(signs)], [y], "ReducerOptions", keepDims=keep)
        return f.ends(y)

    return draw


def _index(kind: str) -> Callable[[Rng], File]:
    def draw(rng: Rng) -> File:
        f, size = File(), shape(rng)
        axis = int(rng.integers(1, len(size)))
        x = f.input(size, **quantized(rng))
        y = f.tensor((*size[:axis], *size[axis + 1 :]), "int32")
        options = "ArgMaxOptions" if kind == "ARG_MAX" else "ArgMinOptions"
        f.operator(kind, [x, f.constant(axis)], [y], options, outputType=2)
        return f.ends(y)

    return draw


def _quantize(rng: Rng) -> File:
    f, q, size = File(), quantized(rng), shape(rng)
    source, result = rng.choice(
        (("float32", "int8"), ("int8", "int8"), ("uint8", "int8"), ("int8", "uint8"))
    )
    x = f.input(size, source, **({} if source == "float32" else _offset(q, source)))
    y = f.tensor(size, result, **_offset(related(rng, q), result))
    return f.ends(f.operator("QUANTIZE", [x], [y]))


def _offset(q: dict[str, Any], dtype: str) -> dict[str, Any]:
    return q | {"zero_point": q["zero_point"] + (128 if dtype == "uint8" else 0)}


def _dequantize(rng: Rng) -> File:
    f, size = File(), shape(rng)
    y = f.tensor(size, "float32")
    return f.ends(f.operator("DEQUANTIZE", [f.input(size, **quantized(rng))], [y]))


def _alpha(rng: Rng) -> float:
    return float(np.float32(rng.choice((0.0, 0.25, 1.0, -1.0, rng.uniform(-2, 3)))))


OPERATORS: Mapping[str, Callable[[Rng], File]] = MappingProxyType(
    {
        "CONV_2D": _convolution(depthwise=False),
        "DEPTHWISE_CONV_2D": _convolution(depthwise=True),
        "TRANSPOSE_CONV": _transpose_conv,
        "FULLY_CONNECTED": _fully_connected,
        "AVERAGE_POOL_2D": _pool("AVERAGE_POOL_2D"),
        "MAX_POOL_2D": _pool("MAX_POOL_2D"),
        "MEAN": _reduced("MEAN"),
        "SUM": _reduced("SUM"),
        "REDUCE_MAX": _reduced("REDUCE_MAX"),
        "REDUCE_MIN": _reduced("REDUCE_MIN"),
        "ADD": _binary("ADD", "AddOptions", fused=True),
        "SUB": _binary("SUB", "SubOptions", fused=True),
        "MUL": _binary("MUL", "MulOptions", fused=True),
        "MINIMUM": _binary("MINIMUM", "MaximumMinimumOptions", fused=False),
        "MAXIMUM": _binary("MAXIMUM", "MaximumMinimumOptions", fused=False),
        "RELU": _unary("RELU"),
        "RELU6": _unary("RELU6"),
        "RELU_N1_TO_1": _unary("RELU_N1_TO_1"),
        "PRELU": _prelu,
        "LEAKY_RELU": _unary("LEAKY_RELU", "LeakyReluOptions", alpha=_alpha),
        "LOGISTIC": _fixed("LOGISTIC", 1 / 256, -128),
        "TANH": _fixed("TANH", 1 / 128, 0),
        "HARD_SWISH": _unary("HARD_SWISH", "HardSwishOptions"),
        "ELU": _unary("ELU"),
        "ABS": _unary("ABS", "AbsOptions"),
        "QUANTIZE": _quantize,
        "DEQUANTIZE": _dequantize,
        "SOFTMAX": _fixed("SOFTMAX", 1 / 256, -128),
        "ARG_MAX": _index("ARG_MAX"),
        "ARG_MIN": _index("ARG_MIN"),
        **FOR_DRIVER,
        **RECURRENT,
        **MOVES,
    }
)


def as_uint8(file: File) -> File:
    """The same file with all int8 tensors of one type and their codes 128 higher."""
    for tensor in file.graph.tensors:
        if NUMBERS[tensor.type] != "int8":
            continue
        if tensor.buffer:
            higher = file.data(tensor).astype(np.int16) + 128
        tensor.type = TYPES["uint8"]
        if tensor.buffer:
            file.set_data(tensor, higher)
        if tensor.quantization is not None:
            tensor.quantization.zeroPoint = [z + 128 for z in tensor.quantization.zeroPoint]
    return file
