"""TensorFlow Lite: flatbuffers of schema version 3, quantized to int8 (weights also to int4)."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import PurePath
from types import MappingProxyType
from typing import Any

import tflite

from ...diagnostics import Reason
from ...graph.fold_constants import fold_constants
from ...graph.samples import per_sample
from ...graph.verify import node_problems, problems, tensor_problems
from ...ir.graph import Graph, Node, State, Tensor
from .._folding import Budget, Exhausted
from .._frontend import NOTHING_CHOSEN, Choices, Frontend, UnsupportedModel
from .._unsupported import unsupported
from .causes import float_reasons, hybrid, subgraph_reasons
from .constants import FOLDED, PLAIN, SHAPES, checked, folded
from .file import DAMAGE, Damaged, FileRecord, OperatorRecord, called_once, decode
from .operators import SPELLINGS
from .spelling import Unreadable
from .tensors import DTYPES, elements, roles, tensor_faults, tensor_of, unique_names
from .uint8 import End, converted_ends, lowered, mixes_types, uint8_ends
from .variable_tensors import VariableTensors
from .variables import CALL_ONCE, VARIABLES, Variables

IDENTIFIER = b"TFL3"
VERSION = 3


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
    graph = builder.graph(PurePath(name).stem).replace(contract=choices.contract or "tflm")
    graph, mixing = per_sample(fold_constants(graph))
    reasons = list(builder.reasons(graph))
    if not reasons:
        reasons = [error.args[0] for error in problems(graph)]
    if reasons:
        raise UnsupportedModel(name, [*mixing, *reasons])
    return graph


class _Builder:
    """Turns a file's records into a graph, and collects everything that is wrong with them."""

    def __init__(self, record: FileRecord) -> None:
        self.record = record
        self.names = unique_names(record.tensors)
        self.roles = dict(roles(record))
        self.unsigned = converted_ends(record)  # tensors that stay uint8
        self.ends: dict[int, End] = {}
        self.faults: list[Reason] = []
        self.faulty: set[str] = set()  # names of tensors that are among the faults
        self.tensors: dict[int, Tensor] = {}
        self.budget = Budget(sum(elements(t) for t in record.tensors if t.data is not None))
        self.unknown: dict[str, list[int]] = {}  # operator indices by spelling
        self.variables = Variables(self.tensor)
        self.updated = VariableTensors(record, SPELLINGS)
        self.updates: list[Tensor] = []  # what nodes leave of variable tensors

    def graph(self, name: str) -> Graph:
        """Return the graph of what can be read; ``reasons`` says what cannot."""
        inputs = self.use(self.record.inputs)
        nodes = list(self.nodes())
        outputs = self.use(self.record.outputs)
        sources, results = set(self.record.inputs), set(self.record.outputs)
        before = [end.node(output=False) for i, end in self.ends.items() if i in sources]
        after = [end.node(output=True) for i, end in self.ends.items() if i in results - sources]
        states, shaped = list[State](), list[Tensor]()
        for one in self.variables.states(self.unique):
            if isinstance(one, State):
                states.append(one)
            elif isinstance(one, Tensor):
                shaped.append(one)
            elif isinstance(one, Node):
                nodes.append(one)
            else:
                self.faults.append(one)
        states += self.updated.states()
        shaped += self.updates
        nodes = [*before, *nodes, *after]
        used = {tensor for node in nodes for tensor in (*node.inputs, *node.outputs)}
        used.update(inputs, outputs)
        used.update(name for state in states for name in (state.read, state.written))
        ordered = [self.tensors[i] for i in sorted(self.tensors)]
        ordered += [*(end.tensor for end in self.ends.values()), *shaped]
        return Graph(
            name=name,
            tensors=MappingProxyType({t.name: t for t in ordered if t.name in used}),
            nodes=tuple(nodes),
            inputs=inputs,
            outputs=outputs,
            states=tuple(states),
        )

    def use(self, indices: Iterable[int]) -> tuple[str, ...]:
        """The names of the network's inputs or outputs."""
        tensors = [self.tensor(index) for index in indices]
        by_index = zip(indices, tensors, strict=True)
        return tuple(self.ends[i].tensor.name if i in self.ends else t.name for i, t in by_index)

    def tensor(self, index: int) -> Tensor:
        if index not in self.tensors:
            record, name = self.record.tensors[index], self.names[index]
            own = index in self.updated.known
            checked_as = replace(record, state=record.state and not own)
            faults = list(tensor_faults(name, checked_as, index in self.record.inputs))
            self.faults.extend(faults)
            self.faulty.update(name for _ in faults)
            tensor = tensor_of(name, self.roles[index](record) if index in self.roles else record)
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
            variable = record.spelling in VARIABLES
            constant = not variable and self.constant(record)
            if record.spelling not in SPELLINGS and not constant and not variable:
                self.unknown.setdefault(record.spelling, []).append(index)
                continue
            try:
                if record.spelling == CALL_ONCE:
                    self.begin(record)
                elif variable:
                    yield from self.variables.take(index, record)
                elif constant:
                    self.fold(record)
                else:
                    yield self.node(index, record)
            except Unreadable as error:
                place = f"operator {index} ({record.spelling})"
                self.faults.append(Reason(place=place, what=str(error)))

    def begin(self, record: OperatorRecord) -> None:
        """Initialize variables by the subgraph that a CALL_ONCE runs: it may assign constants."""
        number = called_once(record)
        once = self.record.once.get(-1 if number is None else number)
        if once is None:
            raise Unreadable("is in a subgraph that a CALL_ONCE runs itself")
        inner = _Builder(once)
        more = [*inner.nodes(), *inner.unknown]
        if more or inner.faults:
            why = f"; {inner.faults[0]}" if inner.faults else ""
            raise Unreadable(f"runs a subgraph that does more than assign constants{why}")
        self.variables.begin(inner.variables)

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
        options = None if spelling.options is None else _Options(record, spelling.options)
        own, attributes = spelling.read(options, inputs, outputs)
        for number in spelling.variables:
            before, left = self.update(record.inputs[number])
            at = spelling.chosen.index(number)
            own, outputs = (*own[:at], before, *own[at + 1 :]), (*outputs, left)
        return Node(
            name=f"{spelling.operator}_{index}",
            operator=spelling.operator,
            inputs=tuple(tensor.name for tensor in own),
            outputs=tuple(tensor.name for tensor in outputs),
            attributes=attributes,
            source=record.spelling,
            number=index,
        )

    def update(self, index: int) -> tuple[Tensor, Tensor]:
        """What a node reads of a variable tensor, and what it leaves. Raises ``Unreadable``."""
        tensor = self.tensor(index)
        if index not in self.updated.known:
            what = "is no variable tensor that such operators alone use"
            raise Unreadable(f"has a state {tensor.name!r}, which {what}; convert the model anew")
        before, left = self.updated.update(index, tensor, self.unique)
        self.updates.append(left)
        return before, left

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


def spellings(data: bytes) -> list[str]:
    """The file's operators in order; none where it cannot be read."""
    try:
        return [record.spelling for record in decode(data).operators]
    except Damaged:
        return []


FRONTEND = Frontend(
    name="TensorFlow Lite",
    suffixes=(".tflite",),
    read=read,
    spellings=spellings,
    contracts=("tflm", "single"),
    operators=MappingProxyType(
        {
            **{name: row.operator for name, row in SPELLINGS.items()},
            **{name: "" for name in (*SHAPES, *FOLDED, *VARIABLES) if name not in SPELLINGS},
        }
    ),
)
