"""What the driver does around the core: packs and unpacks tensors, and computes the nodes before
and after it."""

from collections.abc import Collection, Mapping
from typing import Protocol

import numpy as np

from accel.compiler.graph.interpreter import check_inputs, repeated
from accel.compiler.ir.graph import Node
from accel.compiler.operators import OPERATORS, Index
from accel.compiler.program.executable import CoreExecutable


class BoardCore(Protocol):
    """Whatever runs the layers of a program: the machine, a simulation, a board."""

    def run(self, inputs: Mapping[str, np.ndarray], keep: Collection[str]) -> dict[str, np.ndarray]:
        """Stored bytes, uint8 ``[N, n]``, of the tensors ``keep``, from those of the inputs."""


def run(
    program: CoreExecutable,
    core: BoardCore,
    inputs: np.ndarray | Mapping[str, np.ndarray],
    keep: Collection[str] | None = None,
) -> dict[str, np.ndarray]:
    """Run a batch ``[N, ...]`` through a core and return arrays by tensor name.

    Returned are the network's outputs, or the tensors named in ``keep``. Raises ``InvalidInput``.
    """
    graph, parts = program.graph, program.partition
    wanted = tuple(graph.outputs if keep is None else keep)
    values = dict(check_inputs(graph, inputs))
    count = len(next(iter(values.values())))
    constants = [name for name in wanted if graph.tensor(name).constant]
    _compute(program, parts.before, values)

    needed = {n for node in parts.after for n in node.inputs} | set(wanted)
    roots = {program.aliases[name].root for name in needed if name in program.aliases}
    bands = {name: program.bands(name) for name in roots}
    stored = set(program.stored_tensors()) & {
        *roots,
        *(n for parts in bands.values() for n in parts),
    }
    if program.commands:
        rows = program.config.rows
        packed = {i.tensor: i.pack(values[i.source], rows) for i in program.inputs}
        found = core.run(packed, stored)
        for name in roots & set(found):
            values[name] = _decoded(program, name, program.unpack(name, found[name]))
        for name in filter(bands.get, roots):
            values[name] = _decoded(program, name, program.unpack_bands(name, found))
    for name in needed - set(values) - set(constants):
        if name in program.aliases and program.aliases[name].root in values:
            value = values[program.aliases[name].root]
            values[name] = value.reshape(len(value), *graph.tensor(name).shape[1:])
    _compute(program, parts.after, values)
    values |= {name: repeated(graph, name, count) for name in constants}
    return {name: values[name] for name in wanted}


def packed_inputs(
    program: CoreExecutable, inputs: np.ndarray | Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """What the core is given of a batch ``[N, ...]``: stored bytes of the tensors that enter it,
    uint8 ``[N, n]``. Raises ``InvalidInput``."""
    values = dict(check_inputs(program.graph, inputs))
    _compute(program, program.partition.before, values)
    rows = program.config.rows
    return {i.tensor: i.pack(values[i.source], rows) for i in program.inputs}


def _decoded(program: CoreExecutable, tensor: str, codes: np.ndarray) -> np.ndarray:
    """The value of a tensor that the core stores as codes."""
    node = program.graph.producer(tensor)
    operator = OPERATORS[node.operator] if node else None
    if node is None or not isinstance(operator, Index):
        return codes
    return operator.decode(node, program.graph, codes)


def _compute(
    program: CoreExecutable, nodes: tuple[Node, ...], values: dict[str, np.ndarray]
) -> None:
    graph = program.graph

    def value(name: str) -> np.ndarray:
        tensor = graph.tensor(name)
        return tensor.values if tensor.constant else values[name]

    for node in nodes:
        operands = [value(name) for name in node.inputs]
        results = OPERATORS[node.operator].reference(node, graph, operands)
        values.update(zip(node.outputs, results, strict=True))
