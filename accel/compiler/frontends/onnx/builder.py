"""Builds our graph while the operators of an ONNX file are read in order."""

from dataclasses import replace
from functools import cached_property
from typing import Any, NoReturn

import numpy as np

from ...operators.reshape import Reshape
from . import input_quant
from .file import FileRecord, NodeRecord
from .fusion import CODES, FLOAT32, FUSED, ON_CODES, Fusions
from .layouts import Layouts
from .low_bit.quantizers import Quantizer, Unreadable
from .values import (
    Activation,
    Constant,
    Missing,
    Pending,
    Present,
    Value,
)


class Skipped(Exception):
    """An input is the result of an operator that could not be read, which has been reported."""


class Builder(Layouts):
    """The graph so far. Operators' readers call its methods; they raise ``Unreadable``."""

    def __init__(self, record: FileRecord) -> None:
        super().__init__(record)
        self.values: dict[str, Value] = {"": Missing()}
        self._relabelled: dict[tuple[str, Quantizer], str] = {}

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

    def on_codes(self, record: NodeRecord, wanted: Quantizer) -> bool:
        """Whether the runtime computes a layer's sums on codes, which the present node
        quantizes."""
        if self.low_bit or self.node.spelling != "QuantizeLinear":
            return True
        if record.spelling in ON_CODES:
            return self._fusions.form(record, self.node, wanted.unsigned) != FLOAT32
        if record.spelling in ("ReduceMean", "ReduceSum"):
            return False
        return self._fusions.layer_on_codes(record, self.node, wanted.unsigned)

    def ends_network(self) -> bool:
        """Whether a QuantizeLinear is read that nothing follows which the core computes."""
        return self.reading.spelling == "QuantizeLinear" and self._fusions.ends(self.reading)

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

    def is_one(self, name: str, default: int = 0) -> bool:
        """Whether an attribute is 1. Of some the runtime asks that: any other number is a 0."""
        return bool(self.attribute(name, default) == 1)

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
