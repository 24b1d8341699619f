"""The contents of an ONNX file as plain records, read without trusting the file.

The ``onnx`` package parses the protocol buffer; it is imported only when needed, since that takes
long. No other file is opened here (see `external_data`), and memory stays below a small multiple of
the file's size: what will become objects is counted first.
"""

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from .wire import MAX_FIELDS, fields

ONNX_DOMAINS = ("", "ai.onnx")
# Operators of ONNX Runtime's own domain that are ONNX's under another name.
RENAMED = ("QuantizeLinear", "DequantizeLinear", "Gelu")
LEAST_OPSET = 9  # the last that has Upsample; of quantized operators, those of ONNX Runtime
MAX_NODES = 2**13  # more than any core has memory for

# TensorProto.DataType: name, NumPy's type, and the field of values that are not raw.
ELEMENTS = {
    1: ("float32", np.float32, "float_data"),
    2: ("uint8", np.uint8, "int32_data"),
    3: ("int8", np.int8, "int32_data"),
    6: ("int32", np.int32, "int32_data"),
    7: ("int64", np.int64, "int64_data"),
    9: ("bool", np.bool_, "int32_data"),
    11: ("float64", np.float64, "double_data"),
    21: ("uint4", np.uint8, "int32_data"),
    22: ("int4", np.int8, "int32_data"),
}
FOUR_BITS = {21: (0, 15), 22: (-8, 7)}  # UINT4 and INT4: two values a byte, the lower half first
EXTERNAL = 1  # TensorProto.DataLocation
ONE_FILE = (
    "save the model as one file (onnx.save without save_as_external_data, or torch.onnx.export "
    "with external_data=False)"
)


class Damaged(Exception):
    """The bytes are no ONNX file, or not all of one."""


class UnreadableConstant(Exception):
    """A constant of a type or place that cannot be read: what, and the remedy.

    ``dtype`` is the name of a type that is the cause.
    """

    def __init__(self, what: str, remedy: str, dtype: str = "") -> None:
        super().__init__(what, remedy)
        self.dtype = dtype


@dataclass(frozen=True, kw_only=True)
class Port:
    """An input or output of the graph; ``shape`` has None or a name where a size is not fixed."""

    name: str
    dtype: str
    shape: tuple[int | str | None, ...] | None


@dataclass(frozen=True, kw_only=True, eq=False)
class NodeRecord:
    """A node as the file has it; absent inputs are empty strings, ``index`` counts from 0."""

    index: int
    spelling: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    control_flow: bool = False
    added: str = ""  # the input that this node of ours, which is not in the file, quantizes

    @property
    def place(self) -> str:
        if self.added:
            return f"input {self.added!r}"
        return f"operator {self.index} ({self.spelling})"


@dataclass(frozen=True, kw_only=True, eq=False)
class FileRecord:
    """All of an ONNX file that the reader looks at."""

    opset: int
    nodes: tuple[NodeRecord, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    constants: dict[str, np.ndarray]
    unreadable: dict[str, UnreadableConstant]
    four_bits: dict[str, tuple[int, int]]  # of constants of 4-bit integers, their type's ends
    ir_version: int

    @property
    def open_batch(self) -> bool:
        """Whether the first dimension of an input has no fixed size."""
        return any(port.shape and not isinstance(port.shape[0], int) for port in self.inputs)


def parse(data: bytes) -> Any:
    """Parse a file's bytes into a ``ModelProto``; raises ``Damaged``."""
    import onnx
    from google.protobuf.message import DecodeError

    model = onnx.ModelProto()
    if fields(data, model.DESCRIPTOR) > MAX_FIELDS:
        raise Damaged(f"it has more than {MAX_FIELDS} fields")
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise Damaged("its bytes are no protocol buffer of a model, or it is cut off") from error
    if not model.HasField("graph"):
        raise Damaged("it has no graph")
    return model


def decode(data: bytes) -> FileRecord:
    """Return the records of a file; raises ``Damaged`` and nothing else."""
    model = parse(data)
    graph = model.graph
    if len(graph.node) > MAX_NODES:
        raise Damaged(f"it has {len(graph.node)} nodes, more than {MAX_NODES}")
    versions = [entry.version for entry in model.opset_import if text(entry.domain) in ONNX_DOMAINS]
    constants: dict[str, np.ndarray] = {}
    unreadable: dict[str, UnreadableConstant] = {}
    for tensor in graph.initializer:
        try:
            constants[text(tensor.name)] = array_of(tensor)
        except UnreadableConstant as error:
            unreadable[text(tensor.name)] = error
    for sparse in graph.sparse_initializer:
        name = text(sparse.values.name)
        unreadable[name] = UnreadableConstant("is stored sparsely", "store it densely")
    known = {*constants, *unreadable}
    return FileRecord(
        opset=max(versions, default=1),
        nodes=tuple(_node(index, node) for index, node in enumerate(graph.node)),
        inputs=tuple(_port(value) for value in graph.input if text(value.name) not in known),
        outputs=tuple(_port(value) for value in graph.output),
        constants=constants,
        unreadable=unreadable,
        four_bits=_four_bit_names(graph),
        ir_version=model.ir_version,
    )


def _four_bit_names(graph: Any) -> dict[str, tuple[int, int]]:
    kinds = {text(tensor.name): tensor.data_type for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.output:
            kinds |= {text(node.output[0]): a.t.data_type for a in node.attribute}
    return {name: FOUR_BITS[kind] for name, kind in kinds.items() if kind in FOUR_BITS}


def newest_opset() -> int:
    """The newest set of operators that the ``onnx`` package knows."""
    import onnx

    return onnx.defs.onnx_opset_version()


def _type_name(tensor: Any) -> str:
    from onnx import TensorProto

    number = tensor.elem_type if hasattr(tensor, "elem_type") else tensor.data_type
    names = {value: name.lower() for name, value in TensorProto.DataType.items()}
    return names[number] if number in names and number else "of no type that is known"


def text(value: str | bytes) -> str:
    """A name; the parser leaves those that are no UTF-8 as bytes."""
    return value if isinstance(value, str) else value.decode("utf-8", errors="replace")


def unknown(dim: Any) -> bool:
    """Whether a size is not fixed: exporters name it, leave it out, or write -1."""
    return not dim.HasField("dim_value") or dim.dim_value < 0


def _port(value: Any) -> Port:
    tensor = value.type.tensor_type
    dtype = ELEMENTS[tensor.elem_type][0] if tensor.elem_type in ELEMENTS else _type_name(tensor)
    shape = None
    if value.type.HasField("tensor_type") and tensor.HasField("shape"):
        shape = tuple(
            text(dim.dim_param) or None if unknown(dim) else dim.dim_value
            for dim in tensor.shape.dim
        )
    return Port(name=text(value.name), dtype=dtype, shape=shape)


def _node(index: int, node: Any) -> NodeRecord:
    from onnx import AttributeProto

    attributes: dict[str, Any] = {}
    control_flow = False
    for attribute in node.attribute:
        kind, name = attribute.type, text(attribute.name)
        if kind in (AttributeProto.GRAPH, AttributeProto.GRAPHS):
            control_flow = True
        elif kind == AttributeProto.TENSOR:
            try:
                attributes[name] = array_of(attribute.t)
            except UnreadableConstant as error:
                attributes[name] = error
        elif kind == AttributeProto.STRING:
            attributes[name] = attribute.s.decode("utf-8", errors="replace")
        elif kind in (AttributeProto.INT, AttributeProto.FLOAT):
            attributes[name] = attribute.i if kind == AttributeProto.INT else attribute.f
        elif kind in (AttributeProto.INTS, AttributeProto.FLOATS):
            values = attribute.ints if kind == AttributeProto.INTS else attribute.floats
            attributes[name] = tuple(values)
    domain, spelling = text(node.domain), text(node.op_type)
    own = domain in ONNX_DOMAINS or (domain == "com.microsoft" and spelling in RENAMED)
    return NodeRecord(
        index=index,
        spelling=spelling if own else f"{domain}.{spelling}",
        domain=domain,
        inputs=tuple(map(text, node.input)),
        outputs=tuple(map(text, node.output)),
        attributes=attributes,
        control_flow=control_flow,
    )


def array_of(tensor: Any) -> np.ndarray:
    """The array of a constant. Raises ``UnreadableConstant``."""
    if tensor.data_type not in ELEMENTS:
        name = _type_name(tensor)
        what = f"is {name}, which is not supported"
        raise UnreadableConstant(what, "quantize the model to int8", name)
    if tensor.data_location == EXTERNAL or tensor.external_data:
        raise UnreadableConstant("has its data in another file", ONE_FILE)
    _, dtype, field = ELEMENTS[tensor.data_type]
    shape = tuple(tensor.dims)
    if any(size < 0 for size in shape):
        raise UnreadableConstant(f"has an impossible shape {shape[:9]}", "")
    expected = math.prod(shape)
    if tensor.data_type in FOUR_BITS:
        return _four_bits(tensor, shape)
    little_endian = np.dtype(dtype).newbyteorder("<")
    data: np.ndarray
    if tensor.HasField("raw_data"):
        given, whole = len(tensor.raw_data), expected * little_endian.itemsize
        if given != whole:
            raise UnreadableConstant(f"has {given} bytes of data, not {whole}", "")
        data = np.frombuffer(tensor.raw_data, little_endian).astype(dtype)
    else:
        values = getattr(tensor, field)
        if len(values) != expected:
            raise UnreadableConstant(f"has {len(values)} values, not {expected}", "")
        wide = np.array(values, np.float64 if field == "double_data" else None)
        data = wide.astype(dtype)
        if len(values) and np.issubdtype(dtype, np.integer) and (data != wide).any():
            raise UnreadableConstant(f"has values outside {np.dtype(dtype).name}", "")
    data = data.reshape(shape)
    data.flags.writeable = False
    return data


def _four_bits(tensor: Any, shape: tuple[int, ...]) -> np.ndarray:
    """A constant of two values a byte, as int8 or uint8."""
    expected = math.prod(shape)
    if tensor.HasField("raw_data"):
        packed = np.frombuffer(tensor.raw_data, np.uint8)
    else:
        values = np.array(tensor.int32_data, np.int64)
        if ((values < 0) | (values > 255)).any():
            raise UnreadableConstant("has values outside uint8 for two of 4 bits", "")
        packed = values.astype(np.uint8)
    if len(packed) != -(-expected // 2):
        what = f"has {len(packed)} bytes of data, not {-(-expected // 2)}"
        raise UnreadableConstant(what, "")
    halves = np.stack([packed & 15, packed >> 4], axis=1).reshape(-1)[:expected]
    low, _ = FOUR_BITS[tensor.data_type]
    signed = (halves.astype(np.int8) ^ low) - low if low else halves
    data: np.ndarray = signed.astype(ELEMENTS[tensor.data_type][1]).reshape(shape)
    data.flags.writeable = False
    return data


def in_order(record: FileRecord) -> tuple[list[NodeRecord], list[NodeRecord]]:
    """Return the nodes in an order in which they can run, and those that never can.

    Nodes keep the file's order where it is one. The others wait for themselves or for tensors that
    nothing makes.
    """
    ready = {port.name for port in record.inputs} | {*record.constants, *record.unreadable, ""}
    waiting: dict[str, list[NodeRecord]] = {}
    missing: Counter[int] = Counter()
    ordered: list[NodeRecord] = []
    for node in record.nodes:
        fresh = [node]
        while fresh:
            current = fresh.pop()
            lacks = {name for name in current.inputs if name not in ready}
            if lacks:
                missing[current.index] = len(lacks)
                for name in lacks:
                    waiting.setdefault(name, []).append(current)
                continue
            ordered.append(current)
            for name in current.outputs:
                if name in ready:
                    continue
                ready.add(name)
                for other in waiting.pop(name, ()):
                    missing[other.index] -= 1
                    if missing[other.index] == 0:
                        fresh.append(other)
    done = {node.index for node in ordered}
    return ordered, [node for node in record.nodes if node.index not in done]
