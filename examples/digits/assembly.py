"""A quantized network, put together node by node, as TFLite quantizes: asymmetric int8 activations,
symmetric weights with a scale for each output channel (one for all in a fully connected layer),
int32 biases."""

from types import MappingProxyType
from typing import Any

import numpy as np

from accel.compiler.graph.verify import verify
from accel.compiler.ir.graph import Graph, Node, Quantization, State, Tensor

LARGEST = {"int8": 127, "int4": 7}


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


def activation_quantization(values: np.ndarray) -> Quantization:
    """Cover the range of ``values``, 0 included, with 256 codes."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    scale = float(np.float32((high - low) / 255))
    zero_point = int(np.clip(round(-128 - low / scale), -128, 127))
    return Quantization(scale=(scale,), zero_point=(zero_point,))


class Assembly:
    """Collects tensors, nodes and states; each node reads the tensor added last."""

    def __init__(self, name: str, shape: tuple[int, ...], q: Quantization) -> None:
        """With the input of the network."""
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        self.states: list[State] = []
        self.input = name
        self.add(Tensor(name=name, shape=shape, dtype="int8", quantization=q))

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

    def graph(self, name: str) -> Graph:
        """The network, whose output is the tensor added last."""
        result = Graph(
            name=name,
            tensors=MappingProxyType(self.tensors),
            nodes=tuple(self.nodes),
            inputs=(self.input,),
            outputs=(self.last.name,),
            states=tuple(self.states),
        )
        verify(result)
        return result
