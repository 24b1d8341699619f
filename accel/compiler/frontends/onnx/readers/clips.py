"""Relu and Clip in ONNX files, with any bounds, of real numbers, pending results and codes.

A clamp commutes with QuantizeLinear, which never falls: the code of a clamped number is the clamped
code. So an operator that can fuse a clamp takes it, and after any other one its codes are clamped.
"""

from dataclasses import replace

import numpy as np

from ....operators._activation import Clamp, FusedActivation, real_bounds
from ....operators.relu import Relu
from ..builder import Builder, Unreadable
from ..codes import real_constant, single
from ..low_bit.epilogues import stepped
from ..values import Activation, Constant, Dequantized, Pending, Value
from . import float_steps
from .elementwise import unary_result

# Bounds that have names.
NAMES = {
    (0.0, np.inf): "relu",
    (0.0, 6.0): "relu6",
    (-1.0, 1.0): "relu_n1_to_1",
    (-np.inf, np.inf): "none",
}


def bounds(b: Builder) -> tuple[float, float]:
    """Those of the present Clip: attributes, or inputs, which may be integers."""
    ends: list[float] = []
    for index, (name, default) in enumerate((("min", -np.inf), ("max", np.inf)), 1):
        value = b.value(index)
        given = value.data if isinstance(value, Constant) else real_constant(value)
        if given is None and value is not None:
            raise Unreadable("has bounds that are not constant numbers", "", "use constant bounds")
        end = b.attribute(name, default) if given is None else single(given)
        if np.isnan(end):
            raise Unreadable("has a bound that is not a number")
        ends.append(np.sign(end) * np.inf if abs(end) >= np.finfo(np.float32).max else end)
    # The runtime takes the smaller of the upper bound and what the lower one leaves.
    return min(ends), ends[1]


def activation_of(low: float, high: float) -> FusedActivation:
    return NAMES.get((low, high)) or Clamp(low, high)


def _both(first: FusedActivation, low: float, high: float) -> FusedActivation:
    """A clamp after a clamp."""
    given = zip(real_bounds(first), (-np.inf, np.inf), strict=True)
    ends = (none if end is None else end for end, none in given)
    return activation_of(*(float(min(max(end, low), high)) for end in ends))


def clamped(b: Builder, low: float, high: float, index: int = 0) -> list[Value]:
    """An input clamped, by the operator that computes it if that can fuse a clamp."""
    value = b.required(index)
    if isinstance(value, Constant | Dequantized):
        return [_clamped_constant(value, low, high)]
    if isinstance(value, Activation) and not value.real:
        return [_clamped_codes(b, value, low, high)]
    if (low, high) == (-np.inf, np.inf):
        return [value]
    if isinstance(value, Pending) and value.to_codes is None:
        if value.fuses:
            activation = _both(value.activation, low, high)
            return [replace(value, activation=activation, takes_bias=False, made={})]
        return [_after(b, value, activation_of(low, high))]
    if isinstance(value, Activation) and b.tensors[value.tensor].dtype == "int8":
        return [
            unary_result(b, b.numbers(index), "relu", Relu(activation=activation_of(low, high)))
        ]
    ends = (np.array(end, np.float32) for end in (low, high))
    return [stepped(b, float_steps.opened(b, index), "clip", *ends)]


def _clamped_constant(value: Constant | Dequantized, low: float, high: float) -> Constant:
    data = value.data if isinstance(value, Constant) else real_constant(value)
    assert data is not None
    if np.issubdtype(data.dtype, np.integer):  # whose bounds are finite or none
        limits = np.iinfo(data.dtype)
        low, high = (int(np.clip(end, limits.min, limits.max)) for end in (low, high))
    return Constant(np.clip(data, low, high).astype(data.dtype))


def _after(b: Builder, value: Pending, activation: FusedActivation) -> Pending:
    """A result whose operator fuses no clamp, with its codes clamped."""
    record = b.node

    def view(x: Activation) -> Activation:
        with b.at(record):
            if b.tensors[x.tensor].dtype != "int8":
                remedy = "put QuantizeLinear and DequantizeLinear before it"
                raise Unreadable("clamps float32 numbers", f"of {value.place}", remedy)
            attributes = Relu(activation=activation, rescales=False)
            shape = b.tensors[x.tensor].shape
            tensor = b.add_node("relu", attributes, (x.tensor,), shape)
        b.share_quantization(x.tensor, tensor)
        return replace(x, tensor=tensor)

    return replace(value.viewed(value.shape, view), axis=value.axis)


def _clamped_codes(b: Builder, x: Activation, low: float, high: float) -> Activation:
    """Codes held to bounds that are codes of the file."""
    return held(b, x, *(int(np.clip(end - 128 * x.unsigned, -128, 127)) for end in (low, high)))


def held(b: Builder, x: Activation, least: int, most: int) -> Activation:
    """The value with our codes held to bounds."""
    if (least, most) == (-128, 127):
        return x
    attributes = Relu(activation="none", rescales=False, codes=(least, most))
    tensor = b.moved("relu", attributes, x.tensor, b.tensors[x.tensor].shape)
    return replace(x, tensor=tensor)


def relu(b: Builder) -> list[Value]:
    value = b.required(0)
    if isinstance(value, Activation) and not value.real:
        raise Unreadable(f"input {b.node.inputs[0]!r} is integer codes without a scale")
    return clamped(b, 0.0, np.inf)


def clip(b: Builder) -> list[Value]:
    return clamped(b, *bounds(b))


READERS = {"Relu": ("relu", relu), "Clip": ("relu", clip)}
