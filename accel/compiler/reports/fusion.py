"""Which node the cost of a layer stands at, where several nodes are computed in one layer."""

from collections.abc import Mapping

from ..program.program import CoreProgram


def working_nodes(code: CoreProgram) -> Mapping[str, str]:
    """For each node that layers of the core compute, the node that makes their work.

    A node that a pass added counts as the one of the file before it. A node that has layers of its
    own stands for itself. Of those that are fused into one layer it is the first, such as the
    convolution whose results an addition takes as they come; the others are computed on the way and
    take no cycles. Layers that copy a tensor for another layer are part of that one's work; they
    have names of their own, which no node has.
    """
    producers = {name: node for node in code.graph for name in node.outputs}
    nodes = {node.name: node for node in code.graph}
    order = list(nodes)
    found: dict[str, str] = {}
    for end in dict.fromkeys(command.node for command in code.commands):
        together, waiting = {end} & set(nodes), [end] if end in nodes else []
        while waiting:
            for tensor in filter(None, nodes[waiting.pop()].inputs):
                if tensor not in producers or code.has(tensor):
                    continue
                node = producers[tensor]
                if node.name not in together:
                    together.add(node.name)
                    waiting.append(node.name)
        if together:
            found.update(dict.fromkeys(together, min(together, key=order.index)))
    # A layer that copies a tensor for another layer is part of that one's work.
    for index in reversed(range(len(code.commands))):
        copy = code.commands[index]
        if copy.node not in found:
            later = code.commands[index + 1 :]
            readers = (c.node for c in later if copy.output in (c.source, c.residual))
            found[copy.node] = found.get(next(readers, ""), copy.node)
    own = {node.name for node in code.source}

    def in_file(name: str) -> str:
        while name not in own and name in nodes and nodes[name].inputs[0] in producers:
            name = producers[nodes[name].inputs[0]].name
        return name

    return {name: in_file(home) for name, home in found.items()}
