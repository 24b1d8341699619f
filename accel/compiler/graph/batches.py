"""Divides a batch that a file fixes: the graph of one sample, where no operator mixes samples.

Samples lie one after the other in every tensor: a tensor of a batch of 4 whose first dimension is
28, such as the rows of a dense layer on sequences of 7, has 7 rows of each sample.
"""

from dataclasses import replace
from typing import Any

from ..diagnostics import Reason
from ..ir.graph import Graph, Node, Tensor
from ..operators import OPERATORS, Elementwise, place_of

REMEDY = "export it for a batch of 1"
# Operators that read the values of a tensor in their order, as rows of some length.
_BY_ROWS = ("fully_connected", "reshape")
_JOINING = ("concatenation", "pack")


class _Mixes(Exception):
    """An operator mixes samples; the message says how."""


def divided(graph: Graph) -> tuple[Graph, tuple[Reason, ...]]:
    """The graph of one sample of a fixed batch, or the graph itself and why it has none.

    There is no reason where the file fixes no batch: its inputs begin with 1, with several sizes or
    with the steps of a sequence.
    """
    sizes = {graph.tensor(name).shape[:1] for name in graph.inputs}
    first = sizes.pop() if len(sizes) == 1 else ()
    batch = first[0] if first else 1
    if batch < 2:
        return graph, ()
    steps = [node for node in graph if getattr(node.attributes, "time_major", False)]
    if any({*graph.inputs}.intersection(node.inputs) for node in steps):
        return graph, ()  # what comes first are steps
    for state in graph.states:
        what = f"keeps one value for a batch of {batch}"
        reason = Reason(place=f"state {state.name!r}", what=what, remedy=REMEDY)
        return graph, (reason,)
    nodes: list[tuple[Node, tuple[Tensor, ...]]] = []
    for node in graph:
        try:
            nodes.append(_apart(node, graph, batch))
        except _Mixes as error:
            what = f"mixes the samples of a batch of {batch}"
            place, why = place_of(node), str(error)
            return graph, (Reason(place=place, what=what, why=why, remedy=REMEDY),)
    for name in graph.outputs:
        if not graph.tensor(name).constant and not _divides(graph.tensor(name), batch):
            shape = graph.tensor(name).shape
            what = f"has shape {shape}, which no batch of {batch} divides"
            return graph, (Reason(place=f"output {name!r}", what=what, remedy=REMEDY),)
    tensors = {name: _of_one(tensor, batch) for name, tensor in graph.tensors.items()}
    made = {tensor.name: tensor for _, own in nodes for tensor in own}
    one = tuple(node for node, _ in nodes)
    return graph.replace(tensors={**tensors, **made}, nodes=one, batch=batch), ()


def _of_one(tensor: Tensor, batch: int) -> Tensor:
    if tensor.constant or not _divides(tensor, batch):
        return tensor
    return replace(tensor, shape=(tensor.shape[0] // batch, *tensor.shape[1:]))


def _divides(tensor: Tensor, batch: int) -> bool:
    return bool(tensor.shape) and tensor.shape[0] > 0 and tensor.shape[0] % batch == 0


def _apart(node: Node, graph: Graph, batch: int) -> tuple[Node, tuple[Tensor, ...]]:
    """The node on one sample, and constants of its own. Raises ``_Mixes``."""
    tensors = [graph.tensor(name) for name in (*node.inputs, *node.outputs)]
    variable = [tensor for tensor in tensors if not tensor.constant]
    for tensor in variable:
        if not _divides(tensor, batch):
            raise _Mixes(f"tensor {tensor.name!r} has shape {tensor.shape}")
    attributes = node.attributes
    if node.operator in _BY_ROWS:
        return node, ()
    if node.operator == "batch_matmul":
        _check_matrices(variable, tensors)
    if len({tensor.shape[0] for tensor in variable}) > 1:
        raise _Mixes(f"its tensors begin with {sorted({t.shape[0] for t in variable})}")
    rows, kind = variable[0].shape[0], OPERATORS[node.operator]
    along = not isinstance(kind, Elementwise) and node.operator != "pack"
    if along and any(len(graph.tensor(name).shape) < 2 for name in node.inputs[:1]):
        raise _Mixes("it works along the samples")
    _check_axes(attributes)
    if hasattr(attributes, "starts"):
        attributes = _cut(attributes, rows, batch)
    if not (isinstance(kind, Elementwise) or node.operator in _JOINING):
        return replace(node, attributes=attributes), ()
    inputs, made = [], []
    for name in node.inputs:
        constant = _constant_of_one(node, graph.tensor(name), tensors[-1], batch)
        made += [constant] if constant.name != name else []
        inputs.append(constant.name)
    return replace(node, inputs=tuple(inputs), attributes=attributes), tuple(made)


def _check_matrices(variable: list[Tensor], tensors: list[Tensor]) -> None:
    """Refuse matrices that hold several samples, and constants that have one for each sample."""
    ranks = {len(tensor.shape) for tensor in variable}
    if len(ranks) > 1 or min(ranks) < 3:
        raise _Mixes("it multiplies matrices whose rows are samples")
    if any(set(tensor.shape[:-2]) - {1} for tensor in tensors if tensor.constant):
        raise _Mixes("it multiplies by matrices that differ from sample to sample")


def _check_axes(attributes: Any) -> None:
    """Refuse what works along the first dimension; fields are named alike in all operators."""
    axes = (getattr(attributes, "axis", 1), *getattr(attributes, "axes", ()))
    order, amounts = getattr(attributes, "order", ()), getattr(attributes, "amounts", ())
    if 0 in axes:
        raise _Mixes("it works along the samples")
    if order and order[0] != 0:
        raise _Mixes(f"it moves the first dimension, by the order {order}")
    if amounts and any(amounts[0]):
        raise _Mixes("it pads the samples")


def _cut(attributes: Any, rows: int, batch: int) -> Any:
    first = tuple(getattr(attributes, field)[:1] for field in ("starts", "sizes", "steps"))
    if first != ((0,), (rows,), (1,)):
        raise _Mixes("it takes some samples out of the batch")
    return replace(attributes, sizes=(rows // batch, *attributes.sizes[1:]))


def _constant_of_one(node: Node, tensor: Tensor, output: Tensor, batch: int) -> Tensor:
    """A constant operand as each sample meets it."""
    aligned = len(tensor.shape) == len(output.shape) and tensor.shape[:1] != (1,)
    if not tensor.constant or not aligned:
        return tensor
    if not _divides(tensor, batch):
        raise _Mixes(f"constant {tensor.name!r} has shape {tensor.shape}")
    parts = tensor.values.reshape(batch, tensor.shape[0] // batch, *tensor.shape[1:])
    if (parts != parts[:1]).any():
        raise _Mixes(f"constant {tensor.name!r} differs from sample to sample")
    return replace(
        tensor, name=f"{tensor.name} ({node.name})", shape=parts.shape[1:], data=parts[0]
    )
