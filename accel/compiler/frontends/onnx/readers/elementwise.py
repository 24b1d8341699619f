"""Functions of one number, or of two, in ONNX files."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ....ir.graph import Quantization
from ....operators.abs import Abs
from ....operators.add import Add
from ....operators.elu import Elu
from ....operators.function import Function
from ....operators.hard_swish import HardSwish
from ....operators.leaky_relu import LeakyRelu
from ....operators.logistic import Logistic
from ....operators.mul import Mul
from ....operators.prelu import Prelu
from ....operators.sub import Sub
from ....operators.tanh import Tanh
from ..builder import Builder, Quantizer, Unreadable
from ..codes import finished, quantizer, real_constant
from ..layers.linear import added_bias
from ..values import (
    Activation,
    Addends,
    Constant,
    Dequantized,
    Pending,
    Shape,
    Value,
    arranged,
    identity,
)
from . import float_steps


def unary_result(b: Builder, x: Activation, operator: str, attributes: Any) -> Pending:
    """A function of one number, as a pending result."""
    record = b.node

    def finish(wanted: Quantizer, activation: str, bias: Addends) -> Activation:
        name = b.node.outputs[0]
        with b.at(record):
            given = replace(attributes, activation=activation) if operator == "relu" else attributes
            shape = b.tensors[x.tensor].shape
            tensor = b.add_node(operator, given, (x.tensor,), shape, name=name)
        b.set_quantizer(tensor, wanted)
        return replace(b.like(x, tensor), real=False)

    fuses = operator == "relu"
    activation = attributes.activation if fuses else "none"
    applied = (x.tensor, attributes)
    return Pending(
        record.place, x.shape, finish, activation=activation, fuses=fuses, applied=applied
    )


def _unary(operator: str, attributes: Callable[[Builder], Any]) -> Callable[[Builder], list[Value]]:
    def read(b: Builder) -> list[Value]:
        return [unary_result(b, b.numbers(0), operator, attributes(b))]

    return read


def _qlinear_unary(
    operator: str, attributes: Callable[[Builder], Any]
) -> Callable[[Builder], list[Value]]:
    def read(b: Builder) -> list[Value]:
        x = b.codes(0, quantizer(b, 1, 2))
        pending = unary_result(b, x, operator, attributes(b))
        return [finished(b, pending, quantizer(b, 3, 4))]

    return read


def _float32(value: float) -> float:
    return float(np.float32(value))


def _leaky_relu(b: Builder) -> LeakyRelu:
    return LeakyRelu(alpha=_float32(b.attribute("alpha", 0.01)))


def _elu(b: Builder) -> list[Value]:
    alpha = b.attribute("alpha", 1.0)
    if alpha == 1.0:
        return [unary_result(b, b.numbers(0), "elu", Elu())]
    attributes = Function(name="elu", parameters=(_float32(alpha),))
    return [unary_result(b, b.numbers(0), "function", attributes)]


def hard_sigmoid_product(b: Builder) -> list[Value]:
    return [unary_result(b, b.numbers(0), "hard_swish", HardSwish())]


# Two operands.


@dataclass(frozen=True, eq=False)
class Codes:
    """A constant operand: int8 codes in the file's shape, and how they are quantized."""

    data: np.ndarray
    quantization: Quantization

    @property
    def shape(self) -> Shape:
        return self.data.shape


def _constant_operand(b: Builder, value: Value, index: int) -> Codes:
    name = b.node.inputs[index]
    if isinstance(value, Dequantized):
        return _codes_of(name, value.codes, value.scale, value.zero_point)
    data = real_constant(value)
    if data is None or data.size != 1 or not np.isfinite(data).all():
        remedy = "put QuantizeLinear and DequantizeLinear after it"
        raise Unreadable(f"has a constant {name!r} that is not quantized", "", remedy)
    # One number is a code of 1 or -1 with its magnitude as the scale, which is exact.
    number = float(data.item())
    q = Quantization(scale=(abs(number) or 1.0,), zero_point=(0,))
    return Codes(np.full(data.shape, np.sign(number), np.int8), q)


def _codes_of(name: str, codes: np.ndarray, scale: np.ndarray, zero_point: np.ndarray) -> Codes:
    whole = all((values == values.reshape(-1)[:1]).all() for values in (scale, zero_point))
    if codes.dtype not in (np.uint8, np.int8) or codes.size == 0 or not whole:
        remedy = "quantize it per tensor to int8 or uint8"
        raise Unreadable(
            f"has a constant {name!r} that is not of int8 or uint8 codes with one scale", "", remedy
        )
    offset = 128 if codes.dtype == np.uint8 else 0
    q = Quantization(
        scale=(float(scale.reshape(-1)[0]),),
        zero_point=(int(zero_point.reshape(-1)[0]) - offset,),
        offset=offset,
    )
    return Codes((codes.astype(np.int64) - offset).astype(np.int8), q)


def aligned(
    b: Builder, operands: Sequence[Activation | Codes]
) -> tuple[tuple[str, ...], Shape, Shape]:
    """Tensors of one layout for operands that broadcast; the result's shape in the file, layout."""
    shapes = [value.shape for value in operands]
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        raise Unreadable(f"has inputs of {shapes[0]} and {shapes[1]}") from None
    rank = len(shape)
    padded = [
        b.reshaped(v, (1,) * (rank - len(v.shape)) + v.shape) if isinstance(v, Activation) else v
        for v in operands
    ]
    layout = _common_layout([v for v in padded if isinstance(v, Activation)], shape)
    names = []
    for index, value in enumerate(padded):
        if isinstance(value, Activation):
            names.append(b.in_layout(value, layout).tensor)
            continue
        shape_of = (1,) * (rank - len(value.shape)) + value.shape
        data = value.data.reshape(shape_of).transpose(layout)
        name = b.node.inputs[index] or "constant"
        names.append(b.add_constant(name, data, value.quantization))
    return tuple(names), shape, layout


def binary_result(
    b: Builder, operator: str, attributes: Any, operands: Sequence[Activation | Codes]
) -> Pending:
    """A function of two numbers, as a pending result; one of them may be constant."""
    record, (names, shape, layout) = b.node, aligned(b, operands)
    output = arranged(shape, layout)

    def finish(wanted: Quantizer, activation: str, bias: Addends) -> Activation:
        name = b.node.outputs[0]
        given = replace(attributes, activation=activation)
        if operator in ("add", "mul"):
            given = replace(given, computed=b.computed(record, wanted))
        with b.at(record):
            tensor = b.add_node(operator, given, names, output, name=name)
        b.set_quantizer(tensor, wanted)
        return Activation(tensor, shape, layout, real=False, unsigned=wanted.unsigned)

    return Pending(record.place, shape, finish, fuses=True)


def _common_layout(values: list[Activation], shape: Shape) -> Shape:
    """The layout that needs the fewest transpositions: an operand's that is not the file's."""
    plain = identity(len(shape))
    layouts = [v.layout for v in values if v.flat is None and v.shape == shape]
    layouts += [v.layout for v in values if v.flat is None]
    return next((layout for layout in layouts if layout != plain), plain)


def _binary(operator: str, attributes: Any) -> Callable[[Builder], list[Value]]:
    def read(b: Builder) -> list[Value]:
        values = [b.required(0), b.required(1)]
        if operator == "mul" and _is_hard_swish(*values):
            return [unary_result(b, b.numbers(_argument(values)), "hard_swish", HardSwish())]
        if operator == "add":
            for value, other in (values, values[::-1]):
                if not isinstance(value, Pending) or not isinstance(other, Constant | Dequantized):
                    continue
                data = real_constant(other)
                if data is not None and data.ndim:
                    summed = added_bias(value, other, _channel_axis(value, data))
                    if summed is not None:
                        return [summed]
        if any(map(_needs_steps, values, reversed(values))):
            found = float_steps.arithmetic(b)
            if found is not None:
                return found
        operands = [
            _constant_operand(b, value, index)
            if isinstance(value, Constant | Dequantized)
            else b.numbers(index)
            for index, value in enumerate(values)
        ]
        result = binary_result(b, operator, attributes, operands)
        return [float_steps.continued(b, result)]

    return read


# x * HardSigmoid(x) with these parameters is HardSwish, which ONNX Runtime saves as the two.
_HALF_SIGMOID = Function(name="hard_sigmoid", parameters=(_float32(1 / 6), 0.5))


def _argument(values: Sequence[Value]) -> int:
    return 0 if isinstance(values[0], Activation) else 1


def _is_hard_swish(first: Value, second: Value) -> bool:
    x, other = (first, second) if isinstance(first, Activation) else (second, first)
    return (
        isinstance(x, Activation)
        and isinstance(other, Pending)
        and x.real
        and x.shape == other.shape
        and other.applied == (x.tensor, _HALF_SIGMOID)
    )


def _needs_steps(constant: Value, other: Value) -> bool:
    """Whether a constant has no codes of one scale, or meets what is no quantized activation."""
    if isinstance(constant, Constant):
        many = constant.data.size != 1
    elif isinstance(constant, Dequantized):
        scales = constant.scale.reshape(-1), constant.zero_point.reshape(-1)
        many = any((values != values[:1]).any() for values in scales)
        many |= constant.codes.dtype not in (np.uint8, np.int8)
    else:
        return False
    return many or isinstance(other, Pending)


def _channel_axis(value: Pending, data: np.ndarray) -> int:
    """The dimension of the channels; where that is not known, the one that an addend varies in."""
    rank = len(value.shape)
    if value.axis is not None:
        return value.axis
    shape = (1,) * (rank - data.ndim) + data.shape
    varying = [axis for axis, size in enumerate(shape) if size > 1]
    return varying[0] if len(varying) == 1 else (1 if rank > 2 else rank - 1)


def _qlinear_binary(operator: str, attributes: Any) -> Callable[[Builder], list[Value]]:
    def operand(b: Builder, index: int) -> Activation | Codes:
        value, given = b.required(index), quantizer(b, index + 1, index + 2)
        if not isinstance(value, Constant):
            return b.codes(index, given)
        scale, zeros = np.float32(given.scale), given.zero_point + 128 * given.unsigned
        wide = np.broadcast_to(scale, value.shape), np.broadcast_to(zeros, value.shape)
        return _codes_of(b.node.inputs[index], value.data, *wide)

    def read(b: Builder) -> list[Value]:
        pending = binary_result(b, operator, attributes, [operand(b, 0), operand(b, 3)])
        return [finished(b, pending, quantizer(b, 6, 7))]

    return read


def prelu(b: Builder) -> list[Value]:
    x, slope = b.numbers(0), b.required(1)
    if isinstance(slope, Activation | Pending):
        raise Unreadable("has a slope that is computed", "", "use a constant slope")
    operand = _constant_operand(b, slope, 1)
    codes, q = operand.data, operand.quantization
    rank, record = len(x.shape), b.node
    if x.flat is not None:
        x = b.plain(x)
    if codes.ndim > rank:
        raise Unreadable(f"has a slope of {codes.shape} for an input of {x.shape}")
    codes = codes.reshape((1,) * (rank - codes.ndim) + codes.shape).transpose(x.layout)
    shape = b.tensors[x.tensor].shape
    by_position = any(n > 1 for n in codes.shape[:-1])
    source, given = x.tensor, shape
    if by_position:  # slopes are those of channels: every value becomes one
        given = (1, math.prod(shape))
        b.spend(given[1])
        codes = _broadcast(codes, shape).reshape(given)
        source = b.reshape_tensor(x.tensor, given)
    name = b.add_constant(record.inputs[1] or "slope", codes, q)

    def finish(wanted: Quantizer, activation: str, bias: Addends) -> Activation:
        output = b.node.outputs[0]
        with b.at(record):
            tensor = b.add_node("prelu", Prelu(), (source, name), given, name=output)
            b.set_quantizer(tensor, wanted)
            if by_position:
                tensor = b.reshape_tensor(tensor, shape)
        return replace(b.like(x, tensor), real=False)

    return [Pending(record.place, x.shape, finish)]


def _broadcast(values: np.ndarray, shape: Shape) -> np.ndarray:
    try:
        return np.broadcast_to(values, shape)
    except ValueError:
        raise Unreadable(f"has a slope of {values.shape} for a tensor of {shape}") from None


def _nothing(kind: type) -> Callable[[Builder], Any]:
    return lambda b: kind()


READERS = {
    "Add": ("add", _binary("add", Add())),
    "Sub": ("sub", _binary("sub", Sub())),
    "Mul": ("mul", _binary("mul", Mul())),
    "com.microsoft.QLinearAdd": ("add", _qlinear_binary("add", Add())),
    "com.microsoft.QLinearMul": ("mul", _qlinear_binary("mul", Mul())),
    "Sigmoid": ("logistic", _unary("logistic", _nothing(Logistic))),
    "com.microsoft.QLinearSigmoid": ("logistic", _qlinear_unary("logistic", _nothing(Logistic))),
    "Tanh": ("tanh", _unary("tanh", _nothing(Tanh))),
    "Abs": ("abs", _unary("abs", _nothing(Abs))),
    "Elu": ("elu", _elu),
    "HardSwish": ("hard_swish", hard_sigmoid_product),
    "LeakyRelu": ("leaky_relu", _unary("leaky_relu", _leaky_relu)),
    "com.microsoft.QLinearLeakyRelu": ("leaky_relu", _qlinear_unary("leaky_relu", _leaky_relu)),
    "PRelu": ("prelu", prelu),
}
