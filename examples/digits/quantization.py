"""Post-training quantization as TFLite does it: asymmetric int8 activations, symmetric weights with
a scale for each output channel (one for all in the fully connected layer), int32 biases."""

from types import MappingProxyType
from typing import Any

import numpy as np
from network import CONVOLUTIONS, Convolution, Params, forward

from accel.compiler.graph.verify import verify
from accel.compiler.ir.graph import Graph, Node, Quantization, Tensor
from accel.compiler.operators.average_pool2d import AveragePool2d
from accel.compiler.operators.conv2d import Conv2d
from accel.compiler.operators.depthwise_conv2d import DepthwiseConv2d
from accel.compiler.operators.fully_connected import FullyConnected
from accel.compiler.operators.reshape import Reshape
from accel.compiler.operators.softmax import Softmax

LARGEST = {"int8": 127, "int4": 7}
INPUT = Quantization(scale=(1 / 128,), zero_point=(-128,))  # of pixels 0..1
SOFTMAX_OUTPUT = Quantization(scale=(1 / 256,), zero_point=(-128,))


def input_codes(pixels: np.ndarray) -> np.ndarray:
    """int8 codes of scikit-learn's pixels 0..16: ``8 * pixel - 128``; the code's real value is
    pixel / 16."""
    return (8 * pixels.astype(np.int16) - 128).astype(np.int8)


def channel_axis(weights: np.ndarray) -> int:
    """The dimension of output channels; a depthwise kernel has it last."""
    return 3 if weights.ndim == 4 and weights.shape[0] == 1 else 0


def weight_scales(weights: np.ndarray, dtype: str) -> np.ndarray:
    """Return float32 scales: one for each channel of a convolution, else one."""
    axis = channel_axis(weights)
    others = tuple(i for i in range(weights.ndim) if i != axis or weights.ndim == 2)
    largest = np.abs(weights).max(axis=others)
    return (np.maximum(np.atleast_1d(largest), 1e-6) / LARGEST[dtype]).astype(np.float32)


def weight_codes(weights: np.ndarray, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Return int8 codes and their scales."""
    scales, limit = weight_scales(weights, dtype), LARGEST[dtype]
    shape = [1] * weights.ndim
    shape[channel_axis(weights)] = len(scales)
    codes = np.round(weights / scales.astype(np.float64).reshape(shape))
    return np.clip(codes, -limit, limit).astype(np.int8), scales


def rounded(params: Params, dtype: str) -> Params:
    """Params as they are after quantization to ``dtype`` and back."""
    result = []
    for weights, bias in params:
        codes, scales = weight_codes(weights, dtype)
        shape = [1] * weights.ndim
        shape[channel_axis(weights)] = len(scales)
        result.append((codes * scales.astype(np.float64).reshape(shape), bias))
    return result


def activation_quantization(values: np.ndarray) -> Quantization:
    """Cover the range of ``values``, 0 included, with 256 codes."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    scale = float(np.float32((high - low) / 255))
    zero_point = int(np.clip(round(-128 - low / scale), -128, 127))
    return Quantization(scale=(scale,), zero_point=(zero_point,))


class Assembly:
    """Collects tensors and nodes; each node reads the tensor added last."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        self.add(Tensor(name="image", shape=shape, dtype="int8", quantization=INPUT))

    def add(self, tensor: Tensor) -> None:
        self.tensors[tensor.name] = self.last = tensor

    def node(
        self,
        name: str,
        operator: str,
        attributes: Any,
        shape: tuple[int, ...],
        q: Quantization,
        constants: tuple[str, ...] = (),
    ) -> None:
        inputs = (self.last.name, *constants)
        self.add(Tensor(name=name, shape=shape, dtype="int8", quantization=q))
        self.nodes.append(
            Node(
                name=name, operator=operator, inputs=inputs, outputs=(name,), attributes=attributes
            )
        )

    @property
    def quantization(self) -> Quantization:
        """That of the last activations."""
        assert self.last.quantization is not None
        return self.last.quantization

    def constants(self, name: str, params: tuple, dtype: str) -> tuple[str, str]:
        """Add quantized weights and biases; return their names."""
        weights, bias = params
        codes, scales = weight_codes(weights, dtype)
        sums = (np.float32(self.quantization.scale[0]) * scales).astype(np.float32)
        bias_codes = np.round(bias / sums.astype(np.float64)).astype(np.int32)
        axis = channel_axis(weights) if len(scales) > 1 else 0
        for part, data, kind, scale, dim in (
            ("weights", codes, dtype, scales, axis),
            ("bias", bias_codes, "int32", sums, 0),
        ):
            zeros = (0,) * len(scale)
            q = Quantization(scale=tuple(scale.tolist()), zero_point=zeros, axis=dim)
            full = f"{name}/{part}"
            tensor = Tensor(name=full, shape=data.shape, dtype=kind, quantization=q, data=data)
            self.tensors[full] = tensor
        return f"{name}/weights", f"{name}/bias"


def convolution_attributes(layer: Convolution) -> Conv2d | DepthwiseConv2d:
    kind = DepthwiseConv2d if layer.depthwise else Conv2d
    stride, padding = (layer.stride,) * 2, (layer.padding,) * 2
    return kind(stride=stride, padding=padding, activation="relu")


def quantize(params: Params, calibration: np.ndarray, dtype: str) -> Graph:
    """Return the int8 network, with weights of ``dtype``; ranges come from ``calibration``
    images."""
    _, *outputs, features, logits = forward(rounded(params, dtype), calibration)
    graph = Assembly((1, *calibration.shape[1:]))
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
    result = Graph(
        name=f"digits_{dtype}",
        tensors=MappingProxyType(graph.tensors),
        nodes=tuple(graph.nodes),
        inputs=("image",),
        outputs=("probabilities",),
    )
    verify(result)
    return result
