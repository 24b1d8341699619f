"""A graph's nodes as calls of kernels.cc, prepared as TFLite Micro's interpreter does."""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from accel.compiler.ir.graph import Graph, Node
from accel.compiler.operators import (
    OPERATORS,
    Binary,
    Elementwise,
    Ruled,
    UnsupportedOperator,
    operator_of,
)
from accel.numeric.rounding import quantize_multiplier
from accel.numeric.rules.rules import Mean, Rescale

CONTRACT = "tflm"

_SIZES = (
    *("in_height", "in_width", "in_channels", "out_height", "out_width", "out_channels"),
    *("height", "width", "depth", "stride_y", "stride_x", "dilation_y", "dilation_x"),
    *("top", "left", "in_offset", "weight_offset", "out_offset", "low", "high"),
)


class Window(ctypes.Structure):
    """Sizes, zero points and bounds of a layer, in the layout of kernels.cc."""

    _fields_ = [(name, ctypes.c_int32) for name in _SIZES]


class NoKernel(Exception):
    """A network has an operator, or a form of one, without a kernel."""


@dataclass(frozen=True)
class CpuStep:
    """A call of ``kernel`` with ``arguments``: names of tensors, or numbers, arrays and windows."""

    kernel: str
    arguments: tuple[Any, ...]


def steps(graph: Graph, nodes: tuple[Node, ...]) -> list[CpuStep]:
    """The calls that compute ``nodes``, in order. Raises ``NoKernel``."""
    if graph.contract != CONTRACT:
        raise NoKernel(f"the kernels round as {CONTRACT} says, the network as {graph.contract}")
    return [step for node in nodes if (step := _step(node, graph)) is not None]


def aliases(graph: Graph, nodes: tuple[Node, ...]) -> dict[str, str]:
    """Tensors that are other tensors in another shape, and those others."""
    found: dict[str, str] = {}
    for node in nodes:
        if OPERATORS[node.operator].alias:
            source = node.inputs[0]
            found[node.outputs[0]] = found.get(source, source)
    return found


def _step(node: Node, graph: Graph) -> CpuStep | None:
    operator = OPERATORS[node.operator]
    if operator.alias:
        return None
    make = KERNELS.get(node.operator)
    variable = [n for n in node.inputs if not graph.tensor(n).constant]
    if make is None and isinstance(operator, Elementwise) and len(variable) == 1:
        make = _lookup
    if make is None:
        raise NoKernel(f"no kernel for {node.source or node.operator}")
    try:
        return make(node, graph)
    except UnsupportedOperator as problem:
        raise NoKernel(f"no kernel for {problem}") from problem


def _zero_point(graph: Graph, name: str) -> int:
    q = graph.tensor(name).quantization
    if q is None or len(set(q.zero_point)) != 1:
        raise NoKernel(f"no kernel for the quantization of {name}")
    return q.zero_point[0]


def _image(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Height, width and channels of ``[1, ...]``."""
    height, width, channels = (1, 1, 1, *shape[1:])[-3:]
    return height, width, channels


def _window(node: Node, graph: Graph, **more: int) -> Window:
    source, output = graph.tensor(node.inputs[0]), graph.tensor(node.outputs[0])
    sizes = dict(zip(_SIZES, (*_image(source.shape), *_image(output.shape)), strict=False))
    return Window(**sizes, **more)


def _sliding(attributes: Any, kernel: Sequence[int]) -> dict[str, int]:
    (top, _), (left, _) = attributes.padding
    names = ("height", "width", "stride_y", "stride_x", "dilation_y", "dilation_x", "top", "left")
    values = (*kernel, *attributes.stride, *attributes.dilation, top, left)
    return dict(zip(names, values, strict=True))


def _requantized(node: Node, graph: Graph) -> tuple[dict[str, int], np.ndarray, np.ndarray]:
    """Offsets and bounds, and the channels' multipliers and shifts."""
    rule = operator_of(node, Ruled).output_rule(node, graph)
    if not isinstance(rule, Rescale):
        raise NoKernel(f"no kernel for the rounding of {node.source or node.operator}")
    offsets = {
        "in_offset": -_zero_point(graph, node.inputs[0]),
        "out_offset": rule.zero_point,
        "low": rule.low,
        "high": rule.high,
    }
    return offsets, rule.multiplier.astype(np.int32), rule.shift.astype(np.int32)


def _linear(node: Node, graph: Graph, kernel: str, sizes: Mapping[str, int]) -> CpuStep:
    offsets, multiplier, shift = _requantized(node, graph)
    offsets["weight_offset"] = -_zero_point(graph, node.inputs[1])
    weights, *bias = (graph.tensor(name).values for name in node.inputs[1:])
    biases = bias[0] if bias else np.zeros(len(multiplier))
    arrays = weights.astype(np.int8), biases.astype(np.int32), multiplier, shift
    window = Window(**sizes, **offsets)
    return CpuStep(kernel, (window, node.inputs[0], *arrays, node.outputs[0]))


def _fields(window: Window) -> dict[str, int]:
    return {name: getattr(window, name) for name in _SIZES if getattr(window, name)}


def _conv2d(node: Node, graph: Graph) -> CpuStep:
    _, *kernel, depth = graph.tensor(node.inputs[1]).shape
    sliding = _sliding(node.attributes, kernel)
    return _linear(node, graph, "conv2d", _fields(_window(node, graph, **sliding, depth=depth)))


def _depthwise_conv2d(node: Node, graph: Graph) -> CpuStep:
    _, *kernel, _ = graph.tensor(node.inputs[1]).shape
    sliding = _sliding(node.attributes, kernel)
    window = _window(node, graph, **sliding, depth=node.attributes.multiplier)
    return _linear(node, graph, "depthwise_conv2d", _fields(window))


def _fully_connected(node: Node, graph: Graph) -> CpuStep:
    """A convolution of one pixel for each row."""
    out, depth = graph.tensor(node.inputs[1]).shape
    rows = graph.tensor(node.outputs[0]).size // out
    names = ("in_height", "in_width", "in_channels", "out_height", "out_width", "out_channels")
    sizes = dict(zip(names, (rows, 1, depth, rows, 1, out), strict=True))
    ones = ("height", "width", "stride_y", "stride_x", "dilation_y", "dilation_x")
    return _linear(node, graph, "conv2d", {**sizes, **dict.fromkeys(ones, 1), "depth": depth})


def _average_pool2d(node: Node, graph: Graph) -> CpuStep:
    rule = operator_of(node, Ruled).output_rule(node, graph)
    if not isinstance(rule, Mean) or rule.offset:
        raise NoKernel(f"no kernel for {node.source or node.operator} of uint8 codes")
    sliding = _sliding(node.attributes, node.attributes.size)
    window = _window(node, graph, **sliding, low=rule.low, high=rule.high)
    return CpuStep("average_pool2d", (window, node.inputs[0], node.outputs[0]))


def _max_pool2d(node: Node, graph: Graph) -> CpuStep:
    if node.attributes.activation != "none":
        raise NoKernel(f"no kernel for {node.source or node.operator} with an activation")
    sliding = _sliding(node.attributes, node.attributes.size)
    window = _window(node, graph, **sliding, low=-128, high=127)
    return CpuStep("max_pool2d", (window, node.inputs[0], node.outputs[0]))


def _mean(node: Node, graph: Graph) -> CpuStep:
    if len(graph.tensor(node.inputs[0]).shape) != 4 or node.attributes.axes != (1, 2):
        raise NoKernel(f"no kernel for {node.source or node.operator} over other axes")
    offsets, multiplier, shift = _requantized(node, graph)
    window = _window(node, graph, **offsets)
    return CpuStep("mean", (window, node.inputs[0], multiplier, shift, node.outputs[0]))


def _add(node: Node, graph: Graph) -> CpuStep:
    """``AddElementwise``; the bounds are those that the operator's table of all pairs has."""
    names = node.inputs[0], node.inputs[1], node.outputs[0]
    first, second, output = tensors = [graph.tensor(name) for name in names]
    if any(tensor.constant or tensor.shape != output.shape for tensor in tensors):
        raise NoKernel(f"no kernel for {node.source or node.operator} that broadcasts")
    scales = [q.scale[0] for tensor in tensors if (q := tensor.quantization) is not None]
    twice = 2 * max(scales[:2])
    reals = (scales[0] / twice, scales[1] / twice, twice / (2.0**20 * scales[2]))
    pairs = np.array([quantize_multiplier(real) for real in reals], np.int32)
    table = operator_of(node, Binary).pair_table(node, graph)
    window = Window(
        in_offset=-_zero_point(graph, first.name),
        weight_offset=-_zero_point(graph, second.name),
        out_offset=_zero_point(graph, output.name),
        low=int(table.min()),
        high=int(table.max()),
    )
    scale = pairs[:, 0].copy(), pairs[:, 1].copy()
    return CpuStep("add", (window, output.size, *node.inputs, *scale, node.outputs[0]))


def _lookup(node: Node, graph: Graph) -> CpuStep:
    """A function of single codes, by its table."""
    table = operator_of(node, Elementwise).table(node, graph)
    if table.ndim != 1:
        raise NoKernel(f"no kernel for {node.source or node.operator} that differs by channel")
    source = next(n for n in node.inputs if not graph.tensor(n).constant)
    size = graph.tensor(source).size
    return CpuStep("lookup", (size, source, table.astype(np.int8), node.outputs[0]))


KERNELS: Mapping[str, Callable[[Node, Graph], CpuStep]] = MappingProxyType(
    {
        "conv2d": _conv2d,
        "depthwise_conv2d": _depthwise_conv2d,
        "fully_connected": _fully_connected,
        "average_pool2d": _average_pool2d,
        "max_pool2d": _max_pool2d,
        "mean": _mean,
        "add": _add,
    }
)
