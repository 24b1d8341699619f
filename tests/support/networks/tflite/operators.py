"""Random networks that TFLite Micro can run: Hypothesis strategies, one for each operator.

A strategy draws the structure (shapes, strides, scales, ...) and a seed; the seed fills the
constants, so that examples stay small.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from hypothesis import strategies as st

from accel.compiler.graph.verify import verify
from accel.compiler.ir.graph import Graph, Node, Quantization, Tensor
from accel.compiler.operators.average_pool2d import AveragePool2d
from accel.compiler.operators.conv2d import Conv2d
from accel.compiler.operators.depthwise_conv2d import DepthwiseConv2d
from accel.compiler.operators.dequantize import Dequantize
from accel.compiler.operators.fully_connected import FullyConnected
from accel.compiler.operators.pad import Pad
from accel.compiler.operators.quantize import Quantize
from accel.compiler.operators.reshape import Reshape
from accel.compiler.operators.softmax import Softmax
from accel.compiler.tflite_export.operators import ROWS
from tests.support.networks.tflite.drawn_window import Draw, drawn_window, pair

SEEDS = st.integers(0, 2**32 - 1)


@dataclass(frozen=True)
class Style:
    """Where quantization is drawn from. ``misfit`` is added to the bits by which an output's range
    exceeds its sums; ``bias`` is in output codes."""

    activations: st.SearchStrategy[str]
    zero_points: st.SearchStrategy[int]
    scales: st.SearchStrategy[float]
    misfit: st.SearchStrategy[int]
    bias: st.SearchStrategy[int]


WILD = Style(
    activations=st.sampled_from(("none", "none", "relu", "relu", "relu6", "relu_n1_to_1")),
    zero_points=st.sampled_from((-128, 0, 127)) | st.integers(-128, 127) | st.integers(-40, 40),
    scales=st.floats(2**-8, 2.0, width=32),
    misfit=st.sampled_from((0, 0, 1, -1, 2, 4, -4, -12)),
    bias=st.sampled_from((0, 1, 32, 128, 1024)),
)
TRAINED = Style(  # as in trained networks: outputs use their range, so that chains stay lively
    activations=st.sampled_from(("none", "none", "relu")),
    zero_points=st.integers(-30, 30),
    scales=st.floats(2**-6, 2**-4, width=32),
    misfit=st.just(0),
    bias=st.sampled_from((0, 32)),
)


class Builder:
    """Grows a graph node by node, from one int8 input or several."""

    def __init__(
        self,
        draw: Draw,
        shape: tuple[int, ...],
        dtype: str = "int8",
        style: Style = WILD,
        q: Quantization | None = None,
    ) -> None:
        self.draw = draw
        self.style = style
        self.random = np.random.default_rng(draw(SEEDS))
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        self.inputs: list[str] = []
        self.input(shape, (q or self.quantization()) if dtype == "int8" else None, dtype)

    def quantization(self) -> Quantization:
        return per_tensor(self.draw(self.style.scales), self.draw(self.style.zero_points))

    def input(self, shape: tuple[int, ...], q: Quantization | None, dtype: str = "int8") -> Tensor:
        """Add an input, which becomes the last tensor."""
        name = f"input_{len(self.inputs)}" if self.inputs else "input"
        self.inputs.append(name)
        return self.add(Tensor(name=name, shape=shape, dtype=dtype, quantization=q))

    def add(self, tensor: Tensor) -> Tensor:
        self.tensors[tensor.name] = self.last = tensor
        return tensor

    def constant(self, name: str, data: np.ndarray, dtype: str, q: Quantization) -> str:
        name = f"{name}_{len(self.nodes)}"
        tensor = Tensor(name=name, shape=data.shape, dtype=dtype, quantization=q, data=data)
        self.tensors[name] = tensor
        return name

    def node(
        self,
        operator: str,
        attributes: Any,
        shape: tuple[int, ...],
        q: Quantization | None,
        dtype: str = "int8",
        constants: tuple[str, ...] = (),
        inputs: tuple[str, ...] | None = None,
        source: str = "",
    ) -> None:
        """Add a node that reads the last tensor, or ``inputs``, and its output, now the last
        one."""
        inputs = (self.last.name,) if inputs is None else inputs
        name = f"output_{len(self.nodes)}"
        self.add(Tensor(name=name, shape=shape, dtype=dtype, quantization=q))
        self.many(operator, attributes, (*inputs, *constants), (name,), source)

    def many(
        self,
        operator: str,
        attributes: Any,
        inputs: tuple[str, ...],
        outputs: tuple[str, ...],
        source: str = "",
    ) -> None:
        """Add a node between tensors that are there, under one of its operator's spellings."""
        spelled = [name for name, row in ROWS.items() if row.operator == operator]
        self.nodes.append(
            Node(
                name=f"{operator}_{len(self.nodes)}",
                operator=operator,
                inputs=inputs,
                outputs=outputs,
                attributes=attributes,
                source=source or spelled[0],
            )
        )

    def graph(self, outputs: tuple[str, ...] = ()) -> Graph:
        """The graph, with the last tensor as its output or with these."""
        graph = Graph(
            name="random",
            tensors=MappingProxyType(dict(self.tensors)),
            nodes=tuple(self.nodes),
            inputs=tuple(self.inputs),
            outputs=outputs or (self.last.name,),
        )
        verify(graph)
        return graph

    def linear(self, weights: np.ndarray, axis: int, dtype: str, per_channel: bool) -> tuple:
        """Draw scales and biases; return the constants' names and the output's quantization."""
        channels = weights.shape[axis]
        scale_in = self.last.quantization.scale[0]
        spread = self.random.uniform(0.25, 1.0, channels if per_channel else 1)
        scales = (np.float32(self.draw(self.style.scales)) * spread).astype(np.float32)
        # Mostly the output's range fits the sums, as in trained networks; at times it does not.
        rows = np.moveaxis(weights, axis, 0).reshape(channels, -1).astype(float)
        typical = 74 * np.sqrt((rows**2).sum(axis=1)).max() / 48
        fitting = int(np.ceil(np.log2(max(typical, 1.0))))
        bits = max(-3, fitting + self.draw(self.style.misfit))
        scale_out = scale_in * float(scales.max()) * 2.0**bits * self.random.uniform(0.75, 1.5)
        largest = min(2.0**bits * self.draw(self.style.bias), 2.0**24)
        bias = self.random.integers(-int(largest), int(largest) + 1, channels).astype(np.int32)
        bias_scales = (np.float32(scale_in) * scales).astype(np.float32)
        names = (
            self.constant("weights", weights, dtype, quantized(scales, axis)),
            self.constant("bias", bias, "int32", quantized(bias_scales, 0)),
        )
        return names, per_tensor(scale_out, self.draw(self.style.zero_points))

    def values(self, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        """Weights: of the full range, of its two ends alone, or mostly zero."""
        low, high = {"int8": (-127, 127), "int4": (-8, 7)}[dtype]
        data = self.random.integers(low, high, shape, endpoint=True)
        kind = self.draw(st.sampled_from(("full", "ends", "sparse")))
        if kind == "ends":
            data = np.where(data > 0, high, low)
        elif kind == "sparse":
            data = data * (self.random.random(shape) < 0.2)
        return data.astype(np.int8)


def per_tensor(scale: float, zero_point: int) -> Quantization:
    return Quantization(scale=(float(np.float32(scale)),), zero_point=(zero_point,))


def shifted(tensor: Tensor, zero_point: int) -> Tensor:
    """The same codes of other numbers."""
    return replace(tensor, quantization=replace(tensor.quantization, zero_point=(zero_point,)))


def quantized(scales: np.ndarray, axis: int) -> Quantization:
    axis = axis if len(scales) > 1 else 0
    return Quantization(scale=tuple(scales.tolist()), zero_point=(0,) * len(scales), axis=axis)


def add_conv2d(b: Builder, dtype: str = "int8", dilated: bool = True) -> None:
    height, width, depth = b.last.shape[1:]
    kernel, channels = pair(b.draw, 1, 4), b.draw(st.integers(1, 9))
    dilation = pair(b.draw, 1, 2) if dilated and b.draw(st.booleans()) else (1, 1)
    window, sizes = drawn_window(b.draw, (height, width), kernel, dilation)
    weights = b.values((channels, *kernel, depth), dtype)
    names, q = b.linear(weights, 0, dtype, b.draw(st.booleans()))
    attributes = Conv2d(**window, dilation=dilation, activation=b.draw(b.style.activations))
    if b.draw(st.booleans()):
        names = names[:1]
        del b.tensors[f"bias_{len(b.nodes)}"]
    b.node("conv2d", attributes, (1, *sizes, channels), q, constants=names)


def add_depthwise_conv2d(b: Builder, dtype: str = "int8", dilated: bool = True) -> None:
    height, width, depth = b.last.shape[1:]
    kernel = pair(b.draw, 1, 4)
    multiplier = b.draw(st.sampled_from((1, 1, 1, 2, 3)))
    dilation = pair(b.draw, 1, 2) if dilated and b.draw(st.booleans()) else (1, 1)
    window, sizes = drawn_window(b.draw, (height, width), kernel, dilation)
    weights = b.values((1, *kernel, depth * multiplier), dtype)
    names, q = b.linear(weights, 3, dtype, b.draw(st.booleans()))
    attributes = DepthwiseConv2d(
        **window, dilation=dilation, multiplier=multiplier, activation=b.draw(b.style.activations)
    )
    b.node("depthwise_conv2d", attributes, (1, *sizes, depth * multiplier), q, constants=names)


def add_fully_connected(b: Builder, dtype: str = "int8", asymmetric: bool = False) -> None:
    """TFLite Micro takes int4 weights here only with one scale for all."""
    channels = b.draw(st.integers(1, 12))
    rows = len(b.last.shape) > 2 and b.draw(st.booleans())  # a row for each position
    depth = b.last.shape[-1] if rows else b.last.size
    weights = b.values((channels, depth), dtype)
    per_channel = dtype == "int8" and b.draw(st.booleans())
    names, q = b.linear(weights, 0, dtype, per_channel)
    if asymmetric and not per_channel and dtype == "int8" and b.draw(st.booleans()):
        b.tensors[names[0]] = shifted(b.tensors[names[0]], b.draw(b.style.zero_points))
    shape = (*b.last.shape[:-1], channels) if rows else (1, channels)
    attributes = FullyConnected(activation=b.draw(b.style.activations))
    b.node("fully_connected", attributes, shape, q, constants=names)


def add_average_pool2d(b: Builder, whole: bool = False) -> None:
    height, width, depth = b.last.shape[1:]
    if whole:
        size, window, sizes = (height, width), {"stride": (1, 1)}, (1, 1)
    else:
        size = (b.draw(st.integers(1, height)), b.draw(st.integers(1, width)))
        window, sizes = drawn_window(b.draw, (height, width), size, (1, 1))
    attributes = AveragePool2d(size=size, activation=b.draw(b.style.activations), **window)
    b.node("average_pool2d", attributes, (1, *sizes, depth), b.last.quantization)


def add_reshape(b: Builder) -> None:
    b.node("reshape", Reshape(), (1, b.last.size), b.last.quantization, b.last.dtype)


def add_softmax(b: Builder) -> None:
    beta = b.draw(st.sampled_from((1.0, 0.5, 2.0)) | st.floats(0.125, 4.0, width=32))
    b.node("softmax", Softmax(beta=beta), b.last.shape, per_tensor(1 / 256, -128))


def add_pad(b: Builder) -> None:
    amounts = ((0, 0), *(pair(b.draw, 0, 2) for _ in b.last.shape[1:]))
    shape = tuple(n + sum(pair) for n, pair in zip(b.last.shape, amounts, strict=True))
    value = b.draw(st.integers(-128, 127))
    b.node("pad", Pad(amounts=amounts, value=value), shape, b.last.quantization)


def add_quantize(b: Builder) -> None:
    q = per_tensor(b.draw(b.style.scales), b.draw(b.style.zero_points))
    b.node("quantize", Quantize(), b.last.shape, q)


def add_dequantize(b: Builder) -> None:
    b.node("dequantize", Dequantize(), b.last.shape, None, "float32")


@st.composite
def images(draw: Draw) -> Builder:
    return Builder(draw, (1, *pair(draw, 1, 7), draw(st.integers(1, 9))))


@st.composite
def conv2d_graphs(draw: Draw, dtypes: tuple[str, ...] = ("int8", "int4"), dilated: bool = True):
    b = draw(images())
    add_conv2d(b, draw(st.sampled_from(dtypes)), dilated)
    return b.graph()


@st.composite
def depthwise_conv2d_graphs(
    draw: Draw, dtypes: tuple[str, ...] = ("int8", "int4"), dilated: bool = True
):
    b = draw(images())
    add_depthwise_conv2d(b, draw(st.sampled_from(dtypes)), dilated)
    return b.graph()


@st.composite
def fully_connected_graphs(
    draw: Draw, dtypes: tuple[str, ...] = ("int8", "int4"), asymmetric: bool = False
):
    b = draw(images()) if draw(st.booleans()) else Builder(draw, (1, draw(st.integers(1, 70))))
    add_fully_connected(b, draw(st.sampled_from(dtypes)), asymmetric)
    return b.graph()


@st.composite
def average_pool2d_graphs(draw: Draw):
    b = draw(images())
    add_average_pool2d(b)
    return b.graph()


@st.composite
def softmax_graphs(draw: Draw):
    rank = draw(st.integers(1, 3))
    b = Builder(draw, (1, *(draw(st.integers(1, 12)) for _ in range(rank))))
    add_softmax(b)
    return b.graph()


@st.composite
def quantize_graphs(draw: Draw, dtypes: tuple[str, ...] = ("int8", "float32")):
    b = Builder(draw, (1, draw(st.integers(1, 40))), draw(st.sampled_from(dtypes)))
    add_quantize(b)
    return b.graph()


@st.composite
def image_graphs(draw: Draw, add: Callable[[Builder], None]):
    b = draw(images())
    add(b)
    return b.graph()


@st.composite
def networks(draw: Draw, dtypes: tuple[str, ...] = ("int8", "int4"), dilated: bool = False):
    """Small classifiers: convolutions of both kinds, pooling, a fully connected layer, softmax."""
    b = Builder(draw, (1, *pair(draw, 4, 8), draw(st.integers(1, 4))), style=TRAINED)
    for _ in range(draw(st.integers(1, 3))):
        add = draw(st.sampled_from((add_conv2d, add_depthwise_conv2d)))
        add(b, draw(st.sampled_from(dtypes)), dilated)
    if draw(st.booleans()):
        add_average_pool2d(b, whole=True)
    add_reshape(b)
    add_fully_connected(b, draw(st.sampled_from(dtypes)))
    if draw(st.booleans()):
        add_softmax(b)
    return b.graph()


GRAPHS: Mapping[str, st.SearchStrategy[Graph]] = MappingProxyType(
    {
        "conv2d": conv2d_graphs(),
        "depthwise_conv2d": depthwise_conv2d_graphs(),
        "fully_connected": fully_connected_graphs(asymmetric=True),
        "average_pool2d": average_pool2d_graphs(),
        "softmax": softmax_graphs(),
        "quantize": quantize_graphs(),
        "pad": image_graphs(add_pad),
        "dequantize": image_graphs(add_dequantize),
    }
)


def random_inputs(graph: Graph, samples: int, seed: int = 0) -> np.ndarray | dict[str, np.ndarray]:
    """Return ``[samples, ...]`` for the graph's one input, or for several by name.

    The two ends of the range are among them.
    """
    random = np.random.default_rng(seed)
    arrays = {name: _random_input(graph.tensor(name), samples, random) for name in graph.inputs}
    return arrays if len(arrays) > 1 else arrays[graph.inputs[0]]


def _random_input(tensor: Tensor, samples: int, random: np.random.Generator) -> np.ndarray:
    shape = (samples, *tensor.shape[1:])
    if tensor.dtype == "float32":
        return random.normal(scale=32.0, size=shape).astype(np.float32)
    codes = random.integers(-128, 128, shape).astype(np.int8)
    codes[:1], codes[1:2] = -128, 127
    return codes
