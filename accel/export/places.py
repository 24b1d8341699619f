"""Where an exported driver has each tensor: an input, an output, or memory of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

from .description import Description
from .names import identifiers


@dataclass(frozen=True)
class Buffer:
    """Memory for a tensor between steps."""

    name: str
    dtype: str
    size: int


@dataclass(frozen=True)
class Places:
    """``inputs`` and ``outputs`` give the identifiers of the network's, ``buffers`` has what lies
    between them by tensor, and ``found`` where each tensor is that is not another one in another
    shape: ``("in", name)``, ``("out", name)`` or ``("", name)``."""

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    buffers: Mapping[str, Buffer]
    found: Mapping[str, tuple[str, str]]


def places_of(description: Description) -> Places:
    """Give each tensor that an inference handles a place."""
    graph, ends = description.program.graph, description.ends
    inputs, outputs = identifiers(graph.inputs), identifiers(graph.outputs)
    found = {ends.root(name): ("in", inputs[name]) for name in graph.inputs}
    for name in graph.outputs:
        found.setdefault(ends.root(name), ("out", outputs[name]))
    handled = [*description.sources, *(output.tensor for output in description.outputs)]
    handled += [name for step in (*ends.before, *ends.after) for name in (step.source, step.target)]
    others = [root for root in dict.fromkeys(map(ends.root, handled)) if root not in found]
    buffers = {}
    for name, plain in identifiers(others).items():
        of_graph = name in graph.tensors
        size = graph.tensor(name).size if of_graph else _size(description, name)
        buffers[name] = Buffer(
            f"the_{plain}", graph.tensor(name).dtype if of_graph else "int8", size
        )
        found[name] = ("", buffers[name].name)
    return Places(inputs, outputs, buffers, found)


def _size(description: Description, stored: str) -> int:
    return next(one.size for one in description.outputs if one.tensor == stored)
