"""GELU as exporters spell it, with Erf or Tanh among sums and products, as one operator.

The form with Tanh approximates the other one, by less than 0.0005: less than a step of 8-bit codes.
"""

import math
from typing import Any

import numpy as np

OPSET = 20  # the first that has Gelu
_CUBIC = 0.044715


def join_gelus(proto: Any, constants: dict[str, np.ndarray]) -> None:
    """Replace each GELU of a graph by a Gelu; other operators stay as they are."""
    if max(o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")) < OPSET:
        return
    search = _Search(proto.graph, constants)
    for node in [n for n in proto.graph.node if n.op_type in ("Erf", "Tanh")]:
        found = search.source(node)
        if found is not None:
            last = search.product(node, found)
            if last is not None:
                last.op_type = "Gelu"
                last.input[:] = [found]
                del last.attribute[:]
    for node in proto.graph.node:
        if node.op_type == "Gelu":
            del node.attribute[:]
    _drop_unused(proto.graph)


class _Search:
    """Finds what is around an Erf or a Tanh."""

    def __init__(self, graph: Any, constants: dict[str, np.ndarray]) -> None:
        self.graph, self.constants = graph, constants
        self.makers = {name: node for node in graph.node for name in node.output}

    def number(self, name: str) -> float | None:
        value = self.constants.get(name)
        return float(value.item()) if value is not None and value.size == 1 else None

    def parted(self, node: Any | None, kind: str) -> tuple[str, float] | None:
        """The computed operand and the number of a Mul, Add or Div with one of each."""
        if node is None or node.op_type != kind:
            return None
        for index in (0, 1) if kind != "Div" else (1,):
            number = self.number(node.input[index])
            if number is not None:
                return node.input[1 - index], number
        return None

    def source(self, node: Any) -> str | None:
        """What an Erf or Tanh is of, if it is that of a GELU."""
        before = self.makers.get(node.input[0])
        if node.op_type == "Erf":
            divided, scaled = self.parted(before, "Div"), self.parted(before, "Mul")
            if divided and _near(divided[1], math.sqrt(2)):
                return divided[0]
            return scaled[0] if scaled and _near(scaled[1], math.sqrt(0.5)) else None
        scaled = self.parted(before, "Mul")
        if not scaled or not _near(scaled[1], math.sqrt(2 / math.pi)):
            return None
        total = self.makers.get(scaled[0])
        if total is None or total.op_type != "Add":
            return None
        for x, other in (tuple(total.input), tuple(total.input)[::-1]):
            cubic = self.parted(self.makers.get(other), "Mul")
            if cubic and _near(cubic[1], _CUBIC) and self._is_cube(cubic[0], x):
                return x
        return None

    def _is_cube(self, name: str, x: str) -> bool:
        node = self.makers.get(name)
        if node is None:
            return False
        if node.op_type == "Pow":
            return node.input[0] == x and self.number(node.input[1]) == 3
        if node.op_type != "Mul" or x not in node.input:
            return False
        square = next((n for n in node.input if n != x), "")
        maker = self.makers.get(square)
        return maker is not None and maker.op_type == "Mul" and list(maker.input) == [x, x]

    def product(self, node: Any, x: str) -> Any | None:
        """The Mul that makes ``x * (1 + node) * 0.5``, in any order of the factors."""
        last = self._only_reader(node.output[0])
        if self.parted(last, "Add") != (node.output[0], 1.0):
            return None
        factor, seen = 1.0, False
        while last is not None and not (seen and factor == 0.5):
            name = last.output[0]
            last = self._only_reader(name)
            if last is None or last.op_type != "Mul":
                return None
            other = next((n for n in last.input if n != name), name)
            number, half = self.number(other), self.parted(self.makers.get(other), "Mul")
            if number is not None:
                factor *= number
            elif other == x and not seen:
                seen = True
            elif half and half[0] == x and not seen:
                factor, seen = factor * half[1], True
            else:
                return None
        return last

    def _only_reader(self, name: str) -> Any | None:
        readers = [node for node in self.graph.node if name in node.input]
        ends = {port.name for port in self.graph.output}
        return readers[0] if len(readers) == 1 and name not in ends else None


def _near(value: float, wanted: float) -> bool:
    return abs(value / wanted - 1) < 1e-3


def _drop_unused(graph: Any) -> None:
    ends = {port.name for port in graph.output}
    while True:
        used = ends.union(*(node.input for node in graph.node))
        idle = [node for node in graph.node if not used.intersection(node.output)]
        if not idle:
            return
        for node in idle:
            graph.node.remove(node)
