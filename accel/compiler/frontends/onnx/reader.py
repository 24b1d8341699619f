"""ONNX: models quantized to 8 bits, with operators on codes (QOperator) or between
QuantizeLinear and DequantizeLinear (QDQ).

Their convolutions are channels-first, our graph is channels-last: constants are permuted when the
file is read, and activations keep a note of their layout. Inputs and outputs stay as the file has
them.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import PurePath
from types import MappingProxyType

from ...diagnostics import Reason, together
from ...graph.sample_axis import with_axis
from ...graph.samples import along_open_batch, per_sample
from ...graph.verify import STATE, problems, tensor_problems
from ...ir.graph import Graph, Tensor
from ...operators.dequantize import Dequantize
from ...operators.quantize import Quantize
from ...operators.reshape import Reshape
from .._frontend import NOTHING_CHOSEN, Choices, Frontend, UnsupportedModel
from .._unsupported import unsupported
from . import causes
from .builder import Builder, Skipped, Unreadable
from .external_data import whole
from .file import LEAST_OPSET, Damaged, FileRecord, NodeRecord, Port, decode, in_order, newest_opset
from .input_quant import BadQuantizer, with_quantizers
from .low_bit.low_bit import LEAST_OPSET as LEAST_LOW_BIT_OPSET
from .low_bit.low_bit import low_bit
from .readers.operators import READERS, quantizes, reader
from .values import Activation, Constant, Missing, Pending, Value, identity

INPUT_TYPES = ("float32", "int8", "uint8")
QUANTIZE_REMEDY = "quantize it with `accel quantize`"
# What NumPy and Python raise where an operator's constants do not fit together.
NONSENSE = (ValueError, TypeError, IndexError, OverflowError, ZeroDivisionError)
NORMALIZATIONS = (
    "InstanceNormalization",
    "GroupNormalization",
    "GroupNorm",
    "SkipLayerNormalization",
    "LpNormalization",
    "MeanVarianceNormalization",
    "LRN",
)
NORMALIZES = "it divides by what it finds of each sample's own values, which the core cannot"
CUSTOM_REMEDY = "use operators of ONNX itself"


def read(data: bytes, name: str, choices: Choices = NOTHING_CHOSEN) -> Graph:
    """Read a file's bytes into a verified graph; raises ``UnsupportedModel`` with all reasons."""
    try:
        record = decode(data)
    except Damaged as error:
        reason = Reason(place="", what="is a damaged ONNX file", why=str(error))
        raise UnsupportedModel(name, [reason]) from error
    reasons = list(_choice_reasons(choices))
    try:
        record = with_quantizers(record, choices.input_quant)
    except BadQuantizer as error:
        reasons.append(error.args[0])
    reasons = reasons or list(_file_reasons(record))
    if not reasons:
        reading = _Reading(record)
        read_graph = reading.graph(PurePath(name).stem)
        graph, mixing = per_sample(read_graph)
        along = along_open_batch(read_graph) if record.open_batch else ()
        reasons = reading.faults or [*along, *(error.args[0] for error in problems(graph))]
        reasons = [*mixing, *reasons] if reasons else []
    if reasons:
        raise UnsupportedModel(name, reasons)
    return graph


def spellings(data: bytes) -> list[str]:
    """The file's operators in order; none where it cannot be read."""
    try:
        return [node.spelling for node in decode(data).nodes]
    except Damaged:
        return []


def _choice_reasons(choices: Choices) -> Iterator[Reason]:
    if choices.signature is not None:
        what = f"has no signature {choices.signature!r}: ONNX files have one network"
        yield Reason(place="", what=what, remedy="leave --signature out")


def _file_reasons(record: FileRecord) -> Iterator[Reason]:
    """Yield what is wrong with the file as a whole, before operators are read."""
    whole = [*causes.of_the_file(record)]
    told: set[int] = set()
    for reason, cause, nodes in causes.of_operators(record):
        told.update(node.index for node in nodes)
        if cause.whole:
            whole.append(reason)
        elif not whole:
            yield reason
    yield from whole
    if whole:
        return
    floating = any(port.dtype == "float32" for port in (*record.inputs, *record.outputs))
    if floating and not any(quantizes(node.spelling) for node in record.nodes):
        yield Reason(place="", what="is a float32 model", remedy=QUANTIZE_REMEDY)
        return
    newest = newest_opset()
    least = LEAST_LOW_BIT_OPSET if low_bit(record) else LEAST_OPSET
    if not least <= record.opset <= newest:
        what = f"has opset {record.opset}, not {least} to {newest}"
        yield Reason(place="", what=what, remedy="convert it with onnx.version_converter")
    if not record.outputs or not (record.inputs or record.nodes):
        yield Reason(place="", what="has no input or no output")
    unknown: dict[str, list[NodeRecord]] = {}
    for node in record.nodes:
        unread = node.control_flow or node.spelling not in READERS
        if unread and node.index not in told:
            unknown.setdefault(node.spelling, []).append(node)
    for nodes in unknown.values():
        yield _unknown_operator(nodes)
    written: set[str] = {*record.constants, *record.unreadable, *(p.name for p in record.inputs)}
    ready, stuck = in_order(record)
    yield from _never_ready(stuck, written.union(*(node.outputs for node in ready)))
    for node in record.nodes:
        for name in filter(None, node.outputs):
            if name in written:
                yield Reason(place=node.place, what=f"writes {name!r}, which is set already")
            written.add(name)


def _unknown_operator(nodes: list[NodeRecord]) -> Reason:
    indices, spelling = [node.index for node in nodes], nodes[0].spelling
    if any(node.control_flow for node in nodes):
        remedy = "export the model without control flow"
        place = together([node.place for node in nodes])
        return Reason(place=place, what="has a graph of its own", remedy=remedy)
    if spelling.rpartition(".")[2] in NORMALIZATIONS:
        place = together([node.place for node in nodes])
        remedy = "train it with BatchNormalization, whose mean and variance are constants"
        return Reason(place=place, what="is not supported", why=NORMALIZES, remedy=remedy)
    own = CUSTOM_REMEDY if nodes[0].domain not in ("", "ai.onnx") else None
    return unsupported(spelling, indices, READERS, own)


def _never_ready(stuck: list[NodeRecord], set_before: set[str]) -> Iterator[Reason]:
    """Yield why operators can never run; not for those that only wait for such operators."""
    made = {name for node in stuck for name in node.outputs}
    unset = [
        (node, name)
        for node in stuck
        for name in node.inputs
        if name and name not in made and name not in set_before
    ]
    for node, name in unset:
        yield Reason(place=node.place, what=f"reads {name!r}, which nothing writes before")
    if unset:
        return
    readers: Counter[str] = Counter(name for node in stuck for name in set(node.inputs))
    writers = {name: node for node in stuck for name in node.outputs}
    after = [node for node in stuck if not any(readers[name] for name in node.outputs)]
    on_cycles = {node.index: node for node in stuck}
    while after:
        node = after.pop()
        if on_cycles.pop(node.index, None) is None:
            continue
        for name in set(node.inputs):
            readers[name] -= 1
            before = writers.get(name)
            if before is not None and not any(readers[output] for output in before.outputs):
                after.append(before)
    for node in on_cycles.values():
        what, why = "waits for its own result", "there is a cycle"
        yield Reason(place=node.place, what=what, why=why, remedy=STATE)


class _Reading:
    """Reads the operators in order, and collects everything that is wrong with them."""

    def __init__(self, record: FileRecord) -> None:
        self.record = record
        self.builder = Builder(record)
        self.faults: list[Reason] = []

    def graph(self, name: str) -> Graph:
        """Return the graph of what can be read; the rest goes to ``faults``."""
        b, record = self.builder, self.record
        for constant, data in record.constants.items():
            b.values[constant] = Constant(data)
        self._unreadable_constants()
        inputs = tuple(filter(None, [self._input(port) for port in record.inputs]))
        for node in in_order(record)[0]:
            self._node(node)
        outputs = tuple(filter(None, [self._output(port) for port in record.outputs]))
        if not self.faults and len(set(outputs)) != len(record.outputs):
            self.faults.append(Reason(place="", what="has an output twice"))
        graph = b.finished(name, inputs, outputs)
        used = {tensor for node in graph for tensor in node.inputs} | set(outputs)
        for tensor in () if self.faults else inputs:
            if tensor not in used:
                what = f"input {tensor!r} is not used by any operator that an output needs"
                self.faults.append(Reason(place="", what=what, remedy="remove it"))
        return graph

    def _fault(self, place: str, error: Unreadable) -> None:
        reason = Reason(place=place, what=error.what, why=error.why, remedy=error.remedy)
        self.faults.append(reason)

    def _unreadable_constants(self) -> None:
        for name, error in self.record.unreadable.items():
            self.builder.values[name] = Missing()
            what, remedy = error.args
            self.faults.append(Reason(place=f"tensor {name!r}", what=what, remedy=remedy))

    def _node(self, node: NodeRecord) -> None:
        b = self.builder
        values: list[Value] = []
        try:
            with b.at(node):
                values = reader(b)(b)
        except Skipped:
            pass
        except Unreadable as error:
            self._fault(node.place, error)
        except NONSENSE as error:
            self._fault(
                node.place,
                Unreadable("has inputs or attributes that do not fit together", str(error)),
            )
        for index, name in enumerate(node.outputs):
            if name:
                b.values[name] = values[index] if index < len(values) else Missing()

    # The network's ends.

    def _end(self, kind: str, name: str) -> NodeRecord:
        """A record for the operators that we add at an input or output; it names their tensors."""
        index = len(self.record.nodes)
        return NodeRecord(
            index=index, spelling=kind, domain="", inputs=(), outputs=(name,), attributes={}
        )

    def _input(self, port: Port) -> str | None:
        b = self.builder
        fault = _port_fault(port)
        if fault is not None:
            self.faults.append(fault)
            b.values[port.name] = Missing()
            return None
        shape = tuple(size if isinstance(size, int) else 1 for size in port.shape or ())
        found = list(
            tensor_problems(Tensor(name=port.name, shape=with_axis(shape), dtype=port.dtype))
        )
        if found:
            self.faults.extend(found)
            b.values[port.name] = Missing()
            return None
        name = tensor = b.add_tensor(port.name, shape, port.dtype)
        unsigned = port.dtype == "uint8"
        if unsigned:
            with b.at(self._end("input", f"{name}_int8")):
                tensor = b.add_node("quantize", Quantize(), (name,), shape)
            b.share_quantization(tensor, name)
        real = port.dtype == "float32"
        b.values[port.name] = Activation(tensor, shape, identity(len(shape)), real, unsigned)
        return name

    def _output(self, port: Port) -> str | None:
        b = self.builder
        value = b.values.get(port.name)
        try:
            if value is None:
                raise Unreadable("is not written by any operator")
            if any(port.name == other.name for other in self.record.inputs):
                raise Unreadable("is an input too", "", "give it an Identity of its own")
            with b.at(self._end("output", f"{port.name}_numbers")):
                return self._finished_output(port, value)
        except Unreadable as error:
            self._fault(f"output {port.name!r}", error)
        return None

    def _finished_output(self, port: Port, value: Value) -> str | None:
        b = self.builder
        if isinstance(value, Missing):
            return None
        if isinstance(value, Pending):
            value = _real_form(value)
        if not isinstance(value, Activation):
            raise Unreadable("is constant", "it depends on no input")
        value = b.plain(value)
        tensor, shape = value.tensor, value.shape
        if value.real and b.tensors[tensor].dtype != "float32":
            tensor = b.add_node("dequantize", Dequantize(), (tensor,), shape, "float32")
        elif value.unsigned and not value.real:
            codes = tensor
            tensor = b.add_node("quantize", Quantize(), (codes,), shape, "uint8")
            b.share_quantization(codes, tensor)
        taken = {*b.ends, *(other.name for other in self.record.inputs)}
        if tensor in taken:
            tensor = b.moved("reshape", Reshape(), tensor, shape)
        return b.end(tensor, port.name)


def _real_form(pending: Pending) -> Activation:
    if pending.numbers is not None and pending.to_integers is not None:
        value = pending.to_integers()
        for view in pending.views:
            value = view(value)
        return value
    if pending.to_numbers is not None:
        value = pending.to_numbers(pending.steps)
        for view in pending.views:
            value = view(value)
        return value
    if pending.to_sums is not None:
        value = pending.to_sums(pending)
        for view in pending.views:
            value = view(value)
        return value
    if pending.to_real is None or pending.activation != "none":
        remedy = "put QuantizeLinear and DequantizeLinear after it"
        what = f"is not quantized: its outputs are int32 sums of {pending.place}"
        raise Unreadable(what, "", remedy)
    value = pending.to_real()
    for view in pending.views:
        value = view(value)
    return value


def _port_fault(port: Port) -> Reason | None:
    place = f"input {port.name!r}"
    if port.dtype not in INPUT_TYPES:
        remedy = f"use one of {', '.join(INPUT_TYPES)}"
        return Reason(place=place, what=f"is {port.dtype}", remedy=remedy)
    if port.shape is None:
        return Reason(place=place, what="has no shape", remedy="export the model with fixed shapes")
    free = [
        f"{axis} ({size})" if size else str(axis)
        for axis, size in enumerate(port.shape)
        if axis > 0 and not isinstance(size, int)
    ]
    if free:
        noun = "dimension" if len(free) == 1 else "dimensions"
        what = f"has no fixed size in {noun} {', '.join(free)}"
        return Reason(place=place, what=what, remedy="export the model with fixed shapes")
    return None


FRONTEND = Frontend(
    name="ONNX",
    suffixes=(".onnx",),
    read=read,
    spellings=spellings,
    whole=whole,
    contracts=("onnx",),
    operators=MappingProxyType({name: row[0] for name, row in READERS.items()}),
)
