"""The contents of a TFLite flatbuffer as plain records, read without trusting the file.

Flatbuffers' Python classes check only the bounds of the byte string, so whatever they raise means
a damaged file. A small file can refer to the same bytes many times; the bytes read in all are
therefore limited to a multiple of the file's size, or to little more than the size of a large
file. The number of objects is limited too.
"""

import math
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import tflite
from flatbuffers import number_types
from flatbuffers.table import Table

from .sparse import MOST_DENSE, dense, read_sparsity

TYPES = {code: name for name, code in vars(tflite.TensorType).items() if isinstance(code, int)}
SPELLINGS = {
    code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)
}
DAMAGE = (struct.error, ValueError, TypeError, IndexError, OverflowError, KeyError)
BUILTIN_CODE_FIELD = 10  # of OperatorCode: its fourth field, in the vtable
# Bytes that a file may make us read: REPEATED times its size, but at most EXTRA more than its size.
REPEATED = 16
EXTRA = 2**26
DENSE_BYTES = {"INT8": 1, "UINT8": 1, "INT16": 2, "INT32": 4, "FLOAT32": 4}  # by stored type
MAX_OPERATORS = 2**13  # more than any core has program memory for
MAX_ITEMS = 2**16  # of a list of tables, such as the tensors
MAX_VALUES = 2**22  # of all lists of numbers together


class Damaged(Exception):
    """The bytes are no TFLite file, or not all of one."""


@dataclass(frozen=True, kw_only=True)
class TensorRecord:
    """A tensor as in the file: ``dtype`` in its spelling, ``data`` None if it is computed.

    A ``state`` keeps its value from one invocation to the next.
    """

    name: str
    shape: tuple[int, ...]
    dynamic: bool
    dtype: str
    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int
    custom_quantization: bool
    sparse: bool
    external: bool
    state: bool
    data: bytes | None


@dataclass(frozen=True, kw_only=True)
class OperatorRecord:
    """An operator as the file has it; absent inputs are -1, ``options`` is a raw table."""

    spelling: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options_type: int
    options: Table | None


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """All of a TFLite file that the reader looks at.

    ``signatures`` are the subgraphs' numbers by the names that the file has for them. ``once`` has
    the subgraphs that its CALL_ONCE operators run, by their numbers.
    """

    version: int
    subgraphs: int
    signatures: Mapping[str, int]
    tensors: tuple[TensorRecord, ...]
    operators: tuple[OperatorRecord, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    once: Mapping[int, "FileRecord"] = field(default_factory=dict)


def decode(data: bytes, signature: str | None = None) -> FileRecord:
    """Return the records of the subgraph of a signature, without one (or an unknown one) of the
    first; raises ``Damaged`` and nothing else."""
    try:
        return _Decoder(data).file(signature)
    except DAMAGE as error:
        raise Damaged(str(error)) from error


def called_once(operator: OperatorRecord) -> int | None:
    """The number of the subgraph that a CALL_ONCE runs, if it says one."""
    if operator.options is None or operator.options_type != tflite.BuiltinOptions.CallOnceOptions:
        return None
    options = tflite.CallOnceOptions()
    options.Init(operator.options.Bytes, operator.options.Pos)
    return int(options.InitSubgraphIndex())


class _Decoder:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.left = min(REPEATED * len(data), len(data) + EXTRA) + 4096
        self.values_left = MAX_VALUES
        self.dense_left = MOST_DENSE
        self.model = tflite.Model.GetRootAs(data, 0)

    def spend(self, count: int, size: int = 1) -> int:
        """Account for ``count`` values of ``size`` bytes that are about to be read."""
        if count * size > len(self.data):
            raise Damaged(f"a list of {count} values is longer than the file")
        self.left -= count * size
        if self.left < 0:
            raise Damaged("the file refers to the same bytes too many times")
        return count

    def items(self, count: int, item: Callable[[int], Any], most: int = MAX_ITEMS) -> list[Any]:
        if count > most:
            raise Damaged(f"a list of {count} entries has more than {most}")
        return [item(i) for i in range(self.spend(count, 4))]

    def values(self, count: int, size: int, array: Callable[[], np.ndarray]) -> tuple:
        self.values_left -= count
        if self.values_left < 0:
            raise Damaged(f"the lists of the file have more than {MAX_VALUES} numbers")
        return tuple(array().tolist()) if self.spend(count, size) else ()

    def file(self, signature: str | None) -> FileRecord:
        model = self.model
        codes = self.items(model.OperatorCodesLength(), model.OperatorCodes)
        spellings = [self.spelling(code) for code in codes]
        buffers = self.items(model.BuffersLength(), model.Buffers)
        subgraphs = self.spend(model.SubgraphsLength(), 4)
        if subgraphs == 0:
            raise Damaged("the file has no subgraph")
        signatures = self.signatures(subgraphs)

        def read(index: int) -> FileRecord:
            return self.subgraph(index, subgraphs, signatures, spellings, buffers)

        main = read(signatures.get(signature or "", 0))
        found = dict.fromkeys(self.once(main.operators, subgraphs))
        return replace(main, once={index: read(index) for index in found})

    def once(self, operators: Iterable[OperatorRecord], subgraphs: int) -> Iterator[int]:
        """The numbers of the subgraphs that operators run in the first invocation only."""
        for operator in operators:
            if operator.spelling == "CALL_ONCE":
                index = called_once(operator)
                if index is None or not 0 <= index < subgraphs:
                    raise Damaged("the subgraph of a CALL_ONCE is out of range")
                yield index

    def subgraph(
        self,
        index: int,
        subgraphs: int,
        signatures: Mapping[str, int],
        spellings: list[str],
        buffers: list[Any],
    ) -> FileRecord:
        graph = self.model.Subgraphs(index)
        tensors = self.items(graph.TensorsLength(), graph.Tensors)
        operators = self.items(graph.OperatorsLength(), graph.Operators, MAX_OPERATORS)
        read = [self.tensor(tensor, buffers) for tensor in tensors]
        return FileRecord(
            version=self.model.Version(),
            subgraphs=subgraphs,
            signatures=signatures,
            operators=tuple(self.remaining(operators, spellings, tensors, read)),
            tensors=tuple(read),
            inputs=self.indices(graph.InputsLength(), graph.InputsAsNumpy, 0, len(tensors)),
            outputs=self.indices(graph.OutputsLength(), graph.OutputsAsNumpy, 0, len(tensors)),
        )

    def remaining(
        self, operators: list[Any], spellings: list[str], raw: list[Any], tensors: list[Any]
    ) -> Iterator[OperatorRecord]:
        """The operators but DENSIFY of constants, whose outputs become constants in ``tensors``."""
        for op in operators:
            record = self.operator(op, spellings, len(tensors))
            sparse = record.inputs[0] if len(record.inputs) == len(record.outputs) == 1 else -1
            stored = tensors[sparse].data if sparse >= 0 and tensors[sparse].sparse else None
            if record.spelling != "DENSIFY" or stored is None:
                yield record
                continue
            given, output = tensors[sparse], tensors[record.outputs[0]]
            if output.shape != given.shape or output.dtype != given.dtype:
                raise Damaged("a DENSIFY has an output of another shape or type than its input")
            size = DENSE_BYTES.get(given.dtype)
            if size is None:
                raise Damaged(f"a tensor of {given.dtype} is stored sparsely")
            self.dense_left -= size * math.prod(map(abs, given.shape))
            if self.dense_left < 0:
                raise Damaged("the sparse tensors of the file are too large")
            sparsity = read_sparsity(raw[sparse].Sparsity(), self.values)
            whole = dense(sparsity, given.shape, stored, size)
            tensors[record.outputs[0]] = replace(output, data=whole)

    def signatures(self, subgraphs: int) -> Mapping[str, int]:
        found = {}
        for one in self.items(self.model.SignatureDefsLength(), self.model.SignatureDefs):
            name, index = self.text(one.SignatureKey()), one.SubgraphIndex()
            if not 0 <= index < subgraphs:
                raise Damaged("the subgraph of a signature is out of range")
            found[name] = index
        return found

    def spelling(self, code: Any) -> str:
        # Old files have the deprecated field alone, some new ones omit it: the larger one counts.
        # The package's own BuiltinCode() gives the deprecated one wherever that could be meant.
        table = code._tab
        offset = table.Offset(BUILTIN_CODE_FIELD)
        builtin = table.Get(number_types.Int32Flags, table.Pos + offset) if offset else 0
        number = max(builtin, code.DeprecatedBuiltinCode())
        name = SPELLINGS.get(number, f"builtin operator {number}")
        if name == "CUSTOM":
            return f"custom operator {self.text(code.CustomCode())!r}"
        return name

    def text(self, raw: bytes | None) -> str:
        self.spend(len(raw or b""))
        return (raw or b"").decode("utf-8", errors="replace")

    def indices(
        self, count: int, array: Callable[[], np.ndarray], least: int, end: int
    ) -> tuple[int, ...]:
        found = self.values(count, 4, array)
        if not all(least <= index < end for index in found):
            raise Damaged("a tensor index is out of range")
        return found

    def operator(self, op: Any, spellings: list[str], tensors: int) -> OperatorRecord:
        if op.OpcodeIndex() >= len(spellings):
            raise Damaged("an operator index is out of range")
        return OperatorRecord(
            spelling=spellings[op.OpcodeIndex()],
            inputs=self.indices(op.InputsLength(), op.InputsAsNumpy, -1, tensors),
            outputs=self.indices(op.OutputsLength(), op.OutputsAsNumpy, 0, tensors),
            options_type=op.BuiltinOptionsType(),
            options=op.BuiltinOptions(),
        )

    def tensor(self, tensor: Any, buffers: list[Any]) -> TensorRecord:
        shape = self.values(tensor.ShapeLength(), 4, tensor.ShapeAsNumpy)
        signature = self.values(tensor.ShapeSignatureLength(), 4, tensor.ShapeSignatureAsNumpy)
        if tensor.Buffer() >= len(buffers):
            raise Damaged("a buffer index is out of range")
        buffer = buffers[tensor.Buffer()]
        length = self.spend(buffer.DataLength())
        return TensorRecord(
            name=self.text(tensor.Name()),
            shape=shape,
            dynamic=-1 in signature[1:] or any(n < 0 for n in shape),
            dtype=TYPES.get(tensor.Type(), f"type {tensor.Type()}"),
            sparse=tensor.Sparsity() is not None,
            external=buffer.Offset() > 1,
            state=bool(tensor.IsVariable()),
            data=buffer.DataAsNumpy().tobytes() if length else None,
            **self.quantization(tensor.Quantization()),
        )

    def quantization(self, q: Any) -> dict[str, Any]:
        if q is None:
            return {"scale": (), "zero_point": (), "axis": 0, "custom_quantization": False}
        scale = self.values(q.ScaleLength(), 4, q.ScaleAsNumpy)
        zero_point = self.values(q.ZeroPointLength(), 8, q.ZeroPointAsNumpy)
        return {
            "scale": scale,
            "zero_point": zero_point,
            "axis": q.QuantizedDimension(),
            "custom_quantization": q.DetailsType() != tflite.QuantizationDetails.NONE,
        }
