"""Reads the attributes of TFLite's operators with windows, and of fully connected layers."""

from typing import Any, TypeVar

import tflite

from ...operators._pool import Pool2d
from ...operators._window import Pair, cropped_window, same_padding
from ...operators.conv2d import Conv2d
from ...operators.depthwise_conv2d import DepthwiseConv2d
from ...operators.fully_connected import FullyConnected
from ...operators.transpose_conv2d import TransposeConv2d
from .spelling import Operands, Options, Results, Unreadable, activation, check_type, shape_of

AnyPool = TypeVar("AnyPool", bound=Pool2d)

LARGEST = 2**15 - 1  # TFLite Micro holds strides, dilations and paddings in 16 bits


def conv2d(options: Options, inputs: Operands, outputs: Results) -> Conv2d:
    check_type(options.QuantizedBiasType(), "a bias")
    return Conv2d(**_convolution(options, inputs))


def depthwise_conv2d(options: Options, inputs: Operands, outputs: Results) -> DepthwiseConv2d:
    """The shapes give the multiplier; the kernel uses the field, which must agree."""
    channels, out = ((1, *shape_of(inputs, index))[-1] for index in (0, 1))
    multiplier = out // max(channels, 1)
    if multiplier * channels == out and options.DepthMultiplier() != multiplier:
        what = f"has depth_multiplier {options.DepthMultiplier()}, but {channels} input channels"
        raise Unreadable(f"{what} and {out} output channels; set it to {multiplier}")
    return DepthwiseConv2d(multiplier=multiplier, **_convolution(options, inputs))


def fully_connected(options: Options, inputs: Operands, outputs: Results) -> FullyConnected:
    if options.WeightsFormat() != tflite.FullyConnectedOptionsWeightsFormat.DEFAULT:
        raise Unreadable(f"has weights in format {options.WeightsFormat()}, not the default one")
    check_type(options.QuantizedBiasType(), "a bias")
    return FullyConnected(activation=activation(options))


def transpose_conv2d(options: Options, inputs: Operands, outputs: Results) -> TransposeConv2d:
    """The padding is that of the convolution from this operator's output to its input."""
    check_type(options.QuantizedBiasType(), "a bias")
    kernel, image = _spatial(shape_of(inputs, 1)), _spatial(outputs[0].shape)
    stride = (options.StrideH(), options.StrideW())
    _check_held("stride", stride)
    padding = _padding(options, image, kernel, stride, (1, 1))
    return TransposeConv2d(
        stride=stride,
        padding=tuple(before for before, _ in padding),
        activation=activation(options),
    )


def pool2d(kind: type[AnyPool], options: Options, inputs: Operands, outputs: Results) -> AnyPool:
    size = (options.FilterHeight(), options.FilterWidth())
    stride = (options.StrideH(), options.StrideW())
    image = _spatial(shape_of(inputs))
    padding = _padding(options, image, size, stride, (1, 1))
    result = _spatial(outputs[0].shape)
    (height, above), (width, beside) = (
        cropped_window(*axis) for axis in zip(image, size, stride, padding, result, strict=True)
    )
    return kind(
        size=(height, width),
        stride=stride,
        padding=(above, beside),
        activation=activation(options),
    )


def _convolution(options: Options, inputs: Operands) -> dict[str, Any]:
    image, kernel = (_spatial(shape_of(inputs, index)) for index in (0, 1))
    stride = (options.StrideH(), options.StrideW())
    dilation = (options.DilationHFactor(), options.DilationWFactor())
    _check_held("stride", stride)
    _check_held("dilation", dilation)
    return {
        "stride": stride,
        "dilation": dilation,
        "padding": _padding(options, image, kernel, stride, dilation),
        "activation": activation(options),
    }


def _spatial(shape: tuple[int, ...]) -> Pair:
    """Height and width of a channels-last shape; any other is refused by the operator's check."""
    return (shape[1], shape[2]) if len(shape) == 4 else (1, 1)


def _padding(options: Options, image: Pair, kernel: Pair, stride: Pair, dilation: Pair) -> Any:
    if options.Padding() == tflite.Padding.VALID:
        return ((0, 0), (0, 0))
    if options.Padding() != tflite.Padding.SAME:
        raise Unreadable(f"has an unknown padding {options.Padding()}")
    by_axis = zip(image, kernel, stride, dilation, strict=True)
    padding = tuple(same_padding(n, k, max(s, 1), max(d, 1)) for n, k, s, d in by_axis)
    _check_held("padding", tuple(before for before, _ in padding))
    return padding


def _check_held(what: str, numbers: tuple[int, ...]) -> None:
    """Refuse numbers that the runtime cuts off: its window would lie elsewhere."""
    if max(numbers) > LARGEST:
        problem = f"has a {what} of {max(numbers)}, more than the {LARGEST} that TFLite Micro holds"
        raise Unreadable(f"{problem}; use a smaller one")
