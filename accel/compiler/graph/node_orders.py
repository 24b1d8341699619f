"""Orders in which the nodes of a graph can run; they differ in how many tensors live at once."""

from collections.abc import Iterator
from dataclasses import replace

from ..ir.graph import Graph, Node
from ..operators import OPERATORS, Index


def orders(graph: Graph) -> Iterator[Graph]:
    """The graph in its own order, then in the other orders that are worth a try.

    After them the same again, with every operator that the driver can compute left to the driver.
    """
    yield from _orders(graph)
    nodes = tuple(_for_the_driver(node) for node in graph.nodes)
    if nodes != graph.nodes:
        yield from _orders(graph.replace(nodes=nodes))


def _for_the_driver(node: Node) -> Node:
    if not isinstance(OPERATORS[node.operator], Index):
        return node
    return replace(node, attributes=replace(node.attributes, driver=True))


def _orders(graph: Graph) -> Iterator[Graph]:
    yield graph
    for last_first in (True, False):
        nodes = _depth_first(graph, last_first)
        if nodes != graph.nodes:
            yield graph.replace(nodes=nodes)


def _depth_first(graph: Graph, last_first: bool) -> tuple[Node, ...]:
    """Each branch is computed completely before the next; the last or the first operand's first."""
    producers = {name: node for node in graph.nodes for name in node.outputs}
    ordered: dict[str, Node] = {}
    wanted = [producers[name] for name in reversed(graph.wanted) if name in producers]
    while wanted:
        node = wanted[-1]
        missing = [
            producers[name]
            for name in node.inputs
            if name in producers and producers[name].name not in ordered
        ]
        if missing and node.name not in ordered:
            wanted.append(missing[-1] if last_first else missing[0])
        else:
            ordered.setdefault(node.name, wanted.pop())
    rest = [node for node in graph.nodes if node.name not in ordered]
    return (*ordered.values(), *rest)
