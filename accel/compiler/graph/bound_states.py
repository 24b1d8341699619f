"""States that a file has as an output and an input: what goes out goes in again, as its user says.

A file's own ends may be float32 or uint8, or in another order of dimensions than the network
computes in, with conversions after its inputs and before its outputs. A state is kept as what lies
between these: the conversion after the input is moved to before the output, where it meets its
inverse.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ...numeric.rounding import CONTRACTS
from ..diagnostics import Reason
from ..ir.graph import Graph, Node, State, Tensor
from ..operators import OPERATORS

_CONVERSIONS = ("quantize", "dequantize")
_MOVES = ("transpose", "reshape")


def bound(graph: Graph, pairs: Sequence[str]) -> tuple[Graph, list[Reason]]:
    """The graph with states for pairs of an output and an input, ``OUT=IN``, and what is wrong with
    the pairs.

    A state begins with the real number 0: its input's zero point.
    """
    reasons: list[Reason] = []
    for text in pairs:
        found = _ends(text, graph)
        if isinstance(found, Reason):
            reasons.append(found)
            continue
        output, given = found
        read, written = graph.tensor(given), graph.tensor(output)
        if (read.shape, read.dtype) != (written.shape, written.dtype):
            what = (
                f"joins output {output!r}, {written.dtype} {_shape(written)}, and input {given!r}, "
                f"{read.dtype} {_shape(read)}"
            )
            remedy = "a state goes in as it came out: join ends of one shape and type"
            reasons.append(Reason(place=f"state {text!r}", what=what, remedy=remedy))
            continue
        initial = np.full(read.shape, _zero(read), read.dtype)
        state = State(name=given, read=given, written=output, initial=initial)
        graph = graph.replace(
            inputs=tuple(name for name in graph.inputs if name != given),
            outputs=tuple(name for name in graph.outputs if name != output),
            unbatched=graph.unbatched - {given, output},
            states=(*graph.states, state),
        )
    for kind, left in (("input", graph.inputs), ("output", graph.outputs)):
        if pairs and not left and not reasons:
            what = f"leave the network no {kind}: all are states"
            remedy = f"an inference needs an {kind} of its own: leave one out of --state"
            reasons.append(Reason(place="states", what=what, remedy=remedy))
    return graph, reasons


def _ends(text: str, graph: Graph) -> tuple[str, str] | Reason:
    """The output and the input that a pair names, whatever characters their names have."""
    place = f"state {text!r}"
    splits = [(text[:at], text[at + 1 :]) for at, mark in enumerate(text) if mark == "="]
    whole = [pair for pair in splits if pair[0] in graph.outputs and pair[1] in graph.inputs]
    if whole:
        return whole[0]
    if not splits:
        what = "does not say which output goes in by which input"
        return Reason(place=place, what=what, remedy="write OUT=IN, as in --state h_out=h_in")
    read = {state.read for state in graph.states}
    left = {state.written for state in graph.states}
    output, given = next((p for p in splits if p[0] in {*graph.outputs, *left}), splits[0])
    for kind, name, free, taken in (
        ("output", output, graph.outputs, left),
        ("input", given, graph.inputs, read),
    ):
        if name in taken:
            what = f"names the {kind} {name!r}, which is a state already"
            return Reason(place=place, what=what, remedy="name each once")
        if name not in free:
            other = graph.inputs if kind == "output" else graph.outputs
            swapped = " (it is the other way round: OUT=IN)" if name in other else ""
            what = f"names an {kind} {name!r}, which the network has not{swapped}"
            known = ", ".join(free) or "none"
            return Reason(place=place, what=what, remedy=f"its {kind}s are {known}")
    raise AssertionError("one of both is not there")


def _shape(tensor: Tensor) -> list[int]:
    return list(tensor.shape)


def _zero(tensor: Tensor) -> int:
    return tensor.quantization.zero_point[0] if tensor.quantization else 0


def of_codes(graph: Graph) -> Graph:
    """The graph whose states are kept between the conversions at its ends."""
    for index in range(len(graph.states)):
        while (changed := _moved_over(graph, index)) is not None:
            graph = changed
    return graph


def _moved_over(graph: Graph, index: int) -> Graph | None:
    """The graph with what is done first with a state done before it is left; None where that would
    be of no use."""
    state = graph.states[index]
    readers = graph.consumers(state.read)
    shared = [s for s in graph.states if s.read != state.read and s.written == state.read]
    if not readers or state.read in graph.outputs or shared or not _alike(readers, graph):
        return None
    first = readers[0]
    output = graph.tensor(first.outputs[0])
    needed = graph.tensor(state.read).dtype != "int8"
    if first.operator not in (*_CONVERSIONS, *_MOVES):
        return None
    made = _Applied(graph)
    value = made.apply(first, state.written)
    if value is None or (not needed and made.nodes):
        return None
    (initial,) = OPERATORS[first.operator].reference(first, graph, [state.initial])
    merged = {node.outputs[0]: output.name for node in readers}
    nodes = [
        replace(node, inputs=tuple(merged.get(name, name) for name in node.inputs))
        for node in graph.nodes
        if node not in readers
    ]
    states = list(graph.states)
    states[index] = replace(state, read=output.name, written=value, initial=initial)
    states = [replace(s, written=merged.get(s.written, s.written)) for s in states]
    return _without_dead(
        graph.replace(
            tensors={**graph.tensors, **made.tensors},
            nodes=(*nodes, *made.nodes),
            outputs=tuple(merged.get(name, name) for name in graph.outputs),
            states=tuple(states),
        ),
        state.written,
    )


def _alike(nodes: Sequence[Node], graph: Graph) -> bool:
    """Whether nodes make the same of one input."""
    kinds = {
        (n.operator, repr(n.attributes), t.shape, t.dtype, t.quantization)
        for n in nodes
        for t in [graph.tensor(n.outputs[0])]
    }
    wanted = any(node.outputs[0] in graph.outputs for node in nodes[1:])
    return len(kinds) == 1 and len(nodes[0].inputs) == 1 and not wanted


class _Applied:
    """Nodes that do with a new value of a state what is done first with the old one."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.nodes: list[Node] = []
        self.tensors: dict[str, Tensor] = {}

    def apply(self, node: Node, value: str) -> str | None:
        """The tensor that is ``node`` of a value; None where that is no exact thing to do."""
        graph, output = self.graph, self.graph.tensor(node.outputs[0])
        producer = graph.producer(value)
        if producer is not None and len(producer.inputs) == 1:
            before = graph.tensor(producer.inputs[0])
            alike = (before.shape, before.dtype) == (output.shape, output.dtype)
            if alike and _inverse(node, producer, before, output):
                return before.name
            moves = node.operator in _MOVES and producer.operator in _CONVERSIONS
            if moves:
                moved = replace(graph.tensor(value), shape=output.shape)
                inner = self.apply(_onto(node, before, self), before.name)
                return None if inner is None else self.add(producer, inner, moved)
            codes = before.dtype == "int8" == output.dtype
            if node.operator == "quantize" and producer.operator == "dequantize" and codes:
                if not CONTRACTS[graph.contract].floating:
                    return None  # it is not what integers are rescaled to
                return self.add(node, before.name, output)
        return self.add(node, value, output)

    def add(self, node: Node, source: str, like: Tensor) -> str:
        name = self.free(like.name)
        self.tensors[name] = replace(like, name=name)
        label = f"{node.name} ({name})"
        self.nodes.append(replace(node, name=label, inputs=(source,), outputs=(name,)))
        return name

    def free(self, name: str) -> str:
        while name in self.graph.tensors or name in self.tensors:
            name += "'"
        return name


def _onto(node: Node, source: Tensor, made: _Applied) -> Node:
    """A movement as one of another tensor, whose result is a tensor of its own."""
    output = made.graph.tensor(node.outputs[0])
    name = made.free(f"{source.name} ({node.name})")
    made.tensors[name] = replace(source, name=name, shape=output.shape, data=None)
    made.graph = made.graph.replace(tensors={**made.graph.tensors, name: made.tensors[name]})
    return replace(node, outputs=(name,))


def _inverse(node: Node, producer: Node, before: Tensor, output: Tensor) -> bool:
    """Whether a node gives back what another one was given, of the same shape and type."""
    if node.operator == producer.operator == "transpose":
        order = tuple(producer.attributes.order[axis] for axis in node.attributes.order)
        return order == tuple(range(len(order)))
    if node.operator == producer.operator == "reshape":
        return True
    both = node.operator in _CONVERSIONS and producer.operator in _CONVERSIONS
    plain = not node.epilogue and not producer.epilogue
    return both and plain and before.quantization == output.quantization


def _without_dead(graph: Graph, name: str) -> Graph:
    """The graph without the nodes that only computed a tensor which nothing uses any more."""
    nodes = list(graph.nodes)
    dead = [name]
    while dead:
        name = dead.pop()
        used = name in graph.wanted or any(name in node.inputs for node in nodes)
        for node in [] if used else [n for n in nodes if n.outputs == (name,)]:
            nodes.remove(node)
            dead += node.inputs
    names = {n for node in nodes for n in (*node.inputs, *node.outputs)}
    names.update((*graph.given, *graph.wanted))
    tensors = {n: tensor for n, tensor in graph.tensors.items() if n in names}
    return graph.replace(nodes=tuple(nodes), tensors=tensors)


def state_reasons(graph: Graph, states: Sequence[State]) -> Iterator[Reason]:
    """Why states cannot be kept in the core's memory."""
    for state in states:
        dtype = graph.tensor(state.read).dtype
        if dtype != "int8":
            what = f"is {dtype}, and the core keeps int8 codes alone"
            remedy = "quantize it: to int8 where it is read, and from int8 where it is left"
            yield Reason(place=f"state {state.name!r}", what=what, remedy=remedy)
