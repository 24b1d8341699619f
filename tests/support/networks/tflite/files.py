"""TFLite files written field by field, so that fields may contradict each other as no writer has
them."""

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
import pytest

schema = pytest.importorskip("tflite_micro.tensorflow.lite.micro.python.schema_py_generated")
TYPES = {
    "int4": schema.TensorType.INT4,
    "int8": schema.TensorType.INT8,
    "uint8": schema.TensorType.UINT8,
    "int16": schema.TensorType.INT16,
    "int32": schema.TensorType.INT32,
    "int64": schema.TensorType.INT64,
    "float32": schema.TensorType.FLOAT32,
    "bool": schema.TensorType.BOOL,
}
NUMBERS = {number: name for name, number in TYPES.items()}


class File:
    """A file in the making: the schema's objects, which may be changed until ``bytes`` is
    called."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.graph.inputs, self.graph.outputs = [], []
        self.model.subgraphs = [self.graph]

    def tensor(
        self,
        shape: Sequence[int],
        dtype: str = "int8",
        scale: float | Sequence[float] | None = None,
        zero_point: int = 0,
        data: np.ndarray | None = None,
        axis: int = 0,
    ) -> int:
        """Add a tensor and return its index; of several scales all have the one zero point."""
        tensor = schema.TensorT()
        tensor.name = f"t{len(self.graph.tensors)}"
        tensor.shape, tensor.type, tensor.buffer = [int(n) for n in shape], TYPES[dtype], 0
        if scale is not None:
            q = tensor.quantization = schema.QuantizationParametersT()
            q.scale = [float(np.float32(s)) for s in np.atleast_1d(scale)]
            q.zeroPoint = [int(zero_point)] * len(q.scale)
            q.quantizedDimension = axis
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def input(self, *arguments: Any, **options: Any) -> int:
        index = self.tensor(*arguments, **options)
        self.graph.inputs.append(index)
        return index

    def constant(self, data: Any, dtype: str = "int32", **options: Any) -> int:
        data = np.asarray(data, dtype)
        return self.tensor(data.shape, dtype, data=data, **options)

    def operator(
        self,
        kind: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: str = "",
        **fields: Any,
    ) -> int:
        """Add an operator, and return its first output; ``fields`` are those of its options."""
        code, number = schema.OperatorCodeT(), getattr(schema.BuiltinOperator, kind)
        code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes)
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        if options:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            operator.builtinOptions = getattr(schema, f"{options}T")()
            for name, value in fields.items():
                assert hasattr(operator.builtinOptions, name), f"{options} has no {name}"
                setattr(operator.builtinOptions, name, value)
        self.model.operatorCodes.append(code)
        self.graph.operators.append(operator)
        return operator.outputs[0]

    @property
    def options(self) -> Any:
        """The options of the last operator."""
        return self.graph.operators[-1].builtinOptions

    def operand(self, index: int) -> schema.TensorT:
        """An input of the last operator."""
        return self.graph.tensors[self.graph.operators[-1].inputs[index]]

    def result(self, index: int = 0) -> schema.TensorT:
        """An output of the last operator."""
        return self.graph.tensors[self.graph.operators[-1].outputs[index]]

    def data(self, tensor: schema.TensorT) -> np.ndarray:
        """A constant's values, flat."""
        raw = np.asarray(self.model.buffers[tensor.buffer].data, np.uint8).tobytes()
        return np.frombuffer(raw, NUMBERS[tensor.type])

    def set_data(self, tensor: schema.TensorT, values: Any) -> None:
        """Other values, of the same type and under the shape that the tensor has."""
        raw = np.asarray(values, NUMBERS[tensor.type]).tobytes()
        self.model.buffers[tensor.buffer].data = np.frombuffer(raw, np.uint8)

    def ends(self, *outputs: int) -> "File":
        self.graph.outputs = list(outputs)
        return self

    def bytes(self) -> bytes:
        """The file; raises ``struct.error`` or ``TypeError`` where a field does not take its
        value."""
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def inputs(self, rng: np.random.Generator, samples: int = 2) -> list[np.ndarray]:
        """Random codes for all inputs, ``[N, ...]`` each; of all codes each one at least once."""
        shapes = [self.graph.tensors[index].shape for index in self.graph.inputs]
        sizes = [max(1, int(np.prod(shape))) for shape in shapes]
        samples = max(samples, *(-(-256 // size) for size in sizes))
        found = []
        for index in self.graph.inputs:
            tensor = self.graph.tensors[index]
            shape, dtype = (samples, *tensor.shape[1:]), NUMBERS[tensor.type]
            if dtype == "float32":
                found.append(rng.normal(0, 8, shape).astype(np.float32))
            else:
                low, high = (0, 255) if dtype == "uint8" else (-128, 127)
                codes = rng.integers(low, high, shape, dtype=dtype, endpoint=True)
                codes.reshape(-1)[:256] = rng.permutation(np.arange(low, high + 1))
                found.append(codes)
        return found
