"""The rules that every graph must keep, checked after reading and after every pass.

The time is linear in the graph's size, whatever it contains: nothing is executed or allocated.
"""

import math
from collections.abc import Iterator

import numpy as np

from ...errors import UserError
from ...numeric.rounding import CONTRACTS
from ..diagnostics import Reason
from ..ir.graph import DTYPES, Graph, InvalidGraph, Node, Quantization, Tensor
from ..operators import OPERATORS, UnsupportedOperator, place_of

MAX_DIMENSIONS = 8
MAX_ELEMENTS = 2**28  # of a constant; its file is as large
MAX_COMPUTED = 2**22  # of a variable tensor, whose size a small file can choose freely

STATE = (
    "put the nodes in order, or, if it is what the inference before has left, make it a state: an "
    "output and an input, as in `accel check MODEL --state OUT=IN`"
)

CODES = {
    "int4": (-8, 7),
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
}


def verify(graph: Graph) -> None:
    """Raise ``InvalidGraph`` or ``UnsupportedOperator`` for the first rule that is broken."""
    for error in problems(graph):
        raise error


def problems(graph: Graph) -> Iterator[UserError]:
    """Yield every broken rule; those of operators only where all tensors are valid."""
    broken = False
    for reason in _broken_rules(graph):
        broken = True
        yield InvalidGraph(reason)
    if not broken:
        for node in graph:
            yield from node_problems(node, graph)


def node_problems(node: Node, graph: Graph) -> Iterator[UserError]:
    """Yield what the operator's own ``check`` raises; the node's tensors must be valid."""
    try:
        OPERATORS[node.operator].check(node, graph)
    except (InvalidGraph, UnsupportedOperator) as error:
        yield error


def _broken_rules(graph: Graph) -> Iterator[Reason]:
    if graph.contract not in CONTRACTS:
        yield _reason(graph.name, f"has an unknown rounding contract {graph.contract!r}")
    for name, tensor in graph.tensors.items():
        if name != tensor.name:
            yield _reason(f"tensor {name!r}", f"calls itself {tensor.name!r}")
        yield from tensor_problems(tensor)
    yield from _broken_names(graph)
    yield from _broken_order(graph)
    yield from _broken_states(graph)


def _reason(place: str, what: str) -> Reason:
    return Reason(place=place, what=what)


def tensor_problems(tensor: Tensor) -> Iterator[Reason]:
    """Yield what is wrong with a tensor's type, shape, quantization and data."""
    place = f"tensor {tensor.name!r}"
    if tensor.dtype not in DTYPES:
        yield _reason(place, f"has an unknown type {tensor.dtype!r}")
        return
    shape = tensor.shape
    if len(shape) > MAX_DIMENSIONS or not all(1 <= n <= MAX_ELEMENTS for n in shape):
        yield _reason(place, f"has an impossible shape {shape[: MAX_DIMENSIONS + 1]}")
        return
    most = MAX_ELEMENTS if tensor.constant else MAX_COMPUTED
    if math.prod(shape) > most:
        yield _reason(place, f"has {math.prod(shape)} elements, more than {most}")
        return
    if tensor.quantization is not None:
        yield from _broken_quantization(place, tensor, tensor.quantization)
    if tensor.constant:
        yield from _broken_data(place, tensor)
    elif shape[:1] != (1,):
        what = f"has shape {shape}; activations have a leading batch dimension of 1"
        yield Reason(place=place, what=what, remedy="convert the model for batch size 1")


def _broken_quantization(place: str, tensor: Tensor, q: Quantization) -> Iterator[Reason]:
    if tensor.dtype not in CODES:
        yield _reason(place, f"is {tensor.dtype} and cannot be quantized")
        return
    if not all(math.isfinite(s) and s > 0 and float(np.float32(s)) == s for s in q.scale):
        yield _reason(place, "has a scale that is not a positive float32 number")
    low, high = CODES[tensor.dtype]
    if not all(low <= z <= high for z in q.zero_point):
        yield _reason(place, f"has a zero point outside {low}..{high}")
    if not q.scale or len(q.scale) != len(q.zero_point):
        yield _reason(place, f"has {len(q.scale)} scales and {len(q.zero_point)} zero points")
    elif q.per_channel and not 0 <= q.axis < len(tensor.shape):
        yield _reason(place, f"is quantized along axis {q.axis} of {len(tensor.shape)}")
    elif q.per_channel and tensor.shape[q.axis] != len(q.scale):
        sizes = f"{len(q.scale)} scales for {tensor.shape[q.axis]} channels"
        yield _reason(place, f"has {sizes}")


def _broken_data(place: str, tensor: Tensor) -> Iterator[Reason]:
    stored = "int8" if tensor.dtype == "int4" else tensor.dtype
    data = tensor.values
    if data.shape != tensor.shape or data.dtype != stored:
        given = f"{data.dtype} {data.shape}"
        yield _reason(place, f"must hold {stored} {tensor.shape}, not {given}")
    elif tensor.dtype == "int4" and (data.min() < -8 or data.max() > 7):
        yield _reason(place, "holds values outside -8..7")


def _broken_names(graph: Graph) -> Iterator[Reason]:
    seen = set()
    for node in graph:
        place = place_of(node)
        if node.name in seen:
            yield _reason(place, "has the name of another node")
        seen.add(node.name)
        if node.operator not in OPERATORS:
            yield _reason(place, f"is of an unknown operator {node.operator!r}")
        elif not isinstance(node.attributes, OPERATORS[node.operator].attributes):
            yield _reason(place, f"has attributes of {type(node.attributes).__name__}")
        for name in (*node.inputs, *node.outputs):
            if name not in graph.tensors:
                yield _reason(place, f"names a tensor {name!r} that does not exist")
    for name in graph.given + graph.wanted:
        if name not in graph.tensors:
            yield _reason(graph.name, f"names a tensor {name!r} that does not exist")


def _broken_order(graph: Graph) -> Iterator[Reason]:
    """Each tensor is set once, before its use: by the graph's inputs, a constant or a node."""
    if not graph.inputs or not graph.outputs:
        yield _reason(graph.name, "must have an input and an output")
    ready = {name for name, tensor in graph.tensors.items() if tensor.constant}
    written = {name for node in graph for name in node.outputs}
    for name in graph.given:
        if name in ready:
            kind = "an input" if name in graph.inputs else "a state"
            yield _reason(f"tensor {name!r}", f"is {kind} and set already")
        ready.add(name)
    for node in graph:
        place = place_of(node)
        for name in node.inputs:
            if name not in ready:
                what = f"reads {name!r} before any node has written it"
                yield Reason(place=place, what=what, remedy=STATE if name in written else "")
        for name in node.outputs:
            if name in ready:
                yield _reason(place, f"writes {name!r}, which is set already")
            ready.add(name)
    for name in graph.outputs:
        if name not in ready:
            yield _reason(f"output {name!r}", "is written by no node")
        elif graph.tensor(name).constant and graph.tensor(name).shape[:1] != (1,):
            what = f"is a constant of shape {graph.tensor(name).shape}, which has no batch of 1"
            yield Reason(place=f"output {name!r}", what=what, remedy="remove it from the outputs")


def _broken_states(graph: Graph) -> Iterator[Reason]:
    """What an inference leaves is what the next one can take."""
    written = {name for node in graph for name in node.outputs} | {*graph.given}
    for state in graph.states:
        place = f"state {state.name!r}"
        if not {state.read, state.written} <= {*graph.tensors}:
            continue  # said of the names
        read, left = graph.tensor(state.read), graph.tensor(state.written)
        if (read.shape, read.dtype) != (left.shape, left.dtype):
            what = (
                f"is read as {read.dtype} {read.shape} from {read.name!r}, and {left.name!r}, that "
                f"it becomes, is {left.dtype} {left.shape}"
            )
            yield Reason(place=place, what=what, remedy="give both the same shape and type")
        elif left.constant:
            what = f"becomes the constant {left.name!r} in every inference"
            yield Reason(place=place, what=what, remedy="use the constant in its place")
        elif left.name not in written:
            yield _reason(place, f"becomes {left.name!r}, which no node writes")
        if state.initial.shape != read.shape or state.initial.dtype != read.dtype:
            given = f"{state.initial.dtype} {state.initial.shape}"
            yield _reason(place, f"begins as {given} and is {read.dtype} {read.shape}")
