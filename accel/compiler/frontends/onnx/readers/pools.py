"""Pooling in ONNX files: windows, whole images, and means over them."""

import math
from dataclasses import replace

import numpy as np

from .....numeric.rules.float_epilogue import FloatEpilogue
from ....operators._activation import FusedActivation
from ....operators._window import Pair, cropped_window
from ....operators.average_pool2d import AveragePool2d
from ....operators.dequantize import Dequantize
from ....operators.float_average_pool2d import FloatAveragePool2d
from ....operators.max_pool2d import MaxPool2d
from ....operators.mean import ReduceMean
from ....operators.quantize import Quantize
from ....operators.sum import ReduceSum
from ..builder import Builder, Quantizer, Unreadable
from ..codes import coder, finished, quantizer
from ..fusion import FLOAT32
from ..layers import biases
from ..layers.sum_orders import of_mean
from ..values import Activation, Addends, Pending, Present, Shape, Value, arranged, channels_last
from ..windows import Windows, channels_first, image, in_file_order, windows


def max_pool(b: Builder) -> list[Value]:
    """The greatest code is the code of the greatest number: codes can be pooled as numbers are."""
    if any(b.node.outputs[1:]):
        raise Unreadable("asks for the indices of the largest values", "", "use its first output")
    if b.attribute("storage_order", 0):
        raise Unreadable("has storage_order 1", "", "use storage_order 0")
    value, record = _computed(b.required(0)), b.node
    kernel = b.attribute("kernel_shape", ())
    shape, w = _windows(b, value, kernel)
    size, padding = _cropped(value, w)
    attributes = MaxPool2d(size=size, stride=w.stride, padding=padding, dilation=w.dilation)

    def view(x: Activation) -> Activation:
        with b.at(record):
            source = b.channels_last(image(b, x))
            output = (x.shape[0], *w.output, source.shape[1])
            tensor = b.moved("max_pool2d", attributes, source.tensor, output)
            outside = (x.shape[0], source.shape[1], *w.output)
            pooled = Activation(tensor, outside, channels_last(4), x.real, x.unsigned)
            return b.reshaped(pooled, shape)

    if isinstance(value, Pending):
        return [replace(value.viewed(shape, view), axis=value.axis)]
    coded = isinstance(value, Activation) and not value.real
    return [view(b.codes(0) if coded else b.numbers(0))]


def _computed(value: Present) -> Activation | Pending:
    if isinstance(value, Activation | Pending):
        return value
    raise Unreadable("has a constant input", "", "fold it")


def _windows(b: Builder, value: Activation | Pending, kernel: Shape) -> tuple[Shape, Windows]:
    """The shape after pooling, and the windows."""
    rank = len(value.shape)
    if rank not in (3, 4):
        what = f"input {b.node.inputs[0]!r} has {rank} dimensions"
        raise Unreadable(what, "", "use windows of one or two dimensions")
    size = value.shape[2:] if rank == 4 else (1, *value.shape[2:])
    w = windows(b, size, kernel, rank)
    return (*value.shape[:2], *w.output[4 - rank :]), w


def _cropped(value: Activation | Pending, w: Windows) -> tuple[Pair, tuple[Pair, Pair]]:
    """Size and padding of windows, without taps that are over padding at every position."""
    if w.dilation != (1, 1):
        return w.kernel, w.padding
    image = (1, *value.shape[2:])[-2:]
    axes = zip(image, w.kernel, w.stride, w.padding, w.output, strict=True)
    (height, above), (width, beside) = (cropped_window(*axis) for axis in axes)
    return (height, width), (above, beside)


def average(b: Builder, x: Activation, kernel: Shape) -> Pending:
    """Means under windows, as a pending result.

    One window over the whole image is a `mean`: the runtime rounds it in another way.
    """
    shape, w = _windows(b, x, kernel)
    include = bool(b.attribute("count_include_pad", 0))
    source = b.channels_last(image(b, x))
    whole = w.kernel == source.shape[2:] and w.dilation == (1, 1)
    if whole and not any(map(any, w.padding)):
        return mean(b, x, tuple(range(2, len(x.shape))), keep=True)
    record = b.node
    size, padding = (w.kernel, w.padding) if include else _cropped(x, w)
    attributes = AveragePool2d(
        size=size,
        stride=w.stride,
        padding=padding,
        dilation=w.dilation,
        count_include_pad=include,
        beyond=w.beyond if include else (0, 0),
    )

    def finish(wanted: Quantizer, activation: str, bias: Addends) -> Activation:
        name = b.node.outputs[0]
        computed = b.computed(record, wanted)
        given = replace(attributes, activation=activation, computed=computed)
        ends = w.dilation != (1, 1) and b.ends_network()
        with b.at(record):
            output = (x.shape[0], *w.output, x.shape[1])
            if ends:
                tensor = _in_float32(b, source, given, output, name, wanted)
            else:
                tensor = b.add_node("average_pool2d", given, (source.tensor,), output, name=name)
            b.set_quantizer(tensor, wanted)
            if computed == FLOAT32 and not ends:
                terms = math.prod(w.kernel)
                _tell_order(b, source, tensor, (terms, terms), given.activation, wanted)
            outside = (x.shape[0], x.shape[1], *w.output)
            pooled = Activation(tensor, outside, channels_last(4), False, wanted.unsigned)
            return b.reshaped(pooled, shape)

    return Pending(record.place, shape, finish, fuses=True)


def _in_float32(
    b: Builder, x: Activation, pool: AveragePool2d, shape: Shape, name: str, wanted: Quantizer
) -> str:
    """Codes of means that the driver takes of float32 numbers; returns the tensor's name."""
    before, after = b.tensors[x.tensor].shape, f"{name}_means"
    numbers = b.add_node(
        "dequantize", Dequantize(), (x.tensor,), before, "float32", name=f"{name}_numbers"
    )
    fields = {field: getattr(pool, field) for field in pool.__dataclass_fields__}
    attributes = FloatAveragePool2d(**{**fields, "activation": "none", "computed": "float32"})
    means = b.add_node("float_average_pool2d", attributes, (numbers,), shape, "float32", name=after)
    units, steps = np.ones(shape[3]), biases.steps((), 1.0, pool.activation, shape[3])
    epilogue = FloatEpilogue(units, units.astype(np.int64), steps, coder(wanted))
    return b.add_node("quantize", Quantize(epilogue=epilogue), (means,), shape, name=name)


def mean(
    b: Builder, x: Activation, axes: Shape, keep: bool, kind: type[ReduceMean] = ReduceMean
) -> Pending:
    """Means over whole dimensions, or sums, as a pending result."""
    operator = "mean" if kind.divides else "sum"
    if not axes:
        raise Unreadable(f"takes the {operator} over no axes", "", "give its axes")
    record = b.node
    x = b.channels_last(x) if x.flat is None and len(x.shape) == 4 else b.plain(x)
    ours = tuple(sorted(x.layout.index(axis) for axis in axes))
    whole = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))

    def finish(wanted: Quantizer, activation: str, bias: Addends) -> Activation:
        name, in_float32 = b.node.outputs[0], not b.on_codes(record, wanted)
        with b.at(record):
            output = arranged(whole, x.layout)
            attributes = kind(axes=ours, keep=True)
            tensor = b.add_node(operator, attributes, (x.tensor,), output, name=name)
            b.set_quantizer(tensor, wanted)
            if in_float32:
                terms = math.prod(x.shape[axis] for axis in axes)
                counts = terms, terms if kind.divides else 1
                _tell_order(b, x, tensor, counts, "none", wanted)
            value = Activation(tensor, whole, x.layout, False, wanted.unsigned)
            return value if keep else b.reshaped(value, shape)

    shape = tuple(n for axis, n in enumerate(whole) if keep or axis not in axes)
    return Pending(record.place, shape, finish)


def _tell_order(
    b: Builder,
    x: Activation,
    tensor: str,
    counts: tuple[int, int],
    activation: FusedActivation,
    wanted: Quantizer,
) -> None:
    """Tell at how many sums the runtime's order decides; ``counts`` are terms and divisor."""
    known, channels = b.known_quantizer(x.tensor), b.tensors[tensor].shape[-1]
    low, high = (code - known.zero_point for code in b.code_range(x.tensor))
    steps = biases.steps((), 1.0, activation, 1)
    ends = (min(low, 0), max(high, 0))
    found = of_mean(ends, *counts, known.scale, channels, steps, coder(wanted))
    b.tell_order(tensor, found)


def average_pool(b: Builder) -> list[Value]:
    return [average(b, b.numbers(0), b.attribute("kernel_shape", ()))]


def global_average_pool(b: Builder) -> list[Value]:
    x = b.numbers(0)
    return [mean(b, x, tuple(range(2, len(x.shape))), keep=True)]


def qlinear_average_pool(b: Builder) -> list[Value]:
    x = channels_first(b, b.codes(0, quantizer(b, 1, 2)))
    pending = average(b, x, b.attribute("kernel_shape", ()))
    return [in_file_order(b, finished(b, pending, quantizer(b, 3, 4)))]


def qlinear_global_average_pool(b: Builder) -> list[Value]:
    x = channels_first(b, b.codes(0, quantizer(b, 1, 2)))
    pending = mean(b, x, tuple(range(2, len(x.shape))), keep=True)
    return [in_file_order(b, finished(b, pending, quantizer(b, 3, 4)))]


def reduce_mean(b: Builder) -> list[Value]:
    return _reduced(b, ReduceMean)


def reduce_sum(b: Builder) -> list[Value]:
    return _reduced(b, ReduceSum)


def _reduced(b: Builder, kind: type[ReduceMean]) -> list[Value]:
    x = b.numbers(0)
    axes = reduced_axes(b, len(x.shape))
    if axes is None:
        return [x]
    return [mean(b, x, axes, b.is_one("keepdims", 1), kind)]


def reduced_axes(b: Builder, rank: int) -> Shape | None:
    """The dimensions that the present reduction is over, in order; None where it is over none."""
    given = b.integers(1)
    axes = b.attribute("axes", ()) if given is None else given
    if not axes and b.is_one("noop_with_empty_axes"):
        return None
    axes = axes or tuple(range(rank))
    if not all(-rank <= axis < rank for axis in axes):
        raise Unreadable(f"has axes {list(axes)} for {rank} dimensions")
    return tuple(sorted({axis % rank for axis in axes}))


def global_max_pool(b: Builder) -> list[Value]:
    value = b.required(0)
    spatial = getattr(value, "shape", ())[2:]
    plain = {"kernel_shape": spatial}
    with b.at(replace(b.node, attributes=plain)):
        return max_pool(b)


READERS = {
    "MaxPool": ("max_pool2d", max_pool),
    "GlobalMaxPool": ("max_pool2d", global_max_pool),
    "AveragePool": ("average_pool2d", average_pool),
    "GlobalAveragePool": ("mean", global_average_pool),
    "ReduceMean": ("mean", reduce_mean),
    "ReduceSum": ("sum", reduce_sum),
    "com.microsoft.QLinearAveragePool": ("average_pool2d", qlinear_average_pool),
    "com.microsoft.QLinearGlobalAveragePool": ("mean", qlinear_global_average_pool),
}
