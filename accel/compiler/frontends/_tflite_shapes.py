"""Reads the attributes of TFLite's operators that move, cut or reduce dimensions."""

from ..ir import Tensor
from ..operators.arg_max import ArgMax
from ..operators.concatenation import Concatenation
from ..operators.mean import Mean
from ..operators.pack import Pack
from ..operators.pad import Pad
from ..operators.slice import Slice
from ..operators.split import Split
from ..operators.transpose import Transpose
from ..operators.unpack import Unpack
from ._tflite_spelling import (
    Operands,
    Options,
    Unreadable,
    activation,
    axes,
    from_front,
    integers,
    of_axis,
)


def pad(options: Options, inputs: Operands, outputs: Operands) -> Pad:
    amounts = integers(inputs, 1, "amounts")
    if inputs[1].shape != (len(inputs[0].shape), 2):
        raise Unreadable(f"has amounts of shape {inputs[1].shape}")
    value = inputs[2] if len(inputs) > 2 else None
    if value is not None and not (value.constant and value.dtype == "int8" and value.size == 1):
        raise Unreadable("has a value to pad with that is no constant int8 number")
    pairs = tuple(zip(amounts[0::2], amounts[1::2], strict=True))
    return Pad(amounts=pairs, value=_zero(outputs[0]) if value is None else int(value.data.item()))


def _zero(tensor: Tensor) -> int:
    """The code of the real number 0."""
    return tensor.quantization.zero_point[0] if tensor.quantization else 0


def mean(options: Options, inputs: Operands, outputs: Operands) -> Mean:
    return Mean(axes=axes(inputs, 1, len(inputs[0].shape)), keep=bool(options.KeepDims()))


def arg_max(smallest: bool, inputs: Operands) -> ArgMax:
    return ArgMax(axis=of_axis(inputs, 1, len(inputs[0].shape)), smallest=smallest)


def concatenation(options: Options, inputs: Operands, outputs: Operands) -> Concatenation:
    if activation(options) != "none":
        raise Unreadable("has a fused activation, which its kernel does not compute")
    return Concatenation(axis=from_front(options.Axis(), len(outputs[0].shape)))


def pack(options: Options, inputs: Operands, outputs: Operands) -> Pack:
    return Pack(axis=from_front(options.Axis(), len(outputs[0].shape)))


def unpack(options: Options, inputs: Operands, outputs: Operands) -> Unpack:
    return Unpack(axis=from_front(options.Axis(), len(inputs[0].shape)))


def transpose(options: Options, inputs: Operands, outputs: Operands) -> Transpose:
    dims = len(inputs[0].shape)
    order = integers(inputs, 1, "dimensions")
    return Transpose(order=tuple(from_front(axis, dims) for axis in order))


def split(options: Options, inputs: Operands, outputs: Operands) -> Split:
    shape = inputs[1].shape
    axis = of_axis(inputs, 0, len(shape))
    if shape[axis] % len(outputs):
        raise Unreadable(f"splits {shape[axis]} into {len(outputs)} parts")
    return Split(axis=axis, sizes=(shape[axis] // len(outputs),) * len(outputs))


def split_v(options: Options, inputs: Operands, outputs: Operands) -> Split:
    sizes = integers(inputs, 1, "sizes")
    axis = of_axis(inputs, 2, len(inputs[0].shape))
    rest = inputs[0].shape[axis] - sum(size for size in sizes if size != -1)
    if sizes.count(-1) > 1:
        raise Unreadable(f"has sizes {sizes}, of which two are to be found out")
    return Split(axis=axis, sizes=tuple(rest if size == -1 else size for size in sizes))


def slice_(options: Options, inputs: Operands, outputs: Operands) -> Slice:
    shape = inputs[0].shape
    starts, sizes = integers(inputs, 1, "starts"), integers(inputs, 2, "sizes")
    if not len(starts) == len(sizes) == len(shape):
        raise Unreadable(f"has {len(starts)} starts and {len(sizes)} sizes of {len(shape)}")
    by_axis = zip(starts, sizes, shape, strict=True)
    whole = tuple(n - start if size == -1 else size for start, size, n in by_axis)
    return Slice(starts=starts, sizes=whole, steps=(1,) * len(shape))


def strided_slice(options: Options, inputs: Operands, outputs: Operands) -> Slice:
    if options.EllipsisMask() or options.NewAxisMask() or options.Offset():
        raise Unreadable("has an ellipsis, new axes or ends counted from the starts")
    shape = inputs[0].shape
    begins, ends, steps = (
        integers(inputs, index, what) for index, what in ((1, "starts"), (2, "ends"), (3, "steps"))
    )
    if not len(begins) == len(ends) == len(steps) == len(shape) or 0 in steps:
        lengths = f"{len(begins)}, {len(ends)} and {len(steps)}"
        raise Unreadable(f"has {lengths} starts, ends and steps of {len(shape)} dimensions, or a 0")
    taken = []
    for axis, size in enumerate(shape):
        begin = None if options.BeginMask() >> axis & 1 else begins[axis]
        end = None if options.EndMask() >> axis & 1 else ends[axis]
        if options.ShrinkAxisMask() >> axis & 1:  # one index, whatever the end says
            if steps[axis] < 0:
                raise Unreadable("leaves out a dimension that it walks backwards")
            index = begins[axis] % size if -size <= begins[axis] < size else begins[axis]
            taken.append(range(index, index + 1))
        else:
            taken.append(range(size)[slice(begin, end, steps[axis])])
    return Slice(
        starts=tuple(indices.start for indices in taken),
        sizes=tuple(len(indices) for indices in taken),
        steps=tuple(indices.step if len(indices) > 1 else 1 for indices in taken),
    )
