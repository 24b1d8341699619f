"""How TFLite spells our operators: one row of ``SPELLINGS`` for each of its operators."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import tflite

from ..ir import Tensor
from ..operators._window import Pair, same_padding
from ..operators.average_pool2d import AveragePool2d
from ..operators.conv2d import Conv2d
from ..operators.depthwise_conv2d import DepthwiseConv2d
from ..operators.dequantize import Dequantize
from ..operators.fully_connected import FullyConnected
from ..operators.pad import Pad
from ..operators.quantize import Quantize
from ..operators.reshape import Reshape
from ..operators.softmax import Softmax

Options = Any  # an object of one of the tflite package's options classes
Operands = tuple[Tensor | None, ...]

ACTIVATIONS = {
    code: name.lower()
    for name, code in vars(tflite.ActivationFunctionType).items()
    if isinstance(code, int)
}


class Unreadable(Exception):
    """An operator whose options or constants make no sense; the message says what."""


@dataclass(frozen=True)
class Spelling:
    """One TFLite operator: ours, its options class (None if it needs none), and how to read it.

    ``attributes(options, inputs, outputs)`` returns our operator's attributes or raises
    ``Unreadable``. Of the inputs the first ``operands`` are the node's own, padded with None; the
    others are constants that went into the attributes.
    """

    operator: str
    options: type | None
    attributes: Callable[[Options, Operands, Operands], Any]
    operands: int = 1


def _activation(options: Options) -> str:
    code = options.FusedActivationFunction()
    return ACTIVATIONS.get(code, f"number {code}")


def _spatial(shape: tuple[int, ...]) -> Pair:
    """Height and width of a channels-last shape; of any other the check will complain."""
    return (shape[1], shape[2]) if len(shape) == 4 else (1, 1)


def _padding(options: Options, image: Pair, kernel: Pair, stride: Pair, dilation: Pair) -> Any:
    if options.Padding() == tflite.Padding.VALID:
        return ((0, 0), (0, 0))
    if options.Padding() != tflite.Padding.SAME:
        raise Unreadable(f"has an unknown padding {options.Padding()}")
    axes = zip(image, kernel, stride, dilation, strict=True)
    return tuple(same_padding(n, k, max(s, 1), max(d, 1)) for n, k, s, d in axes)


def _convolution(options: Options, inputs: Operands) -> dict[str, Any]:
    image, kernel = (_spatial(tensor.shape) for tensor in inputs[:2])
    stride = (options.StrideH(), options.StrideW())
    dilation = (options.DilationHFactor(), options.DilationWFactor())
    return {
        "stride": stride,
        "dilation": dilation,
        "padding": _padding(options, image, kernel, stride, dilation),
        "activation": _activation(options),
    }


def _conv2d(options: Options, inputs: Operands, outputs: Operands) -> Conv2d:
    return Conv2d(**_convolution(options, inputs))


def _depthwise(options: Options, inputs: Operands, outputs: Operands) -> DepthwiseConv2d:
    # The field DepthMultiplier is redundant, and converters have written 0: kernels use the shapes.
    channels = inputs[0].shape[-1] if inputs[0].shape else 1
    multiplier = (inputs[1].shape[-1] if inputs[1].shape else 1) // max(channels, 1)
    return DepthwiseConv2d(multiplier=multiplier, **_convolution(options, inputs))


def _fully_connected(options: Options, inputs: Operands, outputs: Operands) -> FullyConnected:
    if options.WeightsFormat() != tflite.FullyConnectedOptionsWeightsFormat.DEFAULT:
        raise Unreadable(f"has weights in format {options.WeightsFormat()}, not the default one")
    return FullyConnected(activation=_activation(options))


def _average_pool(options: Options, inputs: Operands, outputs: Operands) -> AveragePool2d:
    size = (options.FilterHeight(), options.FilterWidth())
    stride = (options.StrideH(), options.StrideW())
    image = _spatial(inputs[0].shape)
    padding = _padding(options, image, size, stride, (1, 1))
    return AveragePool2d(size=size, stride=stride, padding=padding, activation=_activation(options))


def _softmax(options: Options, inputs: Operands, outputs: Operands) -> Softmax:
    return Softmax(beta=options.Beta())


def _pad(options: Options, inputs: Operands, outputs: Operands) -> Pad:
    amounts = inputs[1] if len(inputs) > 1 else None
    if amounts is None or not amounts.constant or amounts.dtype not in ("int32", "int64"):
        raise Unreadable("has amounts that are no constant integers")
    if amounts.shape != (len(inputs[0].shape), 2):
        raise Unreadable(f"has amounts of shape {amounts.shape}")
    value = inputs[2] if len(inputs) > 2 else None
    if value is not None and not (value.constant and value.dtype == "int8" and value.size == 1):
        raise Unreadable("has a value to pad with that is no constant int8 number")
    pairs = tuple((int(before), int(after)) for before, after in amounts.data)
    return Pad(amounts=pairs, value=_zero(outputs[0]) if value is None else int(value.data.item()))


def _zero(tensor: Tensor) -> int:
    """The code of the real number 0."""
    return tensor.quantization.zero_point[0] if tensor.quantization else 0


SPELLINGS: Mapping[str, Spelling] = MappingProxyType(
    {
        "CONV_2D": Spelling("conv2d", tflite.Conv2DOptions, _conv2d, 3),
        "DEPTHWISE_CONV_2D": Spelling(
            "depthwise_conv2d", tflite.DepthwiseConv2DOptions, _depthwise, 3
        ),
        "FULLY_CONNECTED": Spelling(
            "fully_connected", tflite.FullyConnectedOptions, _fully_connected, 3
        ),
        "AVERAGE_POOL_2D": Spelling("average_pool2d", tflite.Pool2DOptions, _average_pool),
        "RESHAPE": Spelling("reshape", None, lambda *_: Reshape()),
        "SOFTMAX": Spelling("softmax", tflite.SoftmaxOptions, _softmax),
        "PAD": Spelling("pad", None, _pad),
        "PADV2": Spelling("pad", None, _pad),
        "QUANTIZE": Spelling("quantize", None, lambda *_: Quantize()),
        "DEQUANTIZE": Spelling("dequantize", None, lambda *_: Dequantize()),
    }
)
