"""Builds our graph while the operators of an ONNX file are read in order."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any, NoReturn

import numpy as np

from ...ir.graph import Graph, Node, Quantization, Tensor
from ...operators.reshape import Reshape
from ...operators.transpose import Transpose
from .._folding import Budget, Exhausted
from . import input_quant
from .file import FileRecord, NodeRecord
from .fusion import CODES, FLOAT32, FUSED, Fusions
from .low_bit.low_bit import low_bit
from .low_bit.quantizers import Quantizer, Quantizers, Unreadable
from .values import (
    Activation,
    Constant,
    Flat,
    Missing,
    Pending,
    Present,
    Shape,
    Value,
    arranged,
    channels_last,
    flattens,
    identity,
    keeps_order,
    layout_after,
    rows_kept,
)


class Skipped(Exception):
    """An input is the result of an operator that could not be read, which has been reported."""


class Builder(Quantizers):
    """The graph so far. Operators' readers call its methods; they raise ``Unreadable``."""

    def __init__(self, record: FileRecord) -> None:
        super().__init__()
        self.record = record
        self.low_bit = low_bit(record)
        self.values: dict[str, Value] = {"": Missing()}
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        self._node: NodeRecord | None = None
        self._arranged: dict[tuple[str, Shape], str] = {}
        self._relabelled: dict[tuple[str, Quantizer], str] = {}
        self._names: set[str] = set()
        own = sum(data.size for data in record.constants.values())
        self._budget = Budget(own)
        self.ends: dict[str, str] = {}  # by tensor, the file's names of outputs

    @property
    def node(self) -> NodeRecord:
        """The operator of the file that is being read."""
        assert self._node is not None
        return self._node

    @cached_property
    def _fusions(self) -> Fusions:
        return Fusions(self.record, self.values)

    def computed(self, record: NodeRecord, wanted: Quantizer) -> str:
        """How the runtime computes an operator whose result the present node quantizes.

        One of `fusion`'s forms.
        """
        if record.spelling not in FUSED or self.low_bit:
            return CODES
        if self.node.spelling != "QuantizeLinear":  # of a Concat, for instance
            return FLOAT32
        return self._fusions.form(record, self.node, wanted.unsigned)

    def ends_network(self) -> bool:
        """Whether nothing that the core computes follows the present QuantizeLinear."""
        return self.node.spelling == "QuantizeLinear" and self._fusions.ends(self.node)

    def spend(self, elements: int) -> None:
        """Account for elements of a constant that is about to be made."""
        try:
            self._budget.spend(elements)
        except Exhausted as error:
            raise Unreadable(str(error), "", "simplify the model") from error

    # Tensors and nodes of our graph.

    @contextmanager
    def at(self, record: NodeRecord) -> Iterator[None]:
        """Read this operator, or add nodes that belong to it, until the context ends."""
        before, self._node = self._node, record
        try:
            yield
        finally:
            self._node = before

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
        outputs: int = 1,
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

    # Values that operators read.

    def value(self, index: int) -> Present | None:
        """An input of the present node, None where it is absent; raises ``Skipped``."""
        name = self.node.inputs[index] if index < len(self.node.inputs) else ""
        if not name:
            return None
        value = self.values[name]
        if isinstance(value, Missing):
            raise Skipped
        return value

    def required(self, index: int) -> Present:
        value = self.value(index)
        if value is None:
            raise Unreadable(f"lacks its input {index}")
        return value

    def constant(self, index: int) -> np.ndarray | None:
        """An input that must be a constant array or absent."""
        value = self.value(index)
        if value is None:
            return None
        if not isinstance(value, Constant):
            name = self.node.inputs[index]
            raise Unreadable(f"has an input {name!r} that is not constant", "", "make it constant")
        return value.data

    def integers(self, index: int) -> tuple[int, ...] | None:
        """An input that must be a constant list of integers or absent."""
        array = self.constant(index)
        if array is not None and not np.issubdtype(array.dtype, np.integer):
            name = self.node.inputs[index]
            raise Unreadable(f"has an input {name!r} of {array.dtype}, which must be integers")
        return None if array is None else tuple(array.reshape(-1).tolist())

    def attribute(self, name: str, default: Any) -> Any:
        """An attribute of the present node, of its default's type; lists are of integers."""
        value = self.node.attributes.get(name, default)
        right = isinstance(value, type(default))
        if right and isinstance(value, tuple):
            right = all(isinstance(item, int) for item in value)
        if not right:
            raise Unreadable(f"has an attribute {name!r} of another type than ONNX says")
        return value

    def codes(self, index: int, quantizer: Quantizer | None = None) -> Activation:
        """An input that must be integer codes, quantized as the operator says if it does."""
        value, name = self.required(index), self.node.inputs[index]
        if not isinstance(value, Activation) or value.real:
            raise Unreadable(f"input {name!r} is not an 8-bit activation")
        if quantizer is not None:
            if quantizer.unsigned != value.unsigned:
                raise Unreadable(f"input {name!r} and its zero point have different types")
            return self.under(value, quantizer)
        return value

    def under(self, value: Activation, quantizer: Quantizer) -> Activation:
        """The same codes under a quantization, which need not be the one that they were made by."""
        known = self.quantizer(value.tensor)
        if known in (None, quantizer):
            self.set_quantizer(value.tensor, quantizer)
            return value
        key = (value.tensor, quantizer)
        if key not in self._relabelled:
            source = self.tensors[value.tensor]
            attributes, inputs = Reshape(relabelled=True), (source.name,)
            tensor = self.add_node("reshape", attributes, inputs, source.shape, source.dtype)
            self.set_quantizer(tensor, quantizer)
            self.set_code_range(tensor, *self.code_range(source.name))
            self._relabelled[key] = tensor
        return replace(value, tensor=self._relabelled[key])

    def numbers(self, index: int) -> Activation:
        """An input that must be real numbers that codes stand for."""
        value = self.real(index)
        if self.tensors[value.tensor].dtype != "int8":
            self._float_operator(index, "is computed in float32")
        return value

    def real(self, index: int) -> Activation:
        """An input that must be real numbers, of codes or in float32."""
        value = self.required(index)
        if isinstance(value, Pending):
            self._float_operator(index, f"is a float32 result of {value.place}")
        if not isinstance(value, Activation):
            self._float_operator(index, "is a constant of its own")
        if not value.real:
            what = f"input {self.node.inputs[index]!r} is integer codes without a scale"
            raise Unreadable(what, "", "put DequantizeLinear before it")
        return value

    def _float_operator(self, index: int, why: str) -> NoReturn:
        what = f"input {self.node.inputs[index]!r} is not quantized"
        name = self.node.inputs[index]
        remedy = "put QuantizeLinear and DequantizeLinear before it"
        remedy = "put a Quant before it" if self.low_bit else remedy
        if any(port.name == name and port.dtype == "float32" for port in self.record.inputs):
            remedy = f"{input_quant.remedy(name)}, or {remedy}"
        raise Unreadable(what, f"it {why}", remedy)

    # Shapes and layouts.

    def like(self, source: Activation, tensor: str) -> Activation:
        """The value of ``tensor``, the output of an elementwise operator on ``source``."""
        return replace(source, tensor=tensor, unsigned=self.is_unsigned(tensor, source.unsigned))

    def moved(self, operator: str, attributes: Any, source: str, shape: Shape) -> str:
        """Add a node that moves codes of ``source`` and changes none."""
        dtype = self.tensors[source].dtype
        output = self.add_node(operator, attributes, (source,), shape, dtype)
        if dtype != "float32":
            self.share_quantization(source, output)
        return output

    def reshape_tensor(self, tensor: str, shape: Shape) -> str:
        if self.tensors[tensor].shape == tuple(shape):
            return tensor
        return self.moved("reshape", Reshape(), tensor, shape)

    def in_layout(self, value: Activation, layout: Shape) -> Activation:
        """The value with another layout, by a transposition where values must move."""
        if value.flat is not None:
            value = self.plain(value)
        if value.layout == layout:
            return value
        key = (value.tensor, layout)
        if key not in self._arranged:
            shape = arranged(value.shape, layout)
            order = tuple(value.layout.index(axis) for axis in layout)
            if keeps_order(self.tensors[value.tensor].shape, order):
                self._arranged[key] = self.reshape_tensor(value.tensor, shape)
            else:
                attributes = Transpose(order=order)
                self._arranged[key] = self.moved("transpose", attributes, value.tensor, shape)
        return replace(value, tensor=self._arranged[key], layout=layout)

    def channels_last(self, value: Activation) -> Activation:
        return self.in_layout(value, channels_last(len(value.shape)))

    def plain(self, value: Activation) -> Activation:
        """The value with the file's own order of dimensions."""
        if value.flat is not None:
            flat = value.flat
            before = replace(value, shape=flat.shape, layout=flat.layout, flat=None)
            tensor = self.in_layout(before, identity(len(flat.shape))).tensor
            tensor = self.reshape_tensor(tensor, value.shape)
            return replace(value, tensor=tensor, flat=None)
        return self.in_layout(value, identity(len(value.shape)))

    def flattened(self, value: Activation) -> tuple[str, np.ndarray | None]:
        """A tensor ``[..., n]`` of ours, and the file's index of each of its n values.

        The indices are None where the order is the same.
        """
        if value.flat is None:
            return self.plain(value).tensor, None
        shape, layout = value.flat.shape, value.flat.layout
        if rows_kept(shape, value.shape) > 1:
            shape, layout = shape[1:], tuple(axis - 1 for axis in layout[1:])
        indices = np.arange(np.prod(shape)).reshape(shape).transpose(layout)
        shape = value.shape
        return self.reshape_tensor(value.tensor, shape), indices.reshape(-1)

    def reshaped(self, value: Activation, shape: Shape) -> Activation:
        """The value with another shape in the file, with as few transpositions as possible."""
        if value.shape == shape:
            return value
        if value.flat is not None:
            if flattens(value.shape, value.layout, shape):
                return replace(value, shape=shape, layout=identity(len(shape)))
            value = self.plain(value)
        if keeps_order(value.shape, value.layout):
            tensor = self.reshape_tensor(value.tensor, shape)
            return replace(value, tensor=tensor, shape=shape, layout=identity(len(shape)))
        layout = layout_after(value.shape, value.layout, shape)
        if layout is not None:
            tensor = self.reshape_tensor(value.tensor, arranged(shape, layout))
            return replace(value, tensor=tensor, shape=shape, layout=layout)
        if flattens(value.shape, value.layout, shape):
            flat = Flat(value.shape, value.layout)
            return replace(value, shape=shape, layout=identity(len(shape)), flat=flat)
        tensor = self.reshape_tensor(self.plain(value).tensor, shape)
        return replace(value, tensor=tensor, shape=shape, layout=identity(len(shape)))

    def transposed(self, value: Activation, order: Shape) -> Activation:
        """The value with another order of dimensions in the file: only the layout changes."""
        if value.flat is not None:
            value = self.plain(value)
        shape = arranged(value.shape, order)
        layout = tuple(order.index(axis) for axis in value.layout)
        return replace(value, shape=shape, layout=layout)

    # The graph.

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
        super().__init__()
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
