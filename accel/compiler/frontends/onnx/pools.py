"""Pooling in ONNX files: windows, whole images, and means over them."""

from dataclasses import replace

from ...operators._window import Pair, cropped_window
from ...operators.average_pool2d import AveragePool2d
from ...operators.max_pool2d import MaxPool2d
from ...operators.mean import ReduceMean
from ...operators.sum import ReduceSum
from .builder import Builder, Quantizer, Unreadable
from .quantize import finished, quantizer
from .values import Activation, Addends, Pending, Present, Shape, Value, arranged, channels_last
from .windows import Windows, image, windows

SAME_PAIR = (1, 1)


def max_pool(b: Builder) -> list[Value]:
    """The greatest code is the code of the greatest number: codes can be pooled as numbers are."""
    if any(b.node.outputs[1:]):
        raise Unreadable("asks for the indices of the largest values", "", "use its first output")
    if b.attribute("storage_order", 0):
        raise Unreadable("has storage_order 1", "", "use storage_order 0")
    value, record = _computed(b.required(0)), b.node
    kernel = b.attribute("kernel_shape", ())
    shape, w = _windows(b, value, kernel)
    if w.dilation != SAME_PAIR:
        raise Unreadable(f"has dilations {list(w.dilation)}", "", "use dilation 1")
    size, padding = _cropped(value, w)
    attributes = MaxPool2d(size=size, stride=w.stride, padding=padding)

    def view(x: Activation) -> Activation:
        with b.at(record):
            source = b.channels_last(image(b, x))
            output = (1, *w.output, source.shape[1])
            tensor = b.moved("max_pool2d", attributes, source.tensor, output)
            pooled = Activation(
                tensor, (1, source.shape[1], *w.output), channels_last(4), x.real, x.unsigned
            )
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
    if w.dilation != SAME_PAIR:
        raise Unreadable(f"has dilations {list(w.dilation)}", "", "use dilation 1")
    if include and w.widened:
        raise Unreadable("counts padding and has ceil_mode 1", "", "use one of the two")
    source = b.channels_last(image(b, x))
    if w.kernel == source.shape[2:] and not any(map(any, w.padding)):
        return mean(b, x, tuple(range(2, len(x.shape))), keep=True)
    record = b.node
    size, padding = (w.kernel, w.padding) if include else _cropped(x, w)
    attributes = AveragePool2d(
        size=size, stride=w.stride, padding=padding, count_include_pad=include
    )

    def finish(wanted: Quantizer, activation: str, bias: Addends) -> Activation:
        name = b.node.outputs[0]
        computed = b.computed(record, wanted)
        given = replace(attributes, activation=activation, computed=computed)
        with b.at(record):
            output = (1, *w.output, x.shape[1])
            tensor = b.add_node("average_pool2d", given, (source.tensor,), output, name=name)
            b.set_quantizer(tensor, wanted)
            outside = (1, x.shape[1], *w.output)
            pooled = Activation(tensor, outside, channels_last(4), False, wanted.unsigned)
            return b.reshaped(pooled, shape)

    return Pending(record.place, shape, finish, fuses=True)


def mean(
    b: Builder, x: Activation, axes: Shape, keep: bool, kind: type[ReduceMean] = ReduceMean
) -> Pending:
    """Means over whole dimensions, or sums, as a pending result."""
    operator = "mean" if kind.divides else "sum"
    if not axes or 0 in axes:
        what = f"takes the {operator} over axes {list(axes)} of {len(x.shape)} dimensions"
        raise Unreadable(what, "", "take it over others than the batch")
    record = b.node
    x = b.channels_last(x) if x.flat is None and len(x.shape) == 4 else b.plain(x)
    ours = tuple(sorted(x.layout.index(axis) for axis in axes))
    whole = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))

    def finish(wanted: Quantizer, activation: str, bias: Addends) -> Activation:
        name = b.node.outputs[0]
        with b.at(record):
            output = arranged(whole, x.layout)
            attributes = kind(axes=ours, keep=True)
            tensor = b.add_node(operator, attributes, (x.tensor,), output, name=name)
            b.set_quantizer(tensor, wanted)
            value = Activation(tensor, whole, x.layout, False, wanted.unsigned)
            return value if keep else b.reshaped(value, shape)

    shape = tuple(n for axis, n in enumerate(whole) if keep or axis not in axes)
    return Pending(record.place, shape, finish)


def average_pool(b: Builder) -> list[Value]:
    return [average(b, b.numbers(0), b.attribute("kernel_shape", ()))]


def global_average_pool(b: Builder) -> list[Value]:
    x = b.numbers(0)
    return [mean(b, x, tuple(range(2, len(x.shape))), keep=True)]


def qlinear_average_pool(b: Builder) -> list[Value]:
    x = _channels_first(b, b.codes(0, quantizer(b, 1, 2)))
    pending = average(b, x, b.attribute("kernel_shape", ()))
    return [_in_file_order(b, finished(b, pending, quantizer(b, 3, 4)))]


def qlinear_global_average_pool(b: Builder) -> list[Value]:
    x = _channels_first(b, b.codes(0, quantizer(b, 1, 2)))
    pending = mean(b, x, tuple(range(2, len(x.shape))), keep=True)
    return [_in_file_order(b, finished(b, pending, quantizer(b, 3, 4)))]


def _channels_first(b: Builder, x: Activation) -> Activation:
    """The input with the channels first, also where the operator's attribute puts them last."""
    rank = len(x.shape)
    if not b.attribute("channels_last", 0):
        return x
    return b.transposed(x, (0, rank - 1, *range(1, rank - 1)))


def _in_file_order(b: Builder, x: Activation) -> Activation:
    return b.transposed(x, channels_last(len(x.shape))) if b.attribute("channels_last", 0) else x


def reduce_mean(b: Builder) -> list[Value]:
    return _reduced(b, ReduceMean)


def reduce_sum(b: Builder) -> list[Value]:
    return _reduced(b, ReduceSum)


def _reduced(b: Builder, kind: type[ReduceMean]) -> list[Value]:
    x, given = b.numbers(0), b.integers(1)
    rank = len(x.shape)
    axes = b.attribute("axes", ()) if given is None else given
    if not axes and b.attribute("noop_with_empty_axes", 0):
        return [x]
    axes = axes or tuple(range(rank))
    if not all(-rank <= axis < rank for axis in axes):
        raise Unreadable(f"has axes {list(axes)} for {rank} dimensions")
    axes = tuple(sorted({axis % rank for axis in axes}))
    return [mean(b, x, axes, bool(b.attribute("keepdims", 1)), kind)]


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
