"""Which node the cost of a layer stands at, where several nodes are computed in one layer."""

from collections.abc import Mapping

from ..program.program import Program


def working_nodes(code: Program) -> Mapping[str, str]:
    """For each node that layers of the core compute, the node that makes their work.

    A node that has layers of its own stands for itself. Of those that are fused into one layer it is
    the first, such as the convolution whose results an addition takes as they come; the others are
    computed on the way and take no cycles.
    """
    producers = {name: node for node in code.graph for name in node.outputs}
    nodes = {node.name: node for node in code.graph}
    order = list(nodes)
    found: dict[str, str] = {}
    for end in dict.fromkeys(command.node for command in code.commands):
        together, waiting = {end}, [end]
        while waiting:
            for tensor in nodes[waiting.pop()].inputs:
                node = producers.get(tensor) if tensor else None
                if node and node.name not in together and not code.has(tensor):
                    together.add(node.name)
                    waiting.append(node.name)
        first = min(together, key=order.index)
        found.update(dict.fromkeys(together, first))
    return found
