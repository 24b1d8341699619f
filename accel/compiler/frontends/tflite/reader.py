"""TensorFlow Lite: flatbuffers of schema version 3, quantized to int8 (weights also to int4)."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import PurePath
from types import MappingProxyType
from typing import Any

import numpy as np
import tflite

from ...diagnostics import Reason
from ...graph.samples import per_sample
from ...graph.verify import node_problems, problems, tensor_problems
from ...ir.graph import Graph, Node, Quantization, Tensor
from .._folding import Budget, Exhausted
from .._frontend import NOTHING_CHOSEN, Choices, Frontend, UnsupportedModel
from .._unsupported import unsupported
from .causes import QUANTIZE_REMEDY, float_reasons, hybrid, subgraph_reasons
from .constants import FOLDED, PLAIN, SHAPES, checked, folded
from .file import DAMAGE, Damaged, FileRecord, OperatorRecord, TensorRecord, decode
from .operators import SPELLINGS
from .spelling import Unreadable
from .uint8 import End, converted_ends, lowered, mixes_types, uint8_ends

# By layers with weights: the dimension of the output channels, and which input the bias is.
WEIGHTED = {
    "CONV_2D": (0, 2),
    "DEPTHWISE_CONV_2D": (3, 2),
    "TRANSPOSE_CONV": (0, 3),
    "FULLY_CONNECTED": (0, 2),
}
LEAST_SCALE = float(np.finfo(np.float32).tiny)
IDENTIFIER = b"TFL3"
VERSION = 3

DTYPES = {
    "INT4": "int4",
    "INT8": "int8",
    "UINT8": "uint8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FLOAT32": "float32",
    "BOOL": "bool",
}
NUMBERS = ("int32", "int64")  # integers that are not codes


def recognizes(header: bytes) -> bool:
    return header[4:8] == IDENTIFIER


def read(data: bytes, name: str, choices: Choices = NOTHING_CHOSEN) -> Graph:
    """Read a file's bytes into a verified graph; raises ``UnsupportedModel`` with all reasons."""
    if not recognizes(data):
        raise UnsupportedModel(name, [Reason(place="", what="is not a TFLite file")])
    try:
        record = decode(data, choices.signature)
    except Damaged as error:
        reason = Reason(place="", what="is a damaged TFLite file", why=str(error))
        raise UnsupportedModel(name, [reason]) from error
    whole = list(subgraph_reasons(record, choices.signature))
    if choices.input_quant:
        what = "takes no --input-quant: .tflite files have the quantization of their inputs"
        whole.append(Reason(place="", what=what, remedy="leave it out"))
    if whole:
        raise UnsupportedModel(name, whole)
    builder = _Builder(record)
    graph, mixing = per_sample(builder.graph(PurePath(name).stem))
    reasons = list(builder.reasons(graph))
    if not reasons:
        reasons = [error.args[0] for error in problems(graph)]
    if reasons:
        raise UnsupportedModel(name, [*mixing, *reasons])
    return graph


def unpack_int4(packed: np.ndarray, count: int) -> np.ndarray:
    """Return ``count`` int8 values from uint8 bytes that hold two each, the low nibble first."""
    nibbles = np.stack([packed & 15, packed >> 4], axis=-1).reshape(-1)[:count]
    return ((nibbles ^ 8).astype(np.int8) - 8).astype(np.int8)


class _Builder:
    """Turns a file's records into a graph, and collects everything that is wrong with them."""

    def __init__(self, record: FileRecord) -> None:
        self.record = record
        self.names = _unique_names(record.tensors)
        self.roles = dict(_roles(record))
        self.unsigned = converted_ends(record)  # tensors that stay uint8
        self.ends: dict[int, End] = {}
        self.faults: list[Reason] = []
        self.faulty: set[str] = set()  # names of tensors that are among the faults
        self.tensors: dict[int, Tensor] = {}
        self.budget = Budget(sum(_elements(t) for t in record.tensors if t.data is not None))
        self.unknown: dict[str, list[int]] = {}  # operator indices by spelling

    def graph(self, name: str) -> Graph:
        """Return the graph of what can be read; ``reasons`` says what cannot."""
        inputs = self.use(self.record.inputs)
        nodes = list(self.nodes())
        outputs = self.use(self.record.outputs)
        sources, results = set(self.record.inputs), set(self.record.outputs)
        before = [end.node(output=False) for i, end in self.ends.items() if i in sources]
        after = [end.node(output=True) for i, end in self.ends.items() if i in results - sources]
        nodes = [*before, *nodes, *after]
        used = {tensor for node in nodes for tensor in (*node.inputs, *node.outputs)}
        used.update(inputs, outputs)
        ordered = [self.tensors[i] for i in sorted(self.tensors)]
        ordered += [end.tensor for end in self.ends.values()]
        return Graph(
            name=name,
            tensors=MappingProxyType({t.name: t for t in ordered if t.name in used}),
            nodes=tuple(nodes),
            inputs=inputs,
            outputs=outputs,
        )

    def use(self, indices: Iterable[int]) -> tuple[str, ...]:
        """The names of the network's inputs or outputs."""
        tensors = [self.tensor(index) for index in indices]
        by_index = zip(indices, tensors, strict=True)
        return tuple(self.ends[i].tensor.name if i in self.ends else t.name for i, t in by_index)

    def tensor(self, index: int) -> Tensor:
        if index not in self.tensors:
            record, name = self.record.tensors[index], self.names[index]
            faults = list(_tensor_faults(name, record, index in self.record.inputs))
            self.faults.extend(faults)
            self.faulty.update(name for _ in faults)
            tensor = _tensor(name, self.roles[index](record) if index in self.roles else record)
            self.tensors[index] = self.signed(index, tensor)
        return self.tensors[index]

    def signed(self, index: int, tensor: Tensor) -> Tensor:
        """The tensor, in int8 if it is uint8; inputs and outputs get a conversion."""
        if index in self.unsigned:
            return tensor
        inner = lowered(tensor)
        if index in uint8_ends(self.record):
            inner = replace(inner, name=self.unique(f"{tensor.name}_int8"))
            self.ends[index] = End(tensor, inner)
        return inner

    def unique(self, name: str) -> str:
        while name in self.names:
            name += "_"
        self.names.append(name)
        return name

    def nodes(self) -> Iterator[Node]:
        for index, record in enumerate(self.record.operators):
            constant = self.constant(record)
            if record.spelling not in SPELLINGS and not constant:
                self.unknown.setdefault(record.spelling, []).append(index)
                continue
            try:
                if constant:
                    self.fold(record)
                else:
                    yield self.node(index, record)
            except Unreadable as error:
                place = f"operator {index} ({record.spelling})"
                self.faults.append(Reason(place=place, what=str(error)))

    def constant(self, record: OperatorRecord) -> bool:
        """Whether an operator only works on constants, or on the shape of a tensor."""
        if record.spelling in SHAPES:
            return len(record.inputs) == len(record.outputs) == 1 and record.inputs[0] >= 0
        row = FOLDED.get(record.spelling)
        tensors = [self.tensor(i) for i in record.inputs if i >= 0]
        if row is None or not tensors or not all(tensor.constant for tensor in tensors):
            return False
        types = (*record.inputs, *record.outputs)
        numbers = all(DTYPES.get(self.record.tensors[i].dtype) in PLAIN for i in types if i >= 0)
        return bool(record.outputs) and (row.moves or numbers)

    def fold(self, record: OperatorRecord) -> None:
        """Compute an operator on constants; its outputs become constants."""
        outputs = tuple(self.tensor(i) for i in record.outputs)
        for tensor in outputs:
            try:
                self.budget.spend(max(0, math.prod(tensor.shape)))
            except Exhausted as error:
                raise Unreadable(str(error)) from error
        if record.spelling in SHAPES:
            sizes = SHAPES[record.spelling](self.tensor(record.inputs[0]).shape)
            made = [checked(sizes, outputs[0])]
        else:
            row = FOLDED[record.spelling]
            options = None if row.options is None else _Options(record, row.options)
            inputs = tuple(self.tensor(i) for i in record.inputs if i >= 0)
            made = folded(row, options, inputs, outputs)
        for index, tensor, data in zip(record.outputs, outputs, made, strict=True):
            self.tensors[index] = replace(tensor, data=data)

    def node(self, index: int, record: OperatorRecord) -> Node:
        spelling = SPELLINGS[record.spelling]
        if mixes_types(self.record, record):
            raise Unreadable("has uint8 and int8 tensors, which only QUANTIZE converts")
        inputs = tuple(None if i < 0 else self.tensor(i) for i in record.inputs)
        outputs = tuple(self.tensor(i) for i in record.outputs)
        own = spelling.own(inputs, outputs)
        options = None if spelling.options is None else _Options(record, spelling.options)
        return Node(
            name=f"{spelling.operator}_{index}",
            operator=spelling.operator,
            inputs=tuple(tensor.name for tensor in own),
            outputs=tuple(tensor.name for tensor in outputs),
            attributes=spelling.attributes(options, inputs, outputs),
            source=record.spelling,
            number=index,
        )

    def reasons(self, graph: Graph) -> Iterator[Reason]:
        """Yield everything that is wrong, from the file as a whole to single operators."""
        if self.record.version != VERSION:
            yield Reason(place="", what=f"has schema version {self.record.version}, not {VERSION}")
        if not self.record.operators:
            yield Reason(place="", what="has no operators: it is no network")
        floating = not any(t.dtype != "float32" for t in graph.tensors.values() if not t.constant)
        floating = floating and bool(graph.nodes)
        yield from float_reasons(self.record, floating)
        if floating:  # what is said of the whole is not said of each tensor
            tensors = zip(self.names, self.record.tensors, strict=True)
            places = {f"tensor {name!r}" for name, tensor in tensors if tensor.dtype == "FLOAT16"}
            self.faults = [fault for fault in self.faults if fault.place not in places]
        hybrids = set(hybrid(self.record))
        for spelling, indices in self.unknown.items():
            yield unsupported(spelling, indices, SPELLINGS)
        yield from self.faults
        broken = set(self.faulty)
        for name, tensor in graph.tensors.items():
            found = [] if name in broken else list(tensor_problems(tensor))
            broken.update(name for _ in found)
            yield from found
        for node in graph.nodes if not floating else ():
            if node.number not in hybrids and not broken.intersection(
                (*node.inputs, *node.outputs)
            ):
                yield from (error.args[0] for error in node_problems(node, graph))


class _Options:
    """The options of an operator; reading a field raises ``Unreadable`` where bytes are missing."""

    def __init__(self, record: OperatorRecord, wanted: type) -> None:
        expected = getattr(tflite.BuiltinOptions, wanted.__name__)
        if record.options is None or record.options_type != expected:
            raise Unreadable(f"lacks its {wanted.__name__}")
        self._options = wanted()
        try:
            self._options.Init(record.options.Bytes, record.options.Pos)
        except DAMAGE as error:  # an offset beyond 32 bits
            raise Unreadable("has damaged options") from error

    def __getattr__(self, field: str) -> Callable[[], Any]:
        try:
            value = getattr(self._options, field)()
        except DAMAGE as error:
            raise Unreadable("has damaged options") from error
        return lambda: value


def _roles(record: FileRecord) -> Iterator[tuple[int, Callable[[TensorRecord], TensorRecord]]]:
    """How kernels read the weights and biases of layers, whatever the tensors' own fields say."""
    for operator in record.operators:
        if operator.spelling in WEIGHTED:
            axis, bias = WEIGHTED[operator.spelling]
            found = dict(enumerate(operator.inputs))
            yield found.get(1, -1), partial(_as_weights, axis)
            yield found.get(bias, -1), _as_bias


def _as_weights(axis: int, weights: TensorRecord) -> TensorRecord:
    """Scales belong to the output channels, if there are as many as in the dimension they name.

    A scale of 0, as of a channel that is always 0, makes a multiplier of 0. So does one so small.
    """
    weights = replace(weights, scale=tuple(s if s else LEAST_SCALE for s in weights.scale))
    scales, named = len(weights.scale), weights.axis
    fits = 0 <= named < len(weights.shape) and weights.shape[named] == scales > 1
    return replace(weights, axis=axis) if fits else weights


def _as_bias(bias: TensorRecord) -> TensorRecord:
    """A vector, whatever shape the file gives it."""
    return replace(bias, shape=(_elements(bias),)) if bias.data is not None else bias


def _unique_names(records: tuple[TensorRecord, ...]) -> list[str]:
    """Return a name for each tensor: numbered where the file's is empty or used twice."""
    taken, names = set(), []
    for index, record in enumerate(records):
        name = record.name or f"tensor_{index}"
        while name in taken:
            name = f"{name}_{index}"
        taken.add(name)
        names.append(name)
    return names


def _tensor_faults(name: str, record: TensorRecord, given: bool) -> Iterator[Reason]:
    """Yield what is wrong with a tensor, which may be ``given`` to the network.

    An inner shape may be open where the file has sizes for it, which are those that kernels use.
    """
    place = f"tensor {name!r}"
    if record.dtype not in DTYPES:
        what = f"has the type {record.dtype}, which is not supported"
        yield Reason(place=place, what=what, remedy=QUANTIZE_REMEDY)
    if any(size < 0 for size in record.shape) or (record.dynamic and given):
        what = f"has a shape that is not fixed {record.shape}"
        yield Reason(place=place, what=what, remedy="convert the model with fixed shapes")
    if record.sparse:
        remedy = "convert the model without sparsity"
        yield Reason(place=place, what="is stored sparsely", remedy=remedy)
    if record.external:
        yield Reason(place=place, what="has its data outside the flatbuffer")
    if record.state:
        remedy = "convert the model without variables"
        yield Reason(place=place, what="keeps its value between invocations", remedy=remedy)
    if record.custom_quantization:
        yield Reason(place=place, what="has a custom quantization", remedy="use an affine one")
    if record.data is not None and record.dtype in DTYPES and not record.sparse:
        expected = _data_bytes(record)
        if len(record.data) != expected:
            what = f"has {len(record.data)} bytes of data, not {expected}"
            yield Reason(place=place, what=what)


def _elements(record: TensorRecord) -> int:
    count = 1
    for size in record.shape:
        count *= max(size, 0)
    return count


def _data_bytes(record: TensorRecord) -> int:
    dtype = DTYPES[record.dtype]
    count = _elements(record)
    return (count + 1) // 2 if dtype == "int4" else count * np.dtype(dtype).itemsize


def _tensor(name: str, record: TensorRecord) -> Tensor:
    """Return our tensor; data of a wrong size, which is reported elsewhere, is left out.

    As in TFLite Micro, scales without zero points are ignored, and so is an impossible
    quantization of integers that are not codes, such as biases.
    """
    dtype = DTYPES.get(record.dtype, "float32")
    quantized = dtype not in ("float32", "bool") and record.scale and record.zero_point
    q = Quantization(scale=record.scale, zero_point=record.zero_point, axis=record.axis)
    data = None
    if record.data is not None and record.dtype in DTYPES:
        whole = len(record.data) == _data_bytes(record)
        data = _data(record, record.data, dtype) if whole else None
    tensor = Tensor(
        name=name,
        shape=record.shape,
        dtype=dtype,
        quantization=q if quantized else None,
        data=data,
    )
    odd = dtype in NUMBERS and any(tensor_problems(tensor))
    return replace(tensor, quantization=None) if odd else tensor


def _data(record: TensorRecord, stored: bytes, dtype: str) -> np.ndarray:
    if dtype == "int4":
        packed = np.frombuffer(stored, np.uint8)
        data = unpack_int4(packed, _elements(record)).reshape(record.shape)
    else:
        little_endian = np.dtype(dtype).newbyteorder("<")
        data = np.frombuffer(stored, little_endian).astype(dtype).reshape(record.shape)
    data.flags.writeable = False
    return data


def spellings(data: bytes) -> list[str]:
    """The file's operators in order; none where it cannot be read."""
    try:
        return [record.spelling for record in decode(data).operators]
    except Damaged:
        return []


FRONTEND = Frontend(
    name="TensorFlow Lite",
    suffixes=(".tflite",),
    recognizes=recognizes,
    read=read,
    spellings=spellings,
    contracts=("tflm", "single"),
    operators=MappingProxyType(
        {
            **{name: row.operator for name, row in SPELLINGS.items()},
            **{name: "" for name in (*SHAPES, *FOLDED) if name not in SPELLINGS},
        }
    ),
)
