"""Writes a graph as a TFLite file, for tests and for networks that are trained here."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import flatbuffers
import numpy as np
import tflite

from .ir import Graph, InvalidGraph, Node, Tensor
from .operators import place_of
from .operators._window import same_padding
from .reasons import Reason

DESCRIPTION = "accel"
ALIGNMENT = 16  # bytes; what TFLite asks of constant data

TYPES = {
    "int4": tflite.TensorType.INT4,
    "int8": tflite.TensorType.INT8,
    "uint8": tflite.TensorType.UINT8,
    "int16": tflite.TensorType.INT16,
    "int32": tflite.TensorType.INT32,
    "int64": tflite.TensorType.INT64,
    "float32": tflite.TensorType.FLOAT32,
    "bool": tflite.TensorType.BOOL,
}


def write(graph: Graph) -> bytes:
    """Return the graph as a flatbuffer of schema version 3 that TFLite Micro can run.

    Raises ``InvalidGraph`` for padding that is neither SAME nor VALID.
    """
    return _Writer(graph).file()


def pack_int4(values: np.ndarray) -> bytes:
    """Return integers of -8..7 packed two to a byte, the low nibble first."""
    flat = np.append(values.reshape(-1), np.zeros(values.size % 2, np.int8)).astype(np.uint8) & 15
    return (flat[0::2] | flat[1::2] << 4).tobytes()


# Rows: TFLite operator, options table, fields of the options from (node, graph), and constants that
# TFLite wants as further inputs.
Fields = Callable[[Node, Graph], dict[str, Any]]
Constants = Callable[[Node, Graph], tuple[np.ndarray, ...]]


def _activation(node: Node) -> int:
    return getattr(tflite.ActivationFunctionType, node.attributes.activation.upper())


def _padding(node: Node, image: tuple[int, int], kernel: tuple[int, int]) -> int:
    a = node.attributes
    axes = zip(image, kernel, a.stride, a.dilation, strict=True)
    if a.padding == ((0, 0), (0, 0)):
        return tflite.Padding.VALID
    if a.padding == tuple(same_padding(n, k, s, d) for n, k, s, d in axes):
        return tflite.Padding.SAME
    what = f"padding {a.padding} is neither SAME nor VALID"
    raise InvalidGraph(Reason(place=place_of(node), what=what, remedy="use a pad node"))


def _convolution(node: Node, graph: Graph) -> dict[str, Any]:
    a = node.attributes
    image, kernel = (graph.tensor(name).shape[1:3] for name in node.inputs[:2])
    return {
        "Padding": _padding(node, image, kernel),
        "StrideH": a.stride[0],
        "StrideW": a.stride[1],
        "DilationHFactor": a.dilation[0],
        "DilationWFactor": a.dilation[1],
        "FusedActivationFunction": _activation(node),
    }


def _depthwise(node: Node, graph: Graph) -> dict[str, Any]:
    return {"DepthMultiplier": node.attributes.multiplier, **_convolution(node, graph)}


def _fully_connected(node: Node, graph: Graph) -> dict[str, Any]:
    keep = len(graph.tensor(node.outputs[0]).shape) > 2
    return {"FusedActivationFunction": _activation(node), "KeepNumDims": keep}


def _pool(node: Node, graph: Graph) -> dict[str, Any]:
    a = node.attributes
    return {
        "Padding": _padding(node, graph.tensor(node.inputs[0]).shape[1:3], a.size),
        "StrideH": a.stride[0],
        "StrideW": a.stride[1],
        "FilterHeight": a.size[0],
        "FilterWidth": a.size[1],
        "FusedActivationFunction": _activation(node),
    }


def _no_fields(node: Node, graph: Graph) -> dict[str, Any]:
    return {}


def _no_constants(node: Node, graph: Graph) -> tuple[np.ndarray, ...]:
    return ()


def _new_shape(node: Node, graph: Graph) -> tuple[np.ndarray, ...]:
    return (np.array(graph.tensor(node.outputs[0]).shape, np.int32),)


def _pad_amounts(node: Node, graph: Graph) -> tuple[np.ndarray, ...]:
    a = node.attributes
    return np.array(a.amounts, np.int32).reshape(-1, 2), np.array([a.value], np.int8)


ROWS: Mapping[str, tuple[str, str, Fields, Constants]] = MappingProxyType(
    {
        "conv2d": ("CONV_2D", "Conv2DOptions", _convolution, _no_constants),
        "depthwise_conv2d": (
            "DEPTHWISE_CONV_2D",
            "DepthwiseConv2DOptions",
            _depthwise,
            _no_constants,
        ),
        "fully_connected": (
            "FULLY_CONNECTED",
            "FullyConnectedOptions",
            _fully_connected,
            _no_constants,
        ),
        "average_pool2d": ("AVERAGE_POOL_2D", "Pool2DOptions", _pool, _no_constants),
        "reshape": ("RESHAPE", "ReshapeOptions", _no_fields, _new_shape),
        "softmax": (
            "SOFTMAX",
            "SoftmaxOptions",
            lambda node, graph: {"Beta": node.attributes.beta},
            _no_constants,
        ),
        "pad": ("PADV2", "PadV2Options", _no_fields, _pad_amounts),
        "quantize": ("QUANTIZE", "QuantizeOptions", _no_fields, _no_constants),
        "dequantize": ("DEQUANTIZE", "DequantizeOptions", _no_fields, _no_constants),
    }
)


class _Writer:
    """Builds the flatbuffer from the leaves up; methods return offsets or indices into it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.builder = flatbuffers.Builder(1024)
        self.index = {name: i for i, name in enumerate(graph.tensors)}
        self.codes: list[str] = []
        self.buffers = [self.table("Buffer")]  # buffer 0 is the empty one of variable tensors
        self.tensors = [self.tensor(tensor) for tensor in graph.tensors.values()]

    def file(self) -> bytes:
        operators = [self.operator(node) for node in self.graph]
        subgraph = self.table(
            "SubGraph",
            Inputs=self.integers([self.index[name] for name in self.graph.inputs]),
            Outputs=self.integers([self.index[name] for name in self.graph.outputs]),
            Operators=self.offsets(operators),
            Tensors=self.offsets(self.tensors),
            Name=self.builder.CreateString("main"),
        )
        model = self.table(
            "Model",
            Version=3,
            Description=self.builder.CreateString(DESCRIPTION),
            OperatorCodes=self.offsets([self.code(name) for name in self.codes]),
            Subgraphs=self.offsets([subgraph]),
            Buffers=self.offsets(self.buffers),
        )
        self.builder.Finish(model, file_identifier=b"TFL3")
        return bytes(self.builder.Output())

    def table(self, name: str, **fields: Any) -> int:
        """Write a table of the schema; the fields' values are scalars or offsets."""
        getattr(tflite, f"{name}Start")(self.builder)
        for field, value in fields.items():
            getattr(tflite, f"{name}Add{field}")(self.builder, value)
        return getattr(tflite, f"{name}End")(self.builder)

    def integers(self, values: list[int] | tuple[int, ...]) -> int:
        return self.builder.CreateNumpyVector(np.array(values, np.int32))

    def offsets(self, offsets: list[int]) -> int:
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return self.builder.EndVector()

    def code(self, name: str) -> int:
        number = getattr(tflite.BuiltinOperator, name)
        return self.table(
            "OperatorCode", DeprecatedBuiltinCode=number, BuiltinCode=number, Version=1
        )

    def buffer(self, data: bytes) -> int:
        """Write constant data, aligned; return the buffer's index."""
        self.builder.StartVector(1, len(data), ALIGNMENT)
        self.builder.head -= len(data)
        self.builder.Bytes[self.builder.head : self.builder.head + len(data)] = data
        self.buffers.append(self.table("Buffer", Data=self.builder.EndVector()))
        return len(self.buffers) - 1

    def tensor(self, tensor: Tensor) -> int:
        fields = {
            "Shape": self.integers(tensor.shape),
            "Type": TYPES[tensor.dtype],
            "Buffer": self.buffer(_stored(tensor)) if tensor.constant else 0,
            "Name": self.builder.CreateString(tensor.name),
        }
        if tensor.quantization is not None:
            q = tensor.quantization
            fields["Quantization"] = self.table(
                "QuantizationParameters",
                Scale=self.builder.CreateNumpyVector(np.array(q.scale, np.float32)),
                ZeroPoint=self.builder.CreateNumpyVector(np.array(q.zero_point, np.int64)),
                QuantizedDimension=q.axis,
            )
        return self.table("Tensor", **fields)

    def constant(self, node: Node, number: int, data: np.ndarray) -> int:
        """Write a constant that only TFLite needs; return the tensor's index."""
        name = f"{node.name}/constant_{number}"
        dtype = str(data.dtype)
        quantization = self.graph.tensor(node.outputs[0]).quantization if dtype == "int8" else None
        self.tensors.append(
            self.tensor(
                Tensor(
                    name=name, shape=data.shape, dtype=dtype, data=data, quantization=quantization
                )
            )
        )
        return len(self.tensors) - 1

    def operator(self, node: Node) -> int:
        spelling, options, fields, constants = ROWS[node.operator]
        if spelling not in self.codes:
            self.codes.append(spelling)
        inputs = [-1 if name is None else self.index[name] for name in node.inputs]
        for number, data in enumerate(constants(node, self.graph)):
            inputs.append(self.constant(node, number, data))
        outputs = [self.index[name] for name in node.outputs]
        table = self.table(options, **fields(node, self.graph))
        return self.table(
            "Operator",
            OpcodeIndex=self.codes.index(spelling),
            Inputs=self.integers(inputs),
            Outputs=self.integers(outputs),
            BuiltinOptionsType=getattr(tflite.BuiltinOptions, options),
            BuiltinOptions=table,
        )


def _stored(tensor: Tensor) -> bytes:
    if tensor.dtype == "int4":
        return pack_int4(tensor.data)
    return tensor.data.astype(tensor.data.dtype.newbyteorder("<")).tobytes()
