"""Computes nodes that read nothing but constants, as those of a GRU's first step.

TFLite's converter leaves them in a file, and TFLite Micro computes them in each inference. They are
integers under the graph's own contract; float32 runtimes fold them in ways of their own, so that
graphs of theirs are left as they are.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...errors import UserError
from ...numeric.rounding import CONTRACTS
from ..ir.graph import Graph, Node, Tensor
from . import interpreter
from .sample_axis import with_sample_axis
from .verify import verify

MOST_WORK = 2**24  # of a node: its elements read times those written
MOST_ELEMENTS = 2**22  # of all constants that are made


def fold_constants(graph: Graph) -> Graph:
    """The graph, as a file has it, with the outputs of such nodes as constants."""
    if CONTRACTS[graph.contract].floating:
        return graph
    tensors, nodes = dict(graph.tensors), list[Node]()
    folded, left = list[str](), MOST_ELEMENTS
    for node in graph:
        made = _computed(node, graph.replace(tensors=tensors)) if left > 0 else {}
        if made:
            tensors |= made
            folded += made
            left -= sum(tensor.size for tensor in made.values())
        else:
            nodes.append(node)
    if not folded:
        return graph
    used = {name for node in nodes for name in (*node.inputs, *node.outputs)}
    used |= {*graph.given, *graph.wanted}
    tensors = {name: tensor for name, tensor in tensors.items() if name in used}
    return graph.replace(tensors=tensors, nodes=tuple(nodes), folded=(*graph.folded, *folded))


def _computed(node: Node, graph: Graph) -> dict[str, Tensor]:
    """A node's outputs as constants; none where it reads what is no constant, or cannot run."""
    inputs = [graph.tensors.get(name) for name in node.inputs]
    outputs = [graph.tensors.get(name) for name in node.outputs]
    given = [tensor for tensor in inputs if tensor is not None and tensor.constant]
    results = [tensor for tensor in outputs if tensor is not None and tensor.dtype == "int8"]
    if not given or len(given) < len(inputs) or len(results) < len(outputs):
        return {}
    work = max(tensor.size for tensor in given) * sum(max(t.size, 0) for t in results)
    if given[0].dtype != "int8" or work > MOST_WORK:
        return {}
    for variable in dict.fromkeys((node.inputs[:1], node.inputs)):
        try:
            found = _run(node, graph, variable)
        except UserError:
            continue  # as the operator's check will say
        return {one.name: replace(one, data=found[one.name].reshape(one.shape)) for one in results}
    return {}


def _run(node: Node, graph: Graph, variable: Sequence[str]) -> dict[str, np.ndarray]:
    """The outputs of a node alone, for which some of its constants are inputs. Raises
    ``UserError``."""
    names = dict.fromkeys((*node.inputs, *node.outputs))
    tensors = {name: graph.tensor(name) for name in names}
    values = {name: tensors[name].values for name in variable}
    tensors |= {name: replace(tensors[name], data=None) for name in values}
    alone = graph.replace(
        tensors=tensors, nodes=(node,), inputs=tuple(values), outputs=node.outputs, states=()
    )
    alone = with_sample_axis(alone)
    verify(alone)
    given = {name: data.reshape(alone.tensor(name).shape) for name, data in values.items()}
    return interpreter.run(alone, given)
