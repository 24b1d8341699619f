"""Convolutions of ONNX files."""

from dataclasses import replace
from typing import Any

import numpy as np

from ....operators._activation import FusedActivation
from ....operators._window import extent
from ....operators.conv2d import Conv2d
from ....operators.depthwise_conv2d import DepthwiseConv2d
from ....operators.float_conv2d import FloatConv2d
from ....operators.pad import Pad
from ..builder import Builder, Unreadable
from ..codes import finished, quantizer
from ..values import Activation, Dequantized, Pending, Value, arranged, channels_last
from ..windows import Windows, channels_first, image, in_file_order, windows
from .float_sums import FloatForm
from .linear import linear, viewed_as
from .weights import code_weights, weights_of


def as_images(b: Builder, x: Activation, weights: Dequantized) -> tuple[Activation, Dequantized]:
    """Input and weights of a convolution of one or two dimensions, as of one of two."""
    rank = len(x.shape)
    if len(weights.shape) != rank or rank not in (3, 4):
        shapes = f"weights of {weights.shape} for an input of {x.shape}"
        raise Unreadable(f"has {shapes}", "", "use convolutions of one or two dimensions")
    if rank == 3:
        weights = weights.mapped(lambda a: a[:, :, np.newaxis])
    return b.channels_last(image(b, x)), weights


def convolution(
    b: Builder, x: Activation, weights: Dequantized, bias: Value | None, integers: bool
) -> Pending:
    rank = len(x.shape)
    source, weights = as_images(b, x, weights)
    out, depth, *kernel = weights.shape
    channels, groups = source.shape[1], b.attribute("group", 1)
    if groups < 1 or channels != depth * groups or out % groups:
        what = f"has {groups} groups, weights of {weights.shape} and {channels} input channels"
        raise Unreadable(what)
    given = b.attribute("kernel_shape", tuple(kernel[4 - rank :]))
    if tuple(given) != tuple(kernel[4 - rank :]):
        raise Unreadable(f"has kernel_shape {list(given)} and weights of {weights.shape}")
    w = windows(b, source.shape[2:], given, rank, convolution=True)
    shape = (source.shape[0], out, *w.output)
    shortcuts = w.stride == (1, 1) and not any(map(any, w.padding))
    source, w = _padded(b, source, w)
    real = weights.four_bits and not integers
    float_form = _in_float32(w, weights, groups, shortcuts) if real else None
    depthwise = groups == channels and groups > 1
    if groups > 1 and not depthwise:
        b.spend(weights.codes.size * groups)
        weights = _ungrouped(weights, groups)

    def form(codes: np.ndarray, activation: FusedActivation) -> tuple[str, Any, np.ndarray, int]:
        if depthwise:
            depthwise_window = DepthwiseConv2d(
                stride=w.stride,
                padding=w.padding,
                dilation=w.dilation,
                multiplier=out // groups,
                activation=activation,
            )
            return "depthwise_conv2d", depthwise_window, codes.transpose(1, 2, 3, 0), 3
        window = Conv2d(
            stride=w.stride, padding=w.padding, dilation=w.dilation, activation=activation
        )
        return "conv2d", window, codes.transpose(0, 2, 3, 1), 0

    layout = channels_last(4)
    pending = linear(
        b, source, weights, bias, shape, layout, form, integers, real=real, float_form=float_form
    )
    return pending if rank == 4 else viewed_as(b, pending, (shape[0], out, w.output[1]))


def _padded(b: Builder, x: Activation, w: Windows) -> tuple[Activation, Windows]:
    """The input with the padding that windows can lie in altogether, which is no convolution's."""
    reach = [extent(k, d) for k, d in zip(w.kernel, w.dilation, strict=True)]
    beyond = tuple(
        (max(0, before - r + 1), max(0, after - r + 1))
        for (before, after), r in zip(w.padding, reach, strict=True)
    )
    if not any(map(any, beyond)):
        return x, w
    (above, below), (left, right) = beyond
    batch, channels, height, width = x.shape
    shape = (batch, channels, height + above + below, width + left + right)
    amounts = ((0, 0), *beyond, (0, 0))
    attributes = Pad(amounts=amounts, value=b.known_quantizer(x.tensor).zero_point)
    tensor = b.moved("pad", attributes, x.tensor, arranged(shape, x.layout))
    (top, bottom), (before, after) = w.padding
    rest = ((top - above, bottom - below), (before - left, after - right))
    return replace(x, tensor=tensor, shape=shape), replace(w, padding=rest)


def _in_float32(w: Windows, weights: Dequantized, groups: int, shortcuts: bool) -> FloatForm:
    attributes = FloatConv2d(
        stride=w.stride,
        padding=w.padding,
        dilation=w.dilation,
        groups=groups,
        shortcuts=shortcuts,
    )
    products = weights.codes.size * w.output[0] * w.output[1]
    return FloatForm("float_conv2d", attributes, weights, products)


def _ungrouped(weights: Dequantized, groups: int) -> Dequantized:
    """Weights of groups as those of one convolution, with zeros outside a channel's own group."""
    out, depth = weights.shape[:2]

    def spread(values: np.ndarray, fill: np.ndarray) -> np.ndarray:
        whole = np.broadcast_to(fill[:, :1], (out, depth * groups, *weights.shape[2:])).copy()
        for group in range(groups):
            rows = slice(group * out // groups, (group + 1) * out // groups)
            whole[rows, group * depth : (group + 1) * depth] = values[rows]
        return whole

    return Dequantized(
        spread(weights.codes, weights.zero_point.astype(weights.codes.dtype)),
        spread(weights.scale, weights.scale),
        spread(weights.zero_point, weights.zero_point),
    )


def conv(b: Builder) -> list[Value]:
    return [convolution(b, b.numbers(0), weights_of(b, 1), b.value(2), integers=False)]


def qlinear_conv(b: Builder) -> list[Value]:
    x = channels_first(b, b.codes(0, quantizer(b, 1, 2)))
    pending = convolution(b, x, code_weights(b, 3, 0), b.value(8), integers=True)
    return [in_file_order(b, finished(b, pending, quantizer(b, 6, 7)))]


READERS = {
    "Conv": ("conv2d", conv),
    "QLinearConv": ("conv2d", qlinear_conv),
    "com.microsoft.QLinearConv": ("conv2d", qlinear_conv),
}
