"""TFLite files of one operator each, with all that quantizes its tensors drawn independently.

Converters write both ends of a pool or a rectifier alike, and so do our own writers: what a runtime
does where they differ is not seen in their files. `spoilt` changes single fields besides, which
then may contradict others.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from tests.support.networks.tflite.files import NUMBERS, TYPES, File

Rng = np.random.Generator
ACTIVATIONS = (0, 0, 1, 2, 3)  # none, RELU, RELU_N1_TO_1, RELU6
SAME, VALID = 0, 1


def scale(rng: Rng) -> float:
    """Powers of two, numbers of which the bounds of activations are halves, and any others."""
    kind = rng.random()
    if kind < 0.3:
        return float(2.0 ** rng.integers(-8, 1))
    if kind < 0.5:
        return float(np.float32(rng.choice((2, 12)) / (2 * rng.integers(1, 200) + 1)))
    return float(np.float32(2.0 ** rng.uniform(-8, 1)))


def zero_point(rng: Rng) -> int:
    return int(rng.choice((-128, 0, 127, rng.integers(-128, 128), rng.integers(-30, 30))))


def quantized(rng: Rng) -> dict[str, Any]:
    return {"scale": scale(rng), "zero_point": zero_point(rng)}


def related(rng: Rng, q: Mapping[str, Any]) -> dict[str, Any]:
    """An output's: as the input's in one of the two, in both, near it, or anything."""
    kind = rng.integers(7)
    if kind == 0:
        return dict(q)
    if kind == 6:  # within what pools take for the same, or just beyond it
        apart = float(rng.choice((-1.5e-6, -0.9e-6, -2e-7, 2e-7, 0.9e-6, 1.1e-6)))
        return {"scale": float(np.float32(q["scale"] + apart)), "zero_point": q["zero_point"]}
    if kind == 1:
        return {"scale": q["scale"], "zero_point": zero_point(rng)}
    if kind == 2:
        return {"scale": scale(rng), "zero_point": q["zero_point"]}
    if kind < 5:
        near = q["scale"] * 2.0 ** rng.uniform(-1, 1)
        return {"scale": float(np.float32(near)), "zero_point": zero_point(rng)}
    return quantized(rng)


def shape(rng: Rng, rank: int | None = None, most: int = 5) -> tuple[int, ...]:
    rank = int(rng.integers(2, 5)) if rank is None else rank
    return (1, *(int(n) for n in rng.integers(1, most + 1, rank - 1)))


def codes(rng: Rng, size: tuple[int, ...], least: int = -128) -> np.ndarray:
    return rng.integers(least, 127, size, dtype=np.int8, endpoint=True)


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
        form = rng.integers(4)
        if form == 0:
            second = x
        elif form == 1:
            second = f.constant(codes(rng, (size[-1],)), "int8", **other)
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
        y = f.tensor(result, **(y_q if kind == "MEAN" or rng.random() < 0.5 else q))
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


def _moved(f: File, rng: Rng, q: dict) -> dict:
    """Of a moved tensor: mostly as it was, for runtimes copy or refuse it."""
    return dict(q) if rng.random() < 0.6 else related(rng, q)


def _reshape(kind: str) -> Callable[[Rng], File]:
    def draw(rng: Rng) -> File:
        f, size, q = File(), shape(rng), quantized(rng)
        if kind == "SQUEEZE" and 1 not in size[1:]:
            size = (*size[:-1], 1)
        x = f.input(size, **q)
        if kind == "RESHAPE":
            result = (1, int(np.prod(size))) if rng.random() < 0.5 else (*size[:-1], 1, size[-1])
            constant, options = [f.constant(result)], {"newShape": list(result)}
            y = f.tensor(result, **_moved(f, rng, q))
            f.operator(kind, [x, *constant], [y], "ReshapeOptions", **options)
        elif kind == "SQUEEZE":
            dims = [a for a, n in enumerate(size) if a and n == 1]
            y = f.tensor([n for a, n in enumerate(size) if a not in dims], **_moved(f, rng, q))
            f.operator(kind, [x], [y], "SqueezeOptions", squeezeDims=dims)
        else:
            axis = int(rng.integers(1, len(size) + 1))
            y = f.tensor((*size[:axis], 1, *size[axis:]), **_moved(f, rng, q))
            f.operator(kind, [x, f.constant(axis)], [y], "ExpandDimsOptions")
        return f.ends(y)

    return draw


def _transpose(rng: Rng) -> File:
    f, size, q = File(), shape(rng), quantized(rng)
    order = [0, *rng.permutation(np.arange(1, len(size))).tolist()]
    x, y = f.input(size, **q), f.tensor([size[a] for a in order], **_moved(f, rng, q))
    return f.ends(f.operator("TRANSPOSE", [x, f.constant(order)], [y], "TransposeOptions"))


def _pad(kind: str) -> Callable[[Rng], File]:
    def draw(rng: Rng) -> File:
        f, size, q = File(), shape(rng), quantized(rng)
        amounts = np.vstack(([0, 0], rng.integers(0, 3, (len(size) - 1, 2))))
        x, y = f.input(size, **q), f.tensor(size + amounts.sum(1), **related(rng, q))
        inputs, options = [x, f.constant(amounts)], "PadOptions"
        if kind == "PADV2":
            inputs.append(f.constant(codes(rng, (1,)), "int8", **related(rng, q)))
            options = "PadV2Options"
        return f.ends(f.operator(kind, inputs, [y], options))

    return draw


def _slice(rng: Rng) -> File:
    f, size, q = File(), shape(rng), quantized(rng)
    starts = [int(rng.integers(n)) for n in size]
    sizes = [int(rng.integers(1, n - s + 1)) for n, s in zip(size, starts, strict=True)]
    x, y = f.input(size, **q), f.tensor(sizes, **_moved(f, rng, q))
    inputs = [x, f.constant(starts), f.constant(sizes)]
    return f.ends(f.operator("SLICE", inputs, [y], "SliceOptions"))


def _strided_slice(rng: Rng) -> File:
    f, size, q = File(), shape(rng), quantized(rng)
    starts = [0, *(int(rng.integers(n)) for n in size[1:])]
    steps = [1, *(int(rng.choice((1, 2))) for _ in size[1:])]
    masks = [int(m) << 1 for m in rng.integers(0, 2 ** (len(size) - 1), 3) * (rng.random(3) < 0.4)]
    result = []
    for axis, (n, start, step) in enumerate(zip(size, starts, steps, strict=True)):
        begin = 0 if masks[0] >> axis & 1 else start
        if not masks[2] >> axis & 1:
            result.append(len(range(begin, n, step)))
    x, y = f.input(size, **q), f.tensor(result, **_moved(f, rng, q))
    inputs = [x, f.constant(starts), f.constant(size), f.constant(steps)]
    fields = dict(zip(("beginMask", "endMask", "shrinkAxisMask"), masks, strict=True))
    return f.ends(f.operator("STRIDED_SLICE", inputs, [y], "StridedSliceOptions", **fields))


def _split(kind: str) -> Callable[[Rng], File]:
    def draw(rng: Rng) -> File:
        f, size, q = File(), list(shape(rng)), quantized(rng)
        axis, parts = int(rng.integers(1, len(size))), int(rng.integers(1, 4))
        sizes = [int(n) for n in rng.integers(1, 4, parts)]
        sizes = sizes[:1] * parts if kind == "SPLIT" else sizes
        size[axis] = sum(sizes)
        y_q, x = _moved(f, rng, q), f.input(size, **q)
        outputs = [f.tensor((*size[:axis], n, *size[axis + 1 :]), **y_q) for n in sizes]
        if kind == "SPLIT":
            inputs, options = [f.constant([axis]), x], "SplitOptions"
        else:
            inputs, options = [x, f.constant(sizes), f.constant([axis])], "SplitVOptions"
        f.operator(kind, inputs, outputs, options, numSplits=parts)
        return f.ends(*outputs)

    return draw


def _unpack(rng: Rng) -> File:
    f, size, q = File(), shape(rng), quantized(rng)
    axis, x = int(rng.integers(1, len(size))), f.input(size, **q)
    rest, y_q = (*size[:axis], *size[axis + 1 :]), _moved(f, rng, q)
    outputs = [f.tensor(rest, **y_q) for _ in range(size[axis])]
    f.operator("UNPACK", [x], outputs, "UnpackOptions", axis=axis, num=size[axis])
    return f.ends(*outputs)


def _pack(rng: Rng) -> File:
    f, size, q = File(), shape(rng, int(rng.integers(2, 4))), quantized(rng)
    inputs = [f.input(size, **_moved(f, rng, q)) for _ in range(rng.integers(1, 4))]
    axis = int(rng.integers(1, len(size) + 1))
    y = f.tensor((*size[:axis], len(inputs), *size[axis:]), **q)
    fields = {"axis": axis, "valuesCount": len(inputs)}
    return f.ends(f.operator("PACK", inputs, [y], "PackOptions", **fields))


def _concatenation(rng: Rng) -> File:
    f, size, q = File(), shape(rng), quantized(rng)
    axis, sizes = int(rng.integers(1, len(size))), rng.integers(1, 4, rng.integers(1, 4)).tolist()
    inputs = [f.input((*size[:axis], n, *size[axis + 1 :]), **_moved(f, rng, q)) for n in sizes]
    y = f.tensor((*size[:axis], sum(sizes), *size[axis + 1 :]), **q)
    signed = axis - len(size) if rng.random() < 0.3 else axis
    return f.ends(f.operator("CONCATENATION", inputs, [y], "ConcatenationOptions", axis=signed))


def _gather(rng: Rng) -> File:
    f, size, q = File(), shape(rng), quantized(rng)
    axis, count = int(rng.integers(1, len(size))), int(rng.integers(1, 5))
    x, indices = f.input(size, **q), f.constant(rng.integers(0, size[axis], count))
    y = f.tensor((*size[:axis], count, *size[axis + 1 :]), **_moved(f, rng, q))
    return f.ends(f.operator("GATHER", [x, indices], [y], "GatherOptions", axis=axis))


def _blocks(kind: str) -> Callable[[Rng], File]:
    def draw(rng: Rng) -> File:
        f, q, block = File(), quantized(rng), int(rng.integers(1, 4))
        _, h, w, c = shape(rng, 4, 3)
        wide, deep = (1, h * block, w * block, c), (1, h, w, c * block**2)
        to_depth = kind == "SPACE_TO_DEPTH"
        x = f.input(wide if to_depth else deep, **q)
        y = f.tensor(deep if to_depth else wide, **_moved(f, rng, q))
        options = "SpaceToDepthOptions" if to_depth else "DepthToSpaceOptions"
        return f.ends(f.operator(kind, [x], [y], options, blockSize=block))

    return draw


def _resize(rng: Rng) -> File:
    f, size, q = File(), shape(rng, 4), quantized(rng)
    sizes = [int(n * rng.choice((1, 2, 3))) for n in size[1:3]]
    x, y = f.input(size, **q), f.tensor((1, *sizes, size[3]), **_moved(f, rng, q))
    corners = bool(rng.random() < 0.3)
    fields = {"alignCorners": corners, "halfPixelCenters": not corners and rng.random() < 0.4}
    options = "ResizeNearestNeighborOptions"
    inputs = [x, f.constant(sizes)]
    return f.ends(f.operator("RESIZE_NEAREST_NEIGHBOR", inputs, [y], options, **fields))


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
        "RESHAPE": _reshape("RESHAPE"),
        "EXPAND_DIMS": _reshape("EXPAND_DIMS"),
        "SQUEEZE": _reshape("SQUEEZE"),
        "TRANSPOSE": _transpose,
        "PAD": _pad("PAD"),
        "PADV2": _pad("PADV2"),
        "SLICE": _slice,
        "STRIDED_SLICE": _strided_slice,
        "SPLIT": _split("SPLIT"),
        "SPLIT_V": _split("SPLIT_V"),
        "GATHER": _gather,
        "PACK": _pack,
        "UNPACK": _unpack,
        "SPACE_TO_DEPTH": _blocks("SPACE_TO_DEPTH"),
        "DEPTH_TO_SPACE": _blocks("DEPTH_TO_SPACE"),
        "RESIZE_NEAREST_NEIGHBOR": _resize,
        "CONCATENATION": _concatenation,
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
