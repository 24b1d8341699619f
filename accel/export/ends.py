"""The driver's nodes at a network's ends, as steps that an exported driver has a function for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from accel.compiler.graph.host_partition import Partition
from accel.compiler.ir.graph import Graph, Node, Tensor
from accel.compiler.operators import OPERATORS, Index, View, place_of
from accel.compiler.program.program import CoreProgram
from accel.errors import UserError
from accel.numeric.rounding import CONTRACTS
from accel.numeric.runtimes.softmax_onnx import CodeSoftmax
from accel.numeric.runtimes.softmax_tflm import Softmax
from accel.text import escaped

KNOWN = "softmax, quantize, dequantize, argmax over the last axis, and reshape"
"""The nodes that exported drivers have."""
MOST_DEPTH = (1 << 15) - 1  # of a softmax or an argmax


class CannotExport(UserError):
    """A program needs something of its driver that an exported one does not have."""


@dataclass(frozen=True)
class Step:
    """Something that the driver computes.

    ``kind`` is ``softmax_fixed``, ``softmax_table``, ``softmax_float``, ``quantize``,
    ``dequantize``, ``translate``, ``argmax``, ``index`` or ``copy``; ``values`` are its parameters.
    ``source`` and ``target`` are tensors, ``size`` the elements of the source.
    """

    kind: str
    source: str
    target: str
    size: int
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ends:
    """What the driver computes before and after the core, and which tensors are the same memory.

    ``same`` gives for a tensor the one whose values it has in another shape.
    """

    before: tuple[Step, ...]
    after: tuple[Step, ...]
    same: Mapping[str, str]

    def root(self, tensor: str) -> str:
        """The tensor that a tensor is another shape of, or it itself."""
        while tensor in self.same:
            tensor = self.same[tensor]
        return tensor


def ends_of(program: CoreProgram) -> Ends:
    """The steps of a program's driver nodes. Raises ``CannotExport`` with those that have none."""
    graph, parts = program.graph, program.partition
    same: dict[str, str] = {}
    for alias, tensor in program.aliases.items():
        node = graph.producer(alias)
        if tensor.root != alias and node is not None and node in parts.core:
            same[alias] = tensor.root
    _check(graph, parts)
    before = _steps(graph, parts.before, same)
    ends = Ends(tuple(before), (), same)
    roots = dict.fromkeys(map(ends.root, parts.outputs))
    indices = [
        Step("index", stored_name(graph, root), root, graph.tensor(root).size)
        for root in roots
        if stored_name(graph, root) != root
    ]
    after = indices + _steps(graph, parts.after, same)
    return Ends(ends.before, (*after, *_copies(graph, ends)), same)


def stored_name(graph: Graph, tensor: str) -> str:
    """What to call what the core stores of a tensor: codes, where it is integers that are none."""
    node = graph.producer(tensor)
    decoded = node is not None and isinstance(OPERATORS[node.operator], Index)
    return f"{tensor} (codes)" if decoded else tensor


def _check(graph: Graph, parts: Partition) -> None:
    constant = [name for name in graph.outputs if graph.tensor(name).constant]
    if constant:
        raise CannotExport(f"Output {escaped(constant[0])!r} is constant; leave it out of the file")
    refused = [
        f"{place_of(node)}{why}"
        for node in (*parts.before, *parts.after)
        if (why := _refusal(graph, node)) is not None
    ]
    between = [
        f"{place_of(node)} between layers of the core"
        for segment in parts.segments[1:]
        for node in segment.driver
    ]
    refused += between
    ends = ", before and after the core" if between else ""
    if refused:
        raise CannotExport(
            f"{'; '.join(map(escaped, refused))}: is computed by the driver, and exported drivers "
            f"have {KNOWN}{ends}; cut the network before it, or run it with `accel run`"
        )


def _refusal(graph: Graph, node: Node) -> str | None:
    """Why there is no step for a node, to be put after its name; None where there is one."""
    source, output = graph.tensor(node.inputs[0]), graph.tensor(node.outputs[0])
    if isinstance(OPERATORS[node.operator], View):
        return None
    depth = source.shape[-1] > MOST_DEPTH
    if node.operator == "softmax":
        return f" of {source.shape[-1]:,} classes" if depth else None
    if node.operator == "dequantize":
        return None if source.dtype == "int8" else f" of {source.dtype}"
    if node.operator == "quantize":
        return " with float32 steps" if node.epilogue is not None else None
    if node.operator == "arg_max":
        last = node.attributes.axis == len(source.shape) - 1
        if node.attributes.smallest:
            return " of the smallest"
        return None if last and not depth and output.dtype in ("int32", "int64") else " there"
    return ""


def _steps(graph: Graph, nodes: Sequence[Node], same: dict[str, str]) -> list[Step]:
    found = []
    for node in nodes:
        source, output = graph.tensor(node.inputs[0]), graph.tensor(node.outputs[0])
        if isinstance(OPERATORS[node.operator], View):
            same[output.name] = source.name
            continue
        kind, values = _kind(graph, node, source, output)
        found.append(Step(kind, source.name, output.name, source.size, values))
    return found


def _kind(graph: Graph, node: Node, source: Tensor, output: Tensor) -> tuple[str, dict[str, Any]]:
    depth = source.shape[-1]
    even = CONTRACTS[graph.contract].floating
    if node.operator == "softmax":
        kind, values = _softmax(node, source, output, even)
        return kind, values | {"depth": depth}
    if node.operator == "arg_max":
        return "argmax", {"depth": depth, "dtype": source.dtype}
    if node.operator == "dequantize":
        return "dequantize", _scale(source) | {"half_to_even": False}
    if source.dtype == "float32":
        return "quantize", _scale(output) | {"half_to_even": even}
    return "translate", {"table": _table(graph, node, source)}


def _softmax(
    node: Node, source: Tensor, output: Tensor, floating: bool
) -> tuple[str, dict[str, Any]]:
    if source.dtype == "float32":
        return "softmax_float", {}
    scales = _scale(source), _scale(output)
    if floating:
        codes = CodeSoftmax(scales[0]["scale"], scales[1]["scale"], scales[1]["zero_point"])
        table = codes.table(source.shape[-1])
        inverse = float(codes.inverse)
        return "softmax_table", {"table": table, "inverse": inverse} | {
            "zero_point": codes.output_zero_point
        }
    fixed = Softmax(scales[0]["scale"], node.attributes.beta)
    multiplier, shift = fixed.multiplier
    return "softmax_fixed", {"multiplier": multiplier, "shift": shift, "least": fixed.diff_min}


def _scale(tensor: Tensor) -> dict[str, Any]:
    q = tensor.quantization
    assert q is not None, "the operator's check has found one"
    return {"scale": q.scale[0], "zero_point": q.zero_point[0]}


def _table(graph: Graph, node: Node, source: Tensor) -> bytes:
    """What becomes of each byte, from 0 to 255."""
    data = np.arange(256, dtype=np.uint8)
    codes = data if source.dtype == "uint8" else data.view(np.int8)
    each = np.repeat(codes[:, np.newaxis], source.shape[-1], axis=1)
    (found,) = OPERATORS[node.operator].reference(node, graph, [each])
    return found[:, 0].astype(found.dtype).tobytes()


def _copies(graph: Graph, ends: Ends) -> list[Step]:
    """Copies of outputs that are an input or another output in another shape."""
    taken = {ends.root(name) for name in graph.inputs}
    found = []
    for name in graph.outputs:
        root = ends.root(name)
        if root in taken:
            found.append(Step("copy", root, name, graph.tensor(name).size))
        taken.add(root)
    return found
