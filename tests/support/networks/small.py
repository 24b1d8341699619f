"""Small networks that are always the same, for tests of what is around operators."""

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from accel.compiler.graph.verify import verify
from accel.compiler.ir.graph import Graph, Node, Quantization, Tensor
from accel.compiler.operators.conv2d import Conv2d
from accel.compiler.operators.depthwise_conv2d import DepthwiseConv2d
from accel.compiler.operators.fully_connected import FullyConnected
from accel.compiler.operators.maximum import Maximum
from tests.support.networks.tflite.operators import per_tensor

SHAPE = (1, 5, 6, 4)
CODES = per_tensor(0.5, -7)
SUMS = per_tensor(2.5, 11)  # what a convolution's output needs
_KEEP = ("pad", "reshape", "average_pool2d")  # their output is quantized as their input


class Chain:
    """Grows a graph from the input ``x``; node ``n0`` writes tensor ``t0``, and so on."""

    def __init__(self, shape: tuple[int, ...] = SHAPE, dtype: str = "int8"):
        self.random = np.random.default_rng(2026)
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        self.last = self._tensor("x", shape, dtype)

    def _tensor(self, name: str, shape: tuple, dtype: str, q: Quantization = CODES) -> Tensor:
        q = None if dtype == "float32" else q
        self.tensors[name] = Tensor(name=name, shape=shape, dtype=dtype, quantization=q)
        return self.tensors[name]

    def add(
        self,
        operator: str,
        attributes: Any,
        shape: tuple[int, ...] | None = None,
        dtype: str = "int8",
        constants: tuple[str, ...] = (),
        q: Quantization = CODES,
    ) -> "Chain":
        """Add a node that reads the last tensor; its output has that one's shape if not another."""
        index, source = len(self.nodes), self.last
        if operator in _KEEP:
            q = source.quantization
        self.last = self._tensor(f"t{index}", shape or source.shape, dtype, q)
        node = Node(
            name=f"n{index}",
            operator=operator,
            inputs=(source.name, *constants),
            outputs=(self.last.name,),
            attributes=attributes,
            source=operator.upper(),
        )
        self.nodes.append(node)
        return self

    def convolution(
        self, channels: int = 4, padding: tuple = ((1, 1), (1, 1)), depthwise: bool = False
    ) -> "Chain":
        """Add a 3x3 convolution."""
        _, height, width, depth = self.last.shape
        channels = depth if depthwise else channels
        weights = self._weights((1 if depthwise else channels, 3, 3, depth), channels)
        sizes = (n + sum(pad) - 2 for n, pad in zip((height, width), padding, strict=True))
        kind = ("depthwise_conv2d", DepthwiseConv2d) if depthwise else ("conv2d", Conv2d)
        shape = (1, *sizes, channels)
        return self.add(kind[0], kind[1](padding=padding), shape, constants=weights, q=SUMS)

    def fully_connected(self, channels: int, rows: bool = False) -> "Chain":
        """Add one over all values, or over those of each position."""
        shape = self.last.shape
        weights = self._weights((channels, shape[-1] if rows else self.last.size), channels)
        shape = (*shape[:-1], channels) if rows else (1, channels)
        return self.add("fully_connected", FullyConnected(), shape, constants=weights, q=SUMS)

    def _weights(self, shape: tuple[int, ...], channels: int) -> tuple[str, str]:
        """Random weights and biases of the next node; their names."""
        names = f"w{len(self.nodes)}", f"b{len(self.nodes)}"
        weights = self.random.integers(-127, 128, shape).astype(np.int8)
        bias = self.random.integers(-3000, 3000, channels).astype(np.int32)
        scales = per_tensor(0.01, 0), None
        for name, data, q in zip(names, (weights, bias), scales, strict=True):
            dtype = str(data.dtype)
            self.tensors[name] = Tensor(
                name=name, shape=data.shape, dtype=dtype, quantization=q, data=data
            )
        return names

    def graph(self, outputs: tuple[str, ...] = (), inputs: tuple[str, ...] = ("x",)) -> Graph:
        graph = Graph(
            name="small",
            tensors=MappingProxyType(dict(self.tensors)),
            nodes=tuple(self.nodes),
            inputs=inputs,
            outputs=outputs or (self.last.name,),
        )
        verify(graph)
        return graph


def two_convolutions() -> Graph:
    """Of 3x3 and four channels each."""
    return Chain().convolution().convolution().graph()


def overwriting() -> Graph:
    """The same, and the maximum with the input: the output is written where the input was."""
    chain = Chain()
    chain.last = chain.tensors["x"] = replace(chain.last, quantization=SUMS)
    chain.convolution().convolution()
    return chain.add("maximum", Maximum(), constants=("x",), q=SUMS).graph()


def images(count: int) -> np.ndarray:
    """int8 ``[count, ...]`` of ``SHAPE``, no two alike."""
    return np.random.default_rng(7).integers(-128, 128, (count, *SHAPE[1:])).astype(np.int8)
