"""Writes a graph as a TFLite file."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import flatbuffers
import numpy as np
import tflite

from ..ir.graph import Graph, Node, State, Tensor
from .operators import ROWS, spelling_of

DESCRIPTION = "accel"
ALIGNMENT = 16  # bytes; of constant data, as TFLite requires
NEW_CODES = 127  # in the old one-byte field of operator codes, for codes beyond it

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
        read, assigned, subgraphs = [], [], []
        if self.graph.states:
            read = [self.plain("CALL_ONCE", (), (), "CallOnceOptions", InitSubgraphIndex=1)]
            subgraphs = [self.beginning()]
        for state in self.graph.states:
            handle = self.handle(state, self.tensors)
            value, kept = self.index[state.read], self.index[state.written]
            read += [handle[1], self.plain("READ_VARIABLE", (handle[0],), (value,))]
            assigned.append(self.plain("ASSIGN_VARIABLE", (handle[0], kept), ()))
        operators = [*read, *(self.operator(node) for node in self.graph), *assigned]
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
            Subgraphs=self.offsets([subgraph, *subgraphs]),
            Buffers=self.offsets(self.buffers),
        )
        self.builder.Finish(model, file_identifier=b"TFL3")
        return bytes(self.builder.Output())

    def beginning(self) -> int:
        """Write the subgraph that gives variables their first values; return its offset."""
        operators: list[int] = []
        tensors: list[int] = []
        for state in self.graph.states:
            number, made = self.handle(state, tensors)
            like = self.graph.tensor(state.read)
            tensors.append(self.tensor(replace(like, name=state.name, data=state.initial)))
            assigned = self.plain("ASSIGN_VARIABLE", (number, len(tensors) - 1), ())
            operators += [made, assigned]
        return self.table(
            "SubGraph",
            Inputs=(),
            Outputs=(),
            Operators=self.offsets(operators),
            Tensors=self.offsets(tensors),
            Name=self.builder.CreateString("initial"),
        )

    def handle(self, state: State, tensors: list[int]) -> tuple[int, int]:
        """Write a variable's handle, one of ``tensors``; return its number and its operator."""
        name = self.builder.CreateString(f"{state.name} (handle)")
        kind, shape = tflite.TensorType.RESOURCE, self.integers(())
        tensors.append(self.table("Tensor", Shape=shape, Type=kind, Buffer=0, Name=name))
        shared = self.builder.CreateString(state.name)
        number = len(tensors) - 1
        made = self.plain("VAR_HANDLE", (), (number,), "VarHandleOptions", SharedName=shared)
        return number, made

    def plain(
        self,
        spelling: str,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
        options: str = "",
        **fields: Any,
    ) -> int:
        """Write an operator that is no node of the graph; return its offset."""
        if spelling not in self.codes:
            self.codes.append(spelling)
        own: dict[str, Any] = {"Inputs": self.integers(inputs), "Outputs": self.integers(outputs)}
        if options:
            own["BuiltinOptionsType"] = getattr(tflite.BuiltinOptions, options)
            own["BuiltinOptions"] = self.table(options, **fields)
        return self.table("Operator", OpcodeIndex=self.codes.index(spelling), **own)

    def table(self, name: str, **fields: Any) -> int:
        """Write a table of the schema; the fields' values are scalars, offsets or int32 tuples."""
        fields = {f: self.integers(v) if isinstance(v, tuple) else v for f, v in fields.items()}
        getattr(tflite, f"{name}Start")(self.builder)
        for field, value in fields.items():
            getattr(tflite, f"{name}Add{field}")(self.builder, value)
        return getattr(tflite, f"{name}End")(self.builder)

    def integers(self, values: Sequence[int]) -> int:
        return self.builder.CreateNumpyVector(np.array(values, np.int32))

    def offsets(self, offsets: list[int]) -> int:
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return self.builder.EndVector()

    def code(self, name: str) -> int:
        number = getattr(tflite.BuiltinOperator, name)
        return self.table(
            "OperatorCode",
            DeprecatedBuiltinCode=min(number, NEW_CODES),
            BuiltinCode=number,
            Version=1,
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

    def constant(self, node: Node, position: int, data: np.ndarray) -> int:
        """Write a constant that only TFLite needs; return the tensor's index."""
        name = f"{node.name}/constant_{position}"
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
        spelling = spelling_of(node)
        row = ROWS[spelling]
        if spelling not in self.codes:
            self.codes.append(spelling)
        own = node.inputs
        names = [own[index] for index in row.order if index < len(own)] or own
        inputs = [self.index[name] for name in names]
        for position, data in row.constants(node, self.graph).items():
            inputs.insert(position, self.constant(node, position, data))
        outputs = [self.index[name] for name in node.outputs]
        fields = {
            "OpcodeIndex": self.codes.index(spelling),
            "Inputs": self.integers(inputs),
            "Outputs": self.integers(outputs),
        }
        if row.options is not None:
            fields["BuiltinOptionsType"] = getattr(tflite.BuiltinOptions, row.options)
            fields["BuiltinOptions"] = self.table(row.options, **row.fields(node, self.graph))
        return self.table("Operator", **fields)


def _stored(tensor: Tensor) -> bytes:
    data = tensor.values
    if tensor.dtype == "int4":
        return pack_int4(data)
    return data.astype(data.dtype.newbyteorder("<")).tobytes()
