"""Our graph as it is made, while the operators of an ONNX file are read in order."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from ...ir.graph import Graph, Node, Quantization, Tensor
from .._folding import Budget, Exhausted
from .file import FileRecord, NodeRecord
from .low_bit.low_bit import low_bit
from .low_bit.quantizers import Quantizers, Unreadable
from .values import Shape


class GraphSoFar(Quantizers):
    """The tensors and nodes that there are, and which operator of the file is being read."""

    def __init__(self, record: FileRecord) -> None:
        super().__init__()
        self.record = record
        self.low_bit = low_bit(record)
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        self._contexts: list[NodeRecord] = []
        self._names: set[str] = set()
        own = sum(data.size for data in record.constants.values())
        self._budget = Budget(own)
        self.ends: dict[str, str] = {}  # by tensor, the file's names of outputs

    @property
    def node(self) -> NodeRecord:
        """The operator of the file that is being read, or to which nodes belong that are added."""
        return self._contexts[-1]

    @property
    def reading(self) -> NodeRecord:
        """The operator of the file that is being read."""
        return self._contexts[0]

    def spend(self, elements: int) -> None:
        """Account for elements of a constant that is about to be made."""
        try:
            self._budget.spend(elements)
        except Exhausted as error:
            raise Unreadable(str(error), "", "simplify the model") from error

    @contextmanager
    def at(self, record: NodeRecord) -> Iterator[None]:
        """Read this operator, or add nodes that belong to it, until the context ends."""
        self._contexts.append(record)
        try:
            yield
        finally:
            self._contexts.pop()

    def unique(self, name: str) -> str:
        """The name, changed if it is taken."""
        candidate, count = name, 1
        while candidate in self._names:
            count += 1
            candidate = f"{name}_{count}"
        self._names.add(candidate)
        return candidate

    def add_tensor(self, name: str, shape: Shape, dtype: str, data: Any = None) -> str:
        name = self.unique(name or "tensor")
        self.tensors[name] = Tensor(name=name, shape=tuple(shape), dtype=dtype, data=data)
        return name

    def add_constant(self, name: str, data: np.ndarray, q: Quantization | None = None) -> str:
        self.spend(data.size)
        data = np.ascontiguousarray(data)
        data.flags.writeable = False
        name = self.add_tensor(name, data.shape, data.dtype.name, data)
        self.tensors[name] = replace(self.tensors[name], quantization=q)
        return name

    def add_node(
        self,
        operator: str,
        attributes: Any,
        inputs: tuple[str, ...],
        shape: Shape,
        dtype: str = "int8",
        name: str | None = None,
    ) -> str:
        """Add a node with one output of a shape of ours, and return the output's name."""
        wanted = self.node.outputs[0] if name is None else name
        output = self.add_tensor(wanted, shape, dtype)
        self.attach_node(operator, attributes, inputs, (output,))
        return output

    def attach_node(
        self, operator: str, attributes: Any, inputs: tuple[str, ...], outputs: tuple[str, ...]
    ) -> None:
        """Add a node that writes tensors which are there already."""
        ours = self.node.added or self.node.index == len(self.record.nodes)
        self.nodes.append(
            Node(
                name=self.unique(f"{operator}_{self.node.index}"),
                operator=operator,
                inputs=inputs,
                outputs=outputs,
                attributes=attributes,
                source="input" if self.node.added else self.node.spelling,
                number=None if ours else self.node.index,
            )
        )

    def tell_order(self, tensor: str, sums: tuple[int, int]) -> None:
        """Note the sums of a tensor's node that the order of the runtime's additions decides."""
        index = next(i for i, node in enumerate(self.nodes) if tensor in node.outputs)
        self.nodes[index] = replace(self.nodes[index], order_sensitive=sums)

    def end(self, tensor: str, name: str) -> str:
        """Give a tensor the name of one of the network's outputs, and return it."""
        self.ends[tensor] = name
        return name

    def finished(self, name: str, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> Graph:
        """Return the graph of what was read; what no output needs is left out."""
        self._rename()
        needed, kept = set(outputs), []
        for node in reversed(self.nodes):
            if needed.intersection(node.outputs):
                kept.append(node)
                needed.update((*node.inputs, *node.outputs))
        tensors = {}
        for tensor in self.tensors.values():
            if tensor.name in needed or tensor.name in inputs:
                tensors[tensor.name] = self.quantized(tensor)
        return Graph(
            name=name,
            tensors=tensors,
            nodes=tuple(reversed(kept)),
            inputs=inputs,
            outputs=outputs,
            contract="qonnx" if self.low_bit else "onnx",
        )

    def _rename(self) -> None:
        """Give the network's outputs the names that they have in the file."""
        names = {}
        for made, wanted in self.ends.items():
            if made != wanted:
                names[made] = wanted
        for wanted in list(names.values()):
            if wanted in self.tensors and wanted not in names:
                names[wanted] = self.unique(wanted)
        groups = {tensor: self.quantizer(tensor) for tensor in self.tensors}
        super().__init__()  # the groups of quantizations begin anew
        renamed = {}
        for tensor in self.tensors.values():
            name = names.get(tensor.name, tensor.name)
            renamed[name] = replace(tensor, name=name)
            known = groups[tensor.name]
            if known is not None:
                self.set_quantizer(name, known)
        self.tensors = renamed

        def new(tensors: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(names.get(name, name) for name in tensors)

        self.nodes = [
            replace(node, inputs=new(node.inputs), outputs=new(node.outputs)) for node in self.nodes
        ]
