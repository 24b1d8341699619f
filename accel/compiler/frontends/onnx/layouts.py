"""Shapes and layouts of values: what moves codes, and what only looks at them another way."""

from dataclasses import replace
from typing import Any

import numpy as np

from ...operators.reshape import Reshape
from ...operators.transpose import Transpose
from .file import FileRecord
from .graph_so_far import GraphSoFar
from .values import (
    Activation,
    Flat,
    Shape,
    arranged,
    channels_last,
    flattens,
    identity,
    keeps_order,
    layout_after,
    rows_kept,
)


class Layouts(GraphSoFar):
    """The graph, with values in other shapes and orders of dimensions; transpositions are few."""

    def __init__(self, record: FileRecord) -> None:
        super().__init__(record)
        self._arranged: dict[tuple[str, Shape], str] = {}

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
