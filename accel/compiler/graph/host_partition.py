"""Which nodes the core computes, and which the driver computes before and after it."""

from collections.abc import Collection
from dataclasses import dataclass

from ..ir.graph import Graph, Node
from ..ir.tensor_layout import layout_of
from ..operators import OPERATORS, Index, Movement, OnCore, UnsupportedOperator


@dataclass(frozen=True)
class Partition:
    """Nodes of the driver and of the core, in order; the tensors that enter and leave the core."""

    before: tuple[Node, ...]
    core: tuple[Node, ...]
    after: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def partition(graph: Graph) -> Partition:
    """Give the driver what it can compute before and after the core, and the core the rest.

    The driver takes all that it can: conversions from and to float, softmax, and what moves numbers
    before or after these. An operator whose result it only has to decode stays on the core.
    """
    decoded = [node for node in graph.nodes if _only_decoded(node, graph)]
    after = _at_end(graph, exclude=decoded)
    before = _at_start(graph, exclude=after)
    core = tuple(n for n in graph.nodes if n not in before and n not in after)
    produced = {name for node in core for name in node.outputs}
    kept = {state.written for state in graph.states}
    states = {state.read for state in graph.states}
    consumed = {name for node in core for name in node.inputs} | kept
    inputs = tuple(
        name
        for name, tensor in graph.tensors.items()
        if name in consumed and name not in produced | states and not tensor.constant
    )
    needed = {name for node in after for name in node.inputs} | set(graph.outputs)
    outputs = tuple(name for name in graph.tensors if name in produced | states and name in needed)
    return Partition(before, core, after, inputs, outputs)


def _at_end(graph: Graph, exclude: Collection[Node]) -> tuple[Node, ...]:
    chosen: list[Node] = []
    kept = {state.written for state in graph.states}  # in the core's memory
    for node in reversed(graph.nodes):
        if node in exclude:
            continue
        consumers = [n for name in node.outputs for n in graph.consumers(name)]
        if (
            not kept.intersection(node.outputs)
            and _for_driver(node, graph)
            and all(n in chosen for n in consumers)
        ):
            chosen.append(node)
    return tuple(node for node in graph.nodes if node in chosen)


def _for_driver(node: Node, graph: Graph) -> bool:
    """Whether the driver can compute a node: what is no code it moves, too."""
    operator = OPERATORS[node.operator]
    moved = isinstance(operator, Movement) and graph.tensor(node.outputs[0]).dtype != "int8"
    return operator.host or moved


def _only_decoded(node: Node, graph: Graph) -> bool:
    """Whether the core can compute a node, of which the driver then decodes the result."""
    operator = OPERATORS[node.operator]
    if not isinstance(operator, Index):
        return False
    producer = graph.producer(node.inputs[0])
    while producer is not None and OPERATORS[producer.operator].alias:
        producer = graph.producer(producer.inputs[0])
    if producer is None or not isinstance(OPERATORS[producer.operator], OnCore):
        return False
    try:
        operator.lower(node, graph, layout_of(graph.tensor(node.inputs[0])))
    except UnsupportedOperator:
        return False
    return True


def _at_start(graph: Graph, exclude: tuple[Node, ...]) -> tuple[Node, ...]:
    chosen: list[Node] = []
    known = set(graph.inputs)
    for node in graph.nodes:
        if node in exclude or not _for_driver(node, graph):
            continue
        if all(name in known for name in node.inputs):
            chosen.append(node)
            known.update(node.outputs)
    return tuple(chosen)
