"""More random ONNX models of one operator, for `single`: moves, extremes, clamps, float32 steps."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from tests.support.networks.onnx.draw import Draw

Kind = Callable[[Draw], None]
COORDINATES = (
    *("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"),
    *("tf_half_pixel_for_nn", "half_pixel_symmetric", "tf_crop_and_resize"),
)
NEAREST = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


def _image(d: Draw, most: int = 7) -> tuple[int, ...]:
    return d.size(1, 5), d.size(2, most), d.size(2, most)


def _moved(d: Draw, shape: tuple[int, ...], move: Callable[[str], str]) -> None:
    """A move of codes, of real numbers, or of a result that is not quantized yet."""
    dtype, kind = d.dtype(), d.one_of("codes", "real", "pending", "pending")
    if kind == "codes":
        x, _ = d.coded(shape, dtype)
        return d.whole(move(x), dtype)
    real = d.real(shape, dtype)
    if kind == "pending":
        real = d.add("Relu", [d.add("Neg", [real])])
    return d.end(move(real), d.scale, d.one_of(dtype, d.dtype()))


def _blocks(operator: str) -> Kind:
    def draw(d: Draw) -> None:
        block = d.one_of(1, 2, 2, 3)
        channels, height, width = _image(d, 4)
        attributes: dict[str, Any] = {"blocksize": block}
        shape = (channels, height * block, width * block)
        if operator == "DepthToSpace":
            shape = (channels * block**2, height, width)
            attributes["mode"] = d.one_of("DCR", "CRD")
        _moved(d, shape, lambda x: d.add(operator, [x], **attributes))

    return draw


def _resize(d: Draw) -> None:
    channels, height, width = _image(d)
    mode = d.one_of(*COORDINATES)
    attributes = {"coordinate_transformation_mode": mode, "nearest_mode": d.one_of(*NEAREST)}
    factors = [d.one_of(1, 2, 3, 0.5, 1.5, 2.6, 0.7, 5) for _ in range(2)]
    roi = d.constant([0, 0, 0.1, 0.2, 1, 1, 0.8, 1], np.float32) if "crop" in mode else ""
    scales = [1, 1, *factors]
    if d.chance(0.2):
        attributes["axes"], scales = [2, 3], factors
        roi = d.constant([0.1, 0.2, 0.8, 1], np.float32) if roi else ""
    if d.chance(0.5):
        inputs = [roi, d.constant(scales, np.float32)]
    else:
        whole = [1, channels, height, width][-len(scales) :]
        sizes = [max(1, int(n * f)) for n, f in zip(whole, scales, strict=True)]
        inputs = [roi, "", d.constant(sizes, np.int64)]
    _moved(d, (channels, height, width), lambda x: d.add("Resize", [x, *inputs], "", **attributes))


def _upsample(d: Draw) -> None:
    """The operators before opset 11; before opset 10 there is no QuantizeLinear."""
    d.opset = d.one_of(9, 10)
    scales = d.constant([1, 1, d.one_of(1, 2, 3, 1.5), d.one_of(1, 2, 2.5, 0.5)], np.float32)
    shape, dtype = _image(d), np.uint8
    x, q = d.coded(shape, dtype)
    if d.opset == 9:
        return d.whole(d.add("Upsample", [x, scales], mode="nearest"), dtype)
    real = d.add("DequantizeLinear", [x, *q])
    real = d.add("Resize", [real, scales], mode="nearest")
    return d.whole(d.add("QuantizeLinear", [real, *q]), dtype)


def _gather(d: Draw) -> None:
    shape = _image(d)
    axis = d.one_of(1, 2, 3, -1, -2)
    size = (1, *shape)[axis]
    indices = d.random.integers(-size, size, d.one_of((), (1,), (3,), (2, 2)))
    if d.chance(0.3):
        indices = np.arange(size)[:: d.one_of(1, 2, -1)]
    given = d.constant(indices, np.int64)
    _moved(d, shape, lambda x: d.add("Gather", [x, given], axis=axis))


def _tile(d: Draw) -> None:
    times = d.constant([1, d.size(1, 2), d.size(1, 3), d.size(1, 3)], np.int64)
    _moved(d, _image(d, 4), lambda x: d.add("Tile", [x, times]))


def _expand(d: Draw) -> None:
    shape = tuple(d.one_of(1, n) for n in _image(d, 5))
    wanted = [1, *(n if n > 1 else d.size(1, 5) for n in shape)]
    sizes = d.constant(wanted[d.size(0, 3) :], np.int64)
    _moved(d, shape, lambda x: d.add("Expand", [x, sizes]))


def _reduced(operator: str) -> Kind:
    def draw(d: Draw) -> None:
        axes = d.constant(d.one_of([2, 3], [1], [-1], [2], [1, 2, 3], [-1, -2]), np.int64)
        keep = d.size(0, 1)
        _moved(d, _image(d), lambda x: d.add(operator, [x, axes], keepdims=keep))

    return draw


def _extreme(operator: str) -> Kind:
    def draw(d: Draw) -> None:
        shape, dtype = _image(d), d.dtype()
        inputs = [d.real(shape, dtype)]
        for _ in range(d.one_of(1, 1, 2)):
            kind = d.one_of("number", "vector", "other", "pending", "small")
            if kind == "number":
                inputs.append(d.constant(d.random.uniform(-2, 2), np.float32))
            elif kind == "vector":
                inputs.append(d.constant(d.random.uniform(-2, 2, (shape[0], 1, 1)), np.float32))
            else:
                size = (shape[0], 1, 1) if kind == "small" else shape
                other = d.real(size, d.dtype())
                inputs.append(d.add("Neg", [other]) if kind == "pending" else other)
        if d.chance(0.5):
            inputs = inputs[::-1]
        d.end(d.add(operator, inputs), d.scale, dtype)

    return draw


def _clip(d: Draw) -> None:
    dtype, shape = d.dtype(), _image(d)
    real = d.real(shape, dtype)
    before = d.one_of("none", "Relu", "Add", "Conv", "Sigmoid", "MaxPool")
    if before == "Conv":
        codes = d.constant(d.random.integers(-127, 128, (3, shape[0], 1, 1)), np.int8)
        weights = d.add("DequantizeLinear", [codes, d.constant(d.scale_near(0.01), np.float32)])
        real = d.add("Conv", [real, weights])
    elif before == "Add":
        real = d.add("Add", [real, d.real(shape, dtype)])
    elif before == "MaxPool":
        real = d.add("MaxPool", [real], kernel_shape=[2, 2])
    elif before != "none":
        real = d.add(before, [real])
    low, high = sorted(d.random.uniform(-3, 3, 2))
    low, high = d.one_of((low, high), (0, high), (low, 99), (0, 1), (-1, 0), (7, 9), (-50, -40))
    ends = [d.constant(end, np.float32) for end in (low, high)]
    if d.chance(0.3):
        ends[d.size(0, 1)] = ""
    d.end(d.add("Clip", [real, *ends]), 0.03, d.one_of(dtype, d.dtype()))


def _weighted(d: Draw, real: str, channels: int) -> tuple[str, int]:
    """A convolution or none, and the channels after it."""
    if d.chance(0.5):
        return real, channels
    codes = d.constant(d.random.integers(-127, 128, (3, channels, 1, 1)), np.int8)
    scale = d.constant(d.scale_near(0.01), np.float32)
    return d.add("Conv", [real, d.add("DequantizeLinear", [codes, scale])]), 3


def _batch_normalization(d: Draw) -> None:
    dtype, shape = d.dtype(), _image(d)
    real, channels = _weighted(d, d.real(shape, dtype), shape[0])
    ranges = ((0.5, 2), (-1, 1), (-1, 1), (0.3, 3))
    vectors = [d.constant(d.random.uniform(*r, channels), np.float32) for r in ranges]
    if d.chance(0.3):  # factors of any sign
        d.constants[vectors[0]] *= d.random.choice([-1, 1], channels).astype(np.float32)
    result = d.add("BatchNormalization", [real, *vectors])
    if d.chance(0.5):
        result = d.add("Relu", [result])
    d.end(result, 0.037, dtype)


def _steps(d: Draw) -> None:
    """Arithmetic with float32 constants, one or more operators of it."""
    dtype, shape = d.dtype(), _image(d)
    real, channels = _weighted(d, d.real(shape, dtype), shape[0])
    for _ in range(d.one_of(1, 1, 2, 3)):
        size = d.one_of((), (channels, 1, 1), (1, channels, 1, 1))
        numbers = d.random.uniform(0.3, 2, size) * d.one_of(1, 1, -1)
        operator, constant = d.one_of("Add", "Sub", "Mul", "Div"), d.constant(numbers, np.float32)
        pair = [real, constant]
        if operator != "Div" and d.chance(0.4):
            pair.reverse()
        real = d.add(operator, pair)
    if d.chance(0.3):
        real = d.add("Clip", [real, d.constant(-0.3, np.float32), d.constant(2, np.float32)])
    d.end(real, 0.05, dtype)


def _log_softmax(d: Draw) -> None:
    real = d.real((d.size(1, 3), d.size(2, 40)), d.dtype())
    result = d.add("LogSoftmax", [real], axis=d.one_of(1, 2, -1))
    if d.chance(0.5):
        d.outputs[result] = np.dtype(np.float32)
    else:
        d.end(result, 0.05, d.dtype())


def _conv_transpose(d: Draw) -> None:
    rank, groups, depth, out = d.one_of(1, 2, 2), d.one_of(1, 1, 2, 3), d.size(1, 3), d.size(1, 2)
    size, kernel = ([d.size(1, n) for _ in range(rank)] for n in (5, 4))
    stride, dilation = ([d.size(1, n) for _ in range(rank)] for n in (3, 2))
    attributes: dict[str, Any] = {"strides": stride, "dilations": dilation, "group": groups}
    kind = d.one_of("pads", "pads", "SAME_UPPER", "SAME_LOWER", "VALID", "shape")
    if kind == "pads":
        attributes["pads"] = [d.size(0, 1) for _ in range(2 * rank)]
        attributes["output_padding"] = [d.size(0, n - 1) for n in stride]
    elif kind == "shape":
        attributes["output_shape"] = [
            n * s + d.size(0, 1) for n, s in zip(size, stride, strict=True)
        ]
    else:
        attributes["auto_pad"] = kind
    real = d.real((depth * groups, *size), d.dtype())
    shape = (depth * groups, out, *kernel)
    count = d.one_of((), (out,))
    dtype = d.one_of(np.int8, np.uint8)
    span = np.iinfo(dtype).min, np.iinfo(dtype).max + 1
    coded = [d.constant(d.random.integers(*span, shape), dtype)]
    coded.append(d.constant(np.full(count, d.scale_near(0.0123)), np.float32))
    if d.chance(0.5):
        coded.append(d.constant(d.random.integers(*span, count), dtype))
    inputs = [real, d.add("DequantizeLinear", coded, axis=1)]
    if d.chance(0.5):
        inputs.append(d.constant(d.random.uniform(-1, 1, out * groups), np.float32))
    result = d.add("ConvTranspose", inputs, **attributes)
    if d.chance(0.3):
        result = d.add("Relu", [result])
    d.end(result, d.scale * np.sqrt(depth) * 0.9, d.dtype())


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        **{name: _blocks(name) for name in ("DepthToSpace", "SpaceToDepth")},
        "Resize": _resize,
        "Upsample": _upsample,
        "Gather": _gather,
        "Tile": _tile,
        "Expand": _expand,
        **{name: _reduced(name) for name in ("ReduceMax", "ReduceMin")},
        **{name: _extreme(name) for name in ("Max", "Min")},
        "Clip with any bounds": _clip,
        "BatchNormalization": _batch_normalization,
        "steps": _steps,
        "LogSoftmax": _log_softmax,
        "ConvTranspose": _conv_transpose,
    }
)
