"""The reference executor: runs a graph in NumPy, bit for bit as the contract's oracle."""

from collections.abc import Collection, Mapping

import numpy as np

from ...errors import UserError
from ..ir.graph import Graph, Tensor
from ..operators import OPERATORS

# Samples that are computed at a time: bounds the memory that operators need.
BATCH = 64
MOST_VALUES = 2**22  # of the largest tensor in a batch


class InvalidInput(UserError):
    """Data that does not fit the graph's input; the message gives both shapes and types."""


def run(
    graph: Graph,
    inputs: np.ndarray | Mapping[str, np.ndarray],
    keep: Collection[str] | None = None,
    states: dict[str, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Run a verified graph on a batch and return arrays by tensor name.

    ``inputs`` is the one input, ``[N, ...]`` with the input's shape after its batch dimension, or a
    mapping from input names to such arrays. Returned are the graph's outputs, or the tensors named
    in ``keep``; ``graph.tensors`` asks for all variable ones and outputs. Samples of a graph with
    states are successive inferences, from the initial values on or from those in ``states``, by the
    names of the tensors that are read, which are then those after the last one. Raises
    ``InvalidInput``.
    """
    arrays = check_inputs(graph, inputs)
    wanted = _wanted(graph, keep)
    samples = len(next(iter(arrays.values())))
    largest = max(tensor.size for tensor in graph.tensors.values() if not tensor.constant)
    batch = 1 if graph.states else max(1, min(BATCH, MOST_VALUES // largest))
    carried = {} if states is None else states
    batches = []
    for i in range(0, samples, batch):
        part = {name: x[i : i + batch] for name, x in arrays.items()}
        part |= {s.read: carried.get(s.read, s.initial) for s in graph.states}
        found = _run_batch(graph, part, (*wanted, *graph.wanted))
        carried.update({s.read: found[s.written] for s in graph.states})
        batches.append(found)
    return {name: np.concatenate([part[name] for part in batches]) for name in wanted}


def check_inputs(
    graph: Graph, inputs: np.ndarray | Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the inputs by name, each ``[N, ...]`` of the graph's shape and type.

    Those of ``graph.unbatched`` may also have the file's shape, samples one after the other along
    its first dimension.
    """
    if not isinstance(inputs, Mapping):
        if len(graph.inputs) != 1:
            names = ", ".join(graph.inputs)
            raise InvalidInput(f"{graph.name}: has several inputs; give each by name: {names}")
        inputs = {graph.inputs[0]: inputs}
    if set(inputs) != set(graph.inputs):
        names = ", ".join(graph.inputs)
        raise InvalidInput(f"{graph.name}: inputs must be {names}, not {', '.join(inputs)}")
    arrays = {name: _fitting(graph, graph.tensor(name), x) for name, x in inputs.items()}
    if len({len(x) for x in arrays.values()}) != 1:
        raise InvalidInput(f"{graph.name}: inputs must have as many samples each")
    return arrays


def _fitting(graph: Graph, tensor: Tensor, x: np.ndarray) -> np.ndarray:
    x = np.asarray(x)
    shape, lacks = tensor.shape[1:], tensor.name in graph.unbatched
    if lacks and x.ndim == len(shape) and x.size % tensor.size == 0 and x.shape[1:] == shape[1:]:
        x = x.reshape(-1, *shape)
    fits = x.ndim == len(shape) + 1 and x.shape[1:] == shape and len(x) > 0
    if not fits or x.dtype != tensor.dtype:
        rows = [f"N * {shape[0]}", *shape[1:]] if lacks and shape else ["N", *shape]
        wanted = f"{tensor.dtype} {rows}".replace("'", "")
        given = f"{x.dtype} {list(x.shape)}"
        raise InvalidInput(f"{graph.name}: input {tensor.name!r} must be {wanted}, not {given}")
    if x.dtype == np.float32 and np.isnan(x).any():
        raise InvalidInput(f"{graph.name}: input {tensor.name!r} must be numbers, but has NaN")
    return x


def _wanted(graph: Graph, keep: Collection[str] | None) -> tuple[str, ...]:
    if keep is None:
        return graph.outputs
    return tuple(n for n in keep if n in graph.outputs or not graph.tensor(n).constant)


def _run_batch(
    graph: Graph, arrays: dict[str, np.ndarray], wanted: tuple[str, ...]
) -> dict[str, np.ndarray]:
    values = dict(arrays)
    last_use = {name: i for i, node in enumerate(graph) for name in node.inputs}
    for i, node in enumerate(graph):
        operands = [_value(graph, values, name) for name in node.inputs]
        results = OPERATORS[node.operator].reference(node, graph, operands)
        values.update(zip(node.outputs, results, strict=True))
        for name in {*node.inputs, *node.outputs}:
            if name not in wanted and last_use.get(name, -1) <= i:
                values.pop(name, None)
    count = len(next(iter(arrays.values())))
    return {
        name: values[name] if name in values else repeated(graph, name, count) for name in wanted
    }


def in_file_shape(graph: Graph, name: str, values: np.ndarray) -> np.ndarray:
    """An output ``[N, ...]`` as the file has it, samples along the first dimension it has."""
    return values.reshape(-1, *values.shape[2:]) if name in graph.unbatched else values


def repeated(graph: Graph, name: str, count: int) -> np.ndarray:
    """A constant that is an output of the network, for ``count`` samples: ``[count, ...]``."""
    return np.repeat(graph.tensor(name).values, count, axis=0)


def _value(graph: Graph, values: dict[str, np.ndarray], name: str) -> np.ndarray:
    tensor = graph.tensor(name)
    return values[name] if tensor.data is None else tensor.data
