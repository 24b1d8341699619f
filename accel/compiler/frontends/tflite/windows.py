"""Reads the attributes of TFLite's operators with windows, and of fully connected layers."""

from typing import Any, TypeVar

import tflite

from ...operators._pool import Pool2d
from ...operators._window import Pair, same_padding, touched
from ...operators.conv2d import Conv2d
from ...operators.depthwise_conv2d import DepthwiseConv2d
from ...operators.fully_connected import FullyConnected
from ...operators.transpose_conv2d import TransposeConv2d
from .spelling import Operands, Options, Unreadable, activation, check_type

AnyPool = TypeVar("AnyPool", bound=Pool2d)


def conv2d(options: Options, inputs: Operands, outputs: Operands) -> Conv2d:
    check_type(options.QuantizedBiasType(), "a bias")
    return Conv2d(**_convolution(options, inputs))


def depthwise_conv2d(options: Options, inputs: Operands, outputs: Operands) -> DepthwiseConv2d:
    """The shapes give the multiplier, and its field says it again, which is what the kernel counts by."""
    channels, out = (tensor.shape[-1] if tensor.shape else 1 for tensor in inputs[:2])
    multiplier = out // max(channels, 1)
    if multiplier * channels == out and options.DepthMultiplier() != multiplier:
        what = f"has depth_multiplier {options.DepthMultiplier()}, but {channels} input channels"
        raise Unreadable(f"{what} and {out} output channels; set it to {multiplier}")
    return DepthwiseConv2d(multiplier=multiplier, **_convolution(options, inputs))


def fully_connected(options: Options, inputs: Operands, outputs: Operands) -> FullyConnected:
    if options.WeightsFormat() != tflite.FullyConnectedOptionsWeightsFormat.DEFAULT:
        raise Unreadable(f"has weights in format {options.WeightsFormat()}, not the default one")
    check_type(options.QuantizedBiasType(), "a bias")
    return FullyConnected(activation=activation(options))


def transpose_conv2d(options: Options, inputs: Operands, outputs: Operands) -> TransposeConv2d:
    """The padding is that of the convolution which would make the input of the output."""
    check_type(options.QuantizedBiasType(), "a bias")
    kernel, image = (_spatial(tensor.shape) for tensor in (inputs[1], outputs[0]))
    stride = (options.StrideH(), options.StrideW())
    padding = _padding(options, image, kernel, stride, (1, 1))
    return TransposeConv2d(
        stride=stride,
        padding=tuple(before for before, _ in padding),
        activation=activation(options),
    )


def pool2d(kind: type[AnyPool], options: Options, inputs: Operands, outputs: Operands) -> AnyPool:
    size = (options.FilterHeight(), options.FilterWidth())
    stride = (options.StrideH(), options.StrideW())
    image = _spatial(inputs[0].shape)
    padding = _padding(options, image, size, stride, (1, 1))
    outputs = _spatial(outputs[0].shape)
    axes = zip(image, size, stride, padding, outputs, strict=True)
    size, padding = zip(*(touched(*axis) for axis in axes), strict=True)
    return kind(size=size, stride=stride, padding=padding, activation=activation(options))


def _convolution(options: Options, inputs: Operands) -> dict[str, Any]:
    image, kernel = (_spatial(tensor.shape) for tensor in inputs[:2])
    stride = (options.StrideH(), options.StrideW())
    dilation = (options.DilationHFactor(), options.DilationWFactor())
    return {
        "stride": stride,
        "dilation": dilation,
        "padding": _padding(options, image, kernel, stride, dilation),
        "activation": activation(options),
    }


def _spatial(shape: tuple[int, ...]) -> Pair:
    """Height and width of a channels-last shape; of any other the check will complain."""
    return (shape[1], shape[2]) if len(shape) == 4 else (1, 1)


def _padding(options: Options, image: Pair, kernel: Pair, stride: Pair, dilation: Pair) -> Any:
    if options.Padding() == tflite.Padding.VALID:
        return ((0, 0), (0, 0))
    if options.Padding() != tflite.Padding.SAME:
        raise Unreadable(f"has an unknown padding {options.Padding()}")
    by_axis = zip(image, kernel, stride, dilation, strict=True)
    return tuple(same_padding(n, k, max(s, 1), max(d, 1)) for n, k, s, d in by_axis)
