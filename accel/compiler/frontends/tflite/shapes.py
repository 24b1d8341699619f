"""Reads the attributes of TFLite's operators that move, cut or reduce dimensions."""

import tflite

from ...ir.graph import Tensor
from ...operators._operator import quantization_of
from ...operators.arg_max import ArgMax
from ...operators.concatenation import Concatenation
from ...operators.cumsum import Cumsum
from ...operators.depth_to_space import DepthToSpace
from ...operators.gather import Gather
from ...operators.mean import ReduceMean
from ...operators.mirror_pad import MirrorPad
from ...operators.pack import Pack
from ...operators.pad import Pad
from ...operators.reduce_max import ReduceMax
from ...operators.reshape import Reshape
from ...operators.resize_bilinear import ResizeBilinear
from ...operators.resize_nearest import ResizeNearest
from ...operators.slice import Slice
from ...operators.space_to_depth import SpaceToDepth
from ...operators.split import Split
from ...operators.sum import ReduceSum
from ...operators.transpose import Transpose
from ...operators.unpack import Unpack
from .spelling import (
    ANEW,
    Operands,
    Options,
    Results,
    Unreadable,
    activation,
    axes,
    check_result,
    check_said,
    check_type,
    from_front,
    integers,
    of_axis,
    shape_of,
)


def pad(options: Options, inputs: Operands, outputs: Results) -> Pad:
    pairs = _amounts(inputs)
    value = inputs[2] if len(inputs) > 2 else None
    if value is not None:
        _check_value(value, outputs[0])
    return Pad(
        amounts=pairs, value=_zero(outputs[0]) if value is None else int(value.values.item())
    )


def mirror_pad(options: Options, inputs: Operands, outputs: Results) -> MirrorPad:
    modes = {tflite.MirrorPadMode.REFLECT: "reflect", tflite.MirrorPadMode.SYMMETRIC: "symmetric"}
    if options.Mode() not in modes:
        raise Unreadable(f"has a mode of number {options.Mode()}")
    return MirrorPad(amounts=_amounts(inputs), mode=modes[options.Mode()])


def _amounts(inputs: Operands) -> tuple[tuple[int, int], ...]:
    amounts = integers(inputs, 1, "amounts")
    if shape_of(inputs, 1) != (len(shape_of(inputs)), 2):
        raise Unreadable(f"has amounts of shape {shape_of(inputs, 1)}")
    return tuple(zip(amounts[0::2], amounts[1::2], strict=True))


def _check_value(value: Tensor, output: Tensor) -> None:
    """Require a code of the output's own quantization: the kernel refuses others."""
    if not (value.constant and value.dtype == "int8" and value.size == 1):
        raise Unreadable("has a padding value that is not a constant int8 number")
    if quantization_of(value) != quantization_of(output):
        what = f"pads with {value.name!r}, which is not quantized as {output.name!r}"
        raise Unreadable(f"{what}; quantize both alike")


def _zero(tensor: Tensor) -> int:
    """The code of the real number 0."""
    return tensor.quantization.zero_point[0] if tensor.quantization else 0


def mean(options: Options, inputs: Operands, outputs: Results) -> ReduceMean:
    found = axes(inputs, 1, len(shape_of(inputs)))
    return ReduceMean(axes=found, keep=_kept(found, options, inputs, outputs))


def sum_(options: Options, inputs: Operands, outputs: Results) -> ReduceSum:
    found = axes(inputs, 1, len(shape_of(inputs)))
    return ReduceSum(axes=found, keep=_kept(found, options, inputs, outputs))


def reduce_max(smallest: bool, options: Options, inputs: Operands, outputs: Results) -> ReduceMax:
    found = axes(inputs, 1, len(shape_of(inputs)))
    return ReduceMax(axes=found, keep=_kept(found, options, inputs, outputs), smallest=smallest)


def _kept(found: tuple[int, ...], options: Options, inputs: Operands, outputs: Results) -> bool:
    """Whether axes stay with size 1: as the output's shape says, which is all that kernels use."""
    whole, shape = shape_of(inputs), outputs[0].shape
    if shape == tuple(1 if axis in found else n for axis, n in enumerate(whole)):
        return True
    if shape == tuple(n for axis, n in enumerate(whole) if axis not in found):
        return False
    return bool(options.KeepDims())


def arg_max(smallest: bool, options: Options, inputs: Operands, outputs: Results) -> ArgMax:
    check_type(options.OutputType(), "an output")
    return ArgMax(axis=of_axis(inputs, 1, len(shape_of(inputs))), smallest=smallest)


def concatenation(options: Options, inputs: Operands, outputs: Results) -> Concatenation:
    if activation(options) != "none":
        raise Unreadable("has a fused activation, which its kernel does not compute")
    return Concatenation(axis=from_front(options.Axis(), len(outputs[0].shape)))


def pack(options: Options, inputs: Operands, outputs: Results) -> Pack:
    """The kernel takes sizes before and after the axis from the output alone."""
    check_said("values_count", options.ValuesCount(), len(inputs), "inputs")
    axis, shape = from_front(options.Axis(), len(outputs[0].shape)), shape_of(inputs)
    check_result(outputs[0], (*shape[:axis], len(inputs), *shape[axis:]))
    return Pack(axis=axis)


def unpack(options: Options, inputs: Operands, outputs: Results) -> Unpack:
    check_said("num", options.Num(), len(outputs), "outputs")
    return Unpack(axis=from_front(options.Axis(), len(shape_of(inputs))))


def gather(options: Options, inputs: Operands, outputs: Results) -> Gather:
    shape, indices = shape_of(inputs), integers(inputs, 1, "indices")
    if options.BatchDims() or len(shape_of(inputs, 1)) != 1:
        raise Unreadable("has indices of several dimensions")
    return Gather(axis=from_front(options.Axis(), len(shape)), indices=indices)


def transpose(options: Options, inputs: Operands, outputs: Results) -> Transpose:
    order, shape = integers(inputs, 1, "dimensions"), shape_of(inputs)
    if {*order} == {*range(len(shape))}:  # they are not counted from the back
        check_result(outputs[0], tuple(shape[axis] for axis in order))
    return Transpose(order=order)


def space_to_depth(options: Options, inputs: Operands, outputs: Results) -> SpaceToDepth:
    block, shape = options.BlockSize(), shape_of(inputs)
    if block > 0 and len(shape) == 4:
        batch, height, width, channels = shape
        check_result(outputs[0], (batch, height // block, width // block, channels * block**2))
    return SpaceToDepth(block=block)


def depth_to_space(options: Options, inputs: Operands, outputs: Results) -> DepthToSpace:
    block, shape = options.BlockSize(), shape_of(inputs)
    if block > 0 and len(shape) == 4:
        batch, height, width, channels = shape
        check_result(outputs[0], (batch, height * block, width * block, channels // block**2))
    return DepthToSpace(block=block)


def split(options: Options, inputs: Operands, outputs: Results) -> Split:
    shape = shape_of(inputs, 1)
    axis = of_axis(inputs, 0, len(shape))
    if shape[axis] % len(outputs):
        raise Unreadable(f"splits {shape[axis]} into {len(outputs)} parts")
    return Split(axis=axis, sizes=(shape[axis] // len(outputs),) * len(outputs))


def split_v(options: Options, inputs: Operands, outputs: Results) -> Split:
    sizes = integers(inputs, 1, "sizes")
    axis = of_axis(inputs, 2, len(shape_of(inputs)))
    rest = shape_of(inputs)[axis] - sum(size for size in sizes if size != -1)
    if sizes.count(-1) > 1:
        raise Unreadable(f"has sizes {sizes}, of which only one may be -1")
    return Split(axis=axis, sizes=tuple(rest if size == -1 else size for size in sizes))


def slice_(options: Options, inputs: Operands, outputs: Results) -> Slice:
    shape = shape_of(inputs)
    starts, sizes = integers(inputs, 1, "starts"), integers(inputs, 2, "sizes")
    if not len(starts) == len(sizes) == len(shape):
        raise Unreadable(f"has {len(starts)} starts and {len(sizes)} sizes of {len(shape)}")
    by_axis = zip(starts, sizes, shape, strict=True)
    whole = tuple(n - start if size == -1 else size for start, size, n in by_axis)
    check_result(outputs[0], whole)
    return Slice(starts=starts, sizes=whole, steps=(1,) * len(shape))


def strided_slice(options: Options, inputs: Operands, outputs: Results) -> Slice:
    """A part of each dimension.

    TFLite Micro's kernel reads neither the masks of ellipses and new axes nor whether ends are
    counted from the starts: what it makes must have the output's shape, which is checked.
    """
    shape = shape_of(inputs)
    begins, ends, steps = (
        integers(inputs, index, what) for index, what in ((1, "starts"), (2, "ends"), (3, "steps"))
    )
    if not len(begins) == len(ends) == len(steps) == len(shape) or 0 in steps:
        lengths = f"{len(begins)}, {len(ends)} and {len(steps)}"
        raise Unreadable(f"has {lengths} starts, ends and steps of {len(shape)} dimensions, or a 0")
    taken, kept = [], []
    for axis, size in enumerate(shape):
        begin = None if options.BeginMask() >> axis & 1 else begins[axis]
        end = None if options.EndMask() >> axis & 1 else ends[axis]
        if options.ShrinkAxisMask() >> axis & 1:  # one index, whatever the end says
            if steps[axis] < 0:
                raise Unreadable("leaves out a dimension with a negative step")
            first = begin or 0  # the mask counts here too
            index = first % size if -size <= first < size else first
            taken.append(range(index, index + 1))
        else:
            taken.append(range(size)[slice(begin, end, steps[axis])])
            kept.append(len(taken[-1]))
    check_result(outputs[0], tuple(kept))
    return Slice(
        starts=tuple(indices.start for indices in taken),
        sizes=tuple(len(indices) for indices in taken),
        steps=tuple(indices.step if len(indices) > 1 else 1 for indices in taken),
    )


def expand_dims(options: Options, inputs: Operands, outputs: Results) -> Reshape:
    shape = shape_of(inputs)
    axis = of_axis(inputs, 1, len(shape) + 1)
    check_result(outputs[0], (*shape[:axis], 1, *shape[axis:]))
    return Reshape()


def squeeze(options: Options, inputs: Operands, outputs: Results) -> Reshape:
    """Dimensions of size 1 go: those listed, or all. The output may add others of size 1."""
    shape, result = shape_of(inputs), outputs[0].shape
    named = options.SqueezeDimsAsNumpy() if options.SqueezeDimsLength() else ()
    gone = {from_front(int(axis), len(shape)) for axis in named}
    gone = gone or {axis for axis, size in enumerate(shape) if size == 1}
    if any(shape[axis] != 1 for axis in gone):
        raise Unreadable(f"squeezes dimensions {sorted(gone)} of {shape}, which are not all 1")
    stay = tuple(size for axis, size in enumerate(shape) if axis not in gone)
    if len(result) < len(stay) or any(a < b for a, b in zip(result, stay, strict=False)):
        what = f"squeezes {shape} to {stay}, but output {outputs[0].name!r} has shape {result}"
        raise Unreadable(f"{what}; name the dimensions to squeeze, without the batch")
    return Reshape()


def _check_new_size(inputs: Operands, outputs: Results) -> None:
    size, shape = integers(inputs, 1, "new sizes"), outputs[0].shape
    if len(shape) == 4 and size != shape[1:3]:
        what = f"resizes to {size}, but output {outputs[0].name!r} is {shape[1:3]}"
        raise Unreadable(f"{what}; {ANEW}")


def cumsum(options: Options, inputs: Operands, outputs: Results) -> Cumsum:
    axis = of_axis(inputs, 1, len(shape_of(inputs)))
    return Cumsum(axis=axis, exclusive=bool(options.Exclusive()), reverse=bool(options.Reverse()))


def resize_bilinear(options: Options, inputs: Operands, outputs: Results) -> ResizeBilinear:
    _check_new_size(inputs, outputs)
    return ResizeBilinear(
        align_corners=bool(options.AlignCorners()), half_pixel=bool(options.HalfPixelCenters())
    )


def resize_nearest(options: Options, inputs: Operands, outputs: Results) -> ResizeNearest:
    _check_new_size(inputs, outputs)
    return ResizeNearest(
        align_corners=bool(options.AlignCorners()), half_pixel=bool(options.HalfPixelCenters())
    )
