"""Softmax and LogSoftmax in ONNX files: of codes, or of numbers that may be quantized after it."""

import math
from dataclasses import replace

from ....operators.log_softmax import LogSoftmax
from ....operators.softmax import Softmax
from ..builder import Builder, Quantizer, Unreadable
from ..codes import finished, quantizer
from ..values import Activation, Addends, Pending, Value
from .in_numbers import in_numbers

LAST_AXIS_OPSET = 13  # earlier opsets join all dimensions from the axis on


def _result(b: Builder, x: Activation, axis: int) -> Pending:
    """Softmax over one dimension, or its logarithms, as a pending result."""
    record, rank = b.node, len(x.shape)
    if not -rank <= axis < rank:
        raise Unreadable(f"has axis {axis} for {rank} dimensions")
    axis %= rank
    _check_batch(b, x, axis)
    if x.flat is not None or x.layout[-1] != axis:
        order = (*(a for a in range(rank) if a != axis), axis)
        x = b.in_layout(x, order)

    def on_codes(wanted: Quantizer, activation: str, bias: Addends) -> Activation:
        name = b.node.outputs[0]
        with b.at(record):
            shape = b.tensors[x.tensor].shape
            tensor = b.add_node("softmax", Softmax(), (x.tensor,), shape, name=name)
        b.set_quantizer(tensor, wanted)
        return replace(b.like(x, tensor), real=False)

    if record.spelling == "LogSoftmax":  # which there is no operator on codes for
        return in_numbers(b, x, "log_softmax", LogSoftmax())
    return in_numbers(b, x, "softmax", Softmax(), on_codes=on_codes)


def _check_batch(b: Builder, x: Activation, axis: int) -> None:
    if axis == 0 and x.shape[0] == 1 and b.record.open_batch:
        raise Unreadable("is over the batch", "", "use axis 1 or a later one")


def _over(b: Builder, x: Activation, opset: int, old_axis: int) -> Pending:
    """Before opset 13 it is over the given dimension and all after it, by default ``old_axis``."""
    if opset >= LAST_AXIS_OPSET:
        return _result(b, x, b.attribute("axis", -1))
    axis, shape, rank = b.attribute("axis", old_axis), x.shape, len(x.shape)
    if not -rank <= axis < rank:
        raise Unreadable(f"has axis {axis} for {rank} dimensions")
    axis %= rank
    _check_batch(b, x, axis)
    rows = (math.prod(shape[1:axis]),) if axis > 1 else ()
    whole = (*shape[: min(axis, 1)], *rows, math.prod(shape[axis:]))
    flat = b.reshaped(x, whole)
    return _result(b, flat, -1).viewed(shape, lambda value: b.reshaped(value, shape))


def softmax(b: Builder) -> list[Value]:
    return [_over(b, b.numbers(0), b.record.opset, 1)]


def qlinear_softmax(b: Builder) -> list[Value]:
    x = b.codes(0, quantizer(b, 1, 2))
    opset = b.attribute("opset", LAST_AXIS_OPSET)
    if not 1 <= opset < 2**31:
        raise Unreadable(f"has an impossible opset {opset}")
    pending = _over(b, x, opset, -1)
    return [finished(b, pending, quantizer(b, 3, 4))]


READERS = {
    "Softmax": ("softmax", softmax),
    "LogSoftmax": ("log_softmax", softmax),
    "com.microsoft.QLinearSoftmax": ("softmax", qlinear_softmax),
}
