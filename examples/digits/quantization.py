"""The digits network with integer weights and activations, see `assembly`."""

import numpy as np
from assembly import Assembly, activation_quantization, channel_axis, weight_codes
from network import CONVOLUTIONS, Convolution, Params, forward

from accel.compiler.ir.graph import Graph, Quantization
from accel.compiler.operators.average_pool2d import AveragePool2d
from accel.compiler.operators.conv2d import Conv2d
from accel.compiler.operators.depthwise_conv2d import DepthwiseConv2d
from accel.compiler.operators.fully_connected import FullyConnected
from accel.compiler.operators.reshape import Reshape
from accel.compiler.operators.softmax import Softmax

INPUT = Quantization(scale=(1 / 128,), zero_point=(-128,))  # of pixels 0..1
SOFTMAX_OUTPUT = Quantization(scale=(1 / 256,), zero_point=(-128,))


def input_codes(pixels: np.ndarray) -> np.ndarray:
    """int8 codes of scikit-learn's pixels 0..16: ``8 * pixel - 128``; the code's real value is
    pixel / 16."""
    return (8 * pixels.astype(np.int16) - 128).astype(np.int8)


def rounded(params: Params, dtype: str) -> Params:
    """Params as they are after quantization to ``dtype`` and back."""
    result = []
    for weights, bias in params:
        codes, scales = weight_codes(weights, dtype)
        shape = [1] * weights.ndim
        shape[channel_axis(weights)] = len(scales)
        result.append((codes * scales.astype(np.float64).reshape(shape), bias))
    return result


def convolution_attributes(layer: Convolution) -> Conv2d | DepthwiseConv2d:
    kind = DepthwiseConv2d if layer.depthwise else Conv2d
    stride, padding = (layer.stride,) * 2, (layer.padding,) * 2
    return kind(stride=stride, padding=padding, activation="relu")


def quantize(params: Params, calibration: np.ndarray, dtype: str) -> Graph:
    """Return the int8 network, with weights of ``dtype``; ranges come from ``calibration``
    images."""
    _, *outputs, features, logits = forward(rounded(params, dtype), calibration)
    graph = Assembly("image", (1, *calibration.shape[1:]), INPUT)
    for layer, pair, values in zip(CONVOLUTIONS, params, outputs, strict=False):
        q, shape = activation_quantization(values), (1, *values.shape[1:])
        names = graph.constants(layer.name, pair, dtype)
        operator = "depthwise_conv2d" if layer.depthwise else "conv2d"
        graph.node(layer.name, operator, convolution_attributes(layer), shape, q, names)
    size, depth = outputs[-1].shape[1:3], features.shape[1]
    pooled = graph.quantization
    pool = AveragePool2d(size=size, stride=size)
    graph.node("pool", "average_pool2d", pool, (1, 1, 1, depth), pooled)
    graph.node("flatten", "reshape", Reshape(), (1, depth), pooled)
    names = graph.constants("dense", params[-1], dtype)
    shape, q = (1, logits.shape[1]), activation_quantization(logits)
    graph.node("dense", "fully_connected", FullyConnected(), shape, q, names)
    graph.node("probabilities", "softmax", Softmax(), shape, SOFTMAX_OUTPUT)
    return graph.graph(f"digits_{dtype}")
