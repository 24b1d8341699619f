"""How nodes are written to TFLite files: one row of ``ROWS`` for each TFLite operator."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import tflite

from ..diagnostics import Reason
from ..ir.graph import Graph, InvalidGraph, Node
from ..operators import place_of
from ..operators._window import same_padding

Fields = dict[str, Any]
Constants = dict[int, np.ndarray]


def _no_fields(node: Node, graph: Graph) -> Fields:
    return {}


def _no_constants(node: Node, graph: Graph) -> Constants:
    return {}


@dataclass(frozen=True)
class Row:
    """How one TFLite operator is written.

    Parameters
    ----------
    operator
        Our operator.
    options, fields
        The name of TFLite's table of options, if it has one, and what gives the table's fields.
    constants
        Gives the inputs that only TFLite has, constant tensors, by their index among all inputs.
    order
        Indices of our inputs in TFLite's order, where that differs.
    """

    operator: str
    options: str | None = None
    fields: Callable[[Node, Graph], Fields] = _no_fields
    constants: Callable[[Node, Graph], Constants] = _no_constants
    order: tuple[int, ...] = ()


def spelling_of(node: Node) -> str:
    """TFLite's name for a node: the one in its file, or that of its operator's first row."""
    if node.source in ROWS and ROWS[node.source].operator == node.operator:
        return node.source
    return next(name for name, row in ROWS.items() if row.operator == node.operator)


def _int32(values: Any) -> np.ndarray:
    return np.array(values, np.int32)


def _activation(node: Node, graph: Graph) -> Fields:
    activation = node.attributes.activation
    if not isinstance(activation, str):
        what = f"clamps to {activation.low:g}..{activation.high:g}"
        reason = Reason(place=place_of(node), what=what, remedy="use RELU, RELU6 or RELU_N1_TO_1")
        raise InvalidGraph(reason)
    name = activation.upper()
    return {"FusedActivationFunction": getattr(tflite.ActivationFunctionType, name)}


def _padding(node: Node, image: Sequence[int], kernel: Sequence[int]) -> int:
    a = node.attributes
    axes = zip(image, kernel, a.stride, a.dilation, strict=True)
    if a.padding == ((0, 0), (0, 0)):
        return tflite.Padding.VALID
    if a.padding == tuple(same_padding(n, k, s, d) for n, k, s, d in axes):
        return tflite.Padding.SAME
    what = f"padding {a.padding} is neither SAME nor VALID"
    raise InvalidGraph(Reason(place=place_of(node), what=what, remedy="use a pad node"))


def _convolution(node: Node, graph: Graph) -> Fields:
    a = node.attributes
    image, kernel = (graph.tensor(name).shape[1:3] for name in node.inputs[:2])
    return {
        "Padding": _padding(node, image, kernel),
        "StrideH": a.stride[0],
        "StrideW": a.stride[1],
        "DilationHFactor": a.dilation[0],
        "DilationWFactor": a.dilation[1],
        **_activation(node, graph),
    }


def _depthwise(node: Node, graph: Graph) -> Fields:
    return {"DepthMultiplier": node.attributes.multiplier, **_convolution(node, graph)}


def _transpose_conv(node: Node, graph: Graph) -> Fields:
    a, kernel = node.attributes, graph.tensor(node.inputs[1]).shape[1:3]
    image = graph.tensor(node.outputs[0]).shape[1:3]
    axes = zip(image, kernel, a.stride, strict=True)
    same = a.padding == tuple(same_padding(n, k, s, 1)[0] for n, k, s in axes)
    padding = tflite.Padding.SAME if same and any(a.padding) else tflite.Padding.VALID
    return {"Padding": padding, "StrideH": a.stride[0], "StrideW": a.stride[1]}


def _output_shape(node: Node, graph: Graph) -> Constants:
    return {0: _int32(graph.tensor(node.outputs[0]).shape)}


def _new_size(node: Node, graph: Graph) -> Constants:
    return {1: _int32(graph.tensor(node.outputs[0]).shape[1:3])}


def _sampled(node: Node, graph: Graph) -> Fields:
    a = node.attributes
    return {"AlignCorners": a.align_corners, "HalfPixelCenters": a.half_pixel}


def _block(node: Node, graph: Graph) -> Fields:
    return {"BlockSize": node.attributes.block}


def _fully_connected(node: Node, graph: Graph) -> Fields:
    keep = len(graph.tensor(node.outputs[0]).shape) > 2
    return {"KeepNumDims": keep, **_activation(node, graph)}


def _pool(node: Node, graph: Graph) -> Fields:
    a = node.attributes
    return {
        "Padding": _padding(node, graph.tensor(node.inputs[0]).shape[1:3], a.size),
        "StrideH": a.stride[0],
        "StrideW": a.stride[1],
        "FilterHeight": a.size[0],
        "FilterWidth": a.size[1],
        **_activation(node, graph),
    }


def _new_shape(node: Node, graph: Graph) -> Constants:
    return {1: _int32(graph.tensor(node.outputs[0]).shape)}


def _new_axis(node: Node, graph: Graph) -> Constants:
    """The first axis that an EXPAND_DIMS may have made."""
    shape, longer = (graph.tensor(names[0]).shape for names in (node.inputs, node.outputs))
    for axis in range(len(longer)):
        if longer == (*shape[:axis], 1, *shape[axis:]):
            return {1: _int32([axis])}
    what = f"shape {shape} to {longer} is more than one new axis"
    raise InvalidGraph(Reason(place=place_of(node), what=what, remedy="use RESHAPE"))


def _pad_amounts(node: Node, graph: Graph) -> Constants:
    a = node.attributes
    return {1: _int32(a.amounts).reshape(-1, 2), 2: np.array([a.value], np.int8)}


def _mirrored(node: Node, graph: Graph) -> Fields:
    mode = node.attributes.mode
    known = {"reflect": tflite.MirrorPadMode.REFLECT, "symmetric": tflite.MirrorPadMode.SYMMETRIC}
    if mode in known:
        return {"Mode": known[mode]}
    what = f"padding of mode {mode!r} is none of TensorFlow Lite's"
    raise InvalidGraph(Reason(place=place_of(node), what=what, remedy="use a gather node"))


def _mirrored_amounts(node: Node, graph: Graph) -> Constants:
    return {1: _int32(node.attributes.amounts).reshape(-1, 2)}


def _keep(node: Node, graph: Graph) -> Fields:
    return {"KeepDims": node.attributes.keep}


def _axes(node: Node, graph: Graph) -> Constants:
    return {1: _int32(node.attributes.axes)}


def _axis(node: Node, graph: Graph) -> Constants:
    return {1: _int32(node.attributes.axis)}


def _slice(node: Node, graph: Graph) -> Constants:
    a = node.attributes
    return {1: _int32(a.starts), 2: _int32(a.sizes)}


def _strided_slice(node: Node, graph: Graph) -> Constants:
    a = node.attributes
    by_axis = zip(a.starts, a.sizes, a.steps, strict=True)
    ends = [start + size * step for start, size, step in by_axis]
    return {1: _int32(a.starts), 2: _int32(ends), 3: _int32(a.steps)}


def _left_out(shape: tuple[int, ...], result: tuple[int, ...]) -> tuple[int, ...]:
    """Axes of size 1 that ``shape`` has and ``result`` has not."""
    axes, rest = [], list(result)
    for axis, size in enumerate(shape):
        if rest[:1] == [size]:
            rest.pop(0)
        else:
            axes.append(axis)
    return tuple(axes)


def _squeezed(node: Node, graph: Graph) -> Fields:
    shape, result = (graph.tensor(names[0]).shape for names in (node.inputs, node.outputs))
    return {"SqueezeDims": _left_out(shape, result)}


def _masks(node: Node, graph: Graph) -> Fields:
    """An end before the first element can be said only by a mask; axes left out are shrunk."""
    a, result = node.attributes, graph.tensor(node.outputs[0]).shape
    ends = enumerate(_strided_slice(node, graph)[2])
    return {
        "EndMask": sum(1 << axis for axis, end in ends if end < 0),
        "ShrinkAxisMask": sum(1 << axis for axis in _left_out(a.sizes, result)),
    }


def _sizes_and_axis(node: Node, graph: Graph) -> Constants:
    return {1: _int32(node.attributes.sizes), 2: _int32(node.attributes.axis)}


_INT32_INDEX: Fields = {"OutputType": tflite.TensorType.INT32}

ROWS: Mapping[str, Row] = MappingProxyType(
    {
        "CONV_2D": Row("conv2d", "Conv2DOptions", _convolution),
        "DEPTHWISE_CONV_2D": Row("depthwise_conv2d", "DepthwiseConv2DOptions", _depthwise),
        "TRANSPOSE_CONV": Row(
            "transpose_conv2d", "TransposeConvOptions", _transpose_conv, _output_shape, (1, 0, 2)
        ),
        "FULLY_CONNECTED": Row("fully_connected", "FullyConnectedOptions", _fully_connected),
        "AVERAGE_POOL_2D": Row("average_pool2d", "Pool2DOptions", _pool),
        "MAX_POOL_2D": Row("max_pool2d", "Pool2DOptions", _pool),
        "MEAN": Row("mean", "ReducerOptions", _keep, _axes),
        "SUM": Row("sum", "ReducerOptions", _keep, _axes),
        "REDUCE_MAX": Row("reduce_max", "ReducerOptions", _keep, _axes),
        "REDUCE_MIN": Row("reduce_max", "ReducerOptions", _keep, _axes),
        "ADD": Row("add", "AddOptions", _activation),
        "SUB": Row("sub", "SubOptions", _activation),
        "MUL": Row("mul", "MulOptions", _activation),
        "DIV": Row("div", "DivOptions", _activation),
        "SQUARED_DIFFERENCE": Row("squared_difference", "SquaredDifferenceOptions"),
        "BATCH_MATMUL": Row(
            "batch_matmul",
            "BatchMatMulOptions",
            lambda node, _: {
                "AdjX": node.attributes.transpose_first,
                "AdjY": node.attributes.transpose_second,
            },
        ),
        "MINIMUM": Row("minimum", "MaximumMinimumOptions"),
        "MAXIMUM": Row("maximum", "MaximumMinimumOptions"),
        "RELU": Row("relu"),
        "RELU6": Row("relu"),
        "RELU_N1_TO_1": Row("relu"),
        "PRELU": Row("prelu"),
        "LEAKY_RELU": Row(
            "leaky_relu", "LeakyReluOptions", lambda node, _: {"Alpha": node.attributes.alpha}
        ),
        "LOGISTIC": Row("logistic"),
        "TANH": Row("tanh"),
        "HARD_SWISH": Row("hard_swish", "HardSwishOptions"),
        "ELU": Row("elu"),
        "ABS": Row("abs", "AbsOptions"),
        "RSQRT": Row("rsqrt"),
        "QUANTIZE": Row("quantize", "QuantizeOptions"),
        "DEQUANTIZE": Row("dequantize", "DequantizeOptions"),
        "SOFTMAX": Row("softmax", "SoftmaxOptions", lambda n, _: {"Beta": n.attributes.beta}),
        "LOG_SOFTMAX": Row("log_softmax", "LogSoftmaxOptions"),
        "ARG_MAX": Row("arg_max", "ArgMaxOptions", lambda *_: _INT32_INDEX, _axis),
        "ARG_MIN": Row("arg_max", "ArgMinOptions", lambda *_: _INT32_INDEX, _axis),
        "RESHAPE": Row("reshape", "ReshapeOptions", _no_fields, _new_shape),
        "EXPAND_DIMS": Row("reshape", "ExpandDimsOptions", _no_fields, _new_axis),
        "SQUEEZE": Row("reshape", "SqueezeOptions", _squeezed),
        "TRANSPOSE": Row(
            "transpose",
            "TransposeOptions",
            _no_fields,
            lambda node, _: {1: _int32(node.attributes.order)},
        ),
        "PADV2": Row("pad", "PadV2Options", _no_fields, _pad_amounts),
        "MIRROR_PAD": Row("mirror_pad", "MirrorPadOptions", _mirrored, _mirrored_amounts),
        "SLICE": Row("slice", "SliceOptions", _no_fields, _slice),
        "STRIDED_SLICE": Row("slice", "StridedSliceOptions", _masks, _strided_slice),
        "SPLIT": Row(
            "split",
            "SplitOptions",
            lambda node, _: {"NumSplits": len(node.outputs)},
            lambda node, _: {0: _int32(node.attributes.axis)},
        ),
        "SPLIT_V": Row(
            "split",
            "SplitVOptions",
            lambda node, _: {"NumSplits": len(node.outputs)},
            _sizes_and_axis,
        ),
        "GATHER": Row(
            "gather",
            "GatherOptions",
            lambda node, _: {"Axis": node.attributes.axis},
            lambda node, _: {1: _int32(node.attributes.indices)},
        ),
        "PACK": Row(
            "pack",
            "PackOptions",
            lambda node, _: {"Axis": node.attributes.axis, "ValuesCount": len(node.inputs)},
        ),
        "UNPACK": Row(
            "unpack",
            "UnpackOptions",
            lambda node, _: {"Axis": node.attributes.axis, "Num": len(node.outputs)},
        ),
        "SPACE_TO_DEPTH": Row("space_to_depth", "SpaceToDepthOptions", _block),
        "DEPTH_TO_SPACE": Row("depth_to_space", "DepthToSpaceOptions", _block),
        "RESIZE_NEAREST_NEIGHBOR": Row(
            "resize_nearest", "ResizeNearestNeighborOptions", _sampled, _new_size
        ),
        "RESIZE_BILINEAR": Row("resize_bilinear", "ResizeBilinearOptions", _sampled, _new_size),
        "CUMSUM": Row(
            "cumsum",
            "CumsumOptions",
            lambda node, _: {
                "Exclusive": node.attributes.exclusive,
                "Reverse": node.attributes.reverse,
            },
            _axis,
        ),
        "CONCATENATION": Row(
            "concatenation",
            "ConcatenationOptions",
            lambda node, _: {"Axis": node.attributes.axis},
        ),
    }
)
