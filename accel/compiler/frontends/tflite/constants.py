"""TFLite's operators on shapes and constants: done while the file is read.

Converters write them around a reshape whose batch was open: SHAPE, STRIDED_SLICE, PACK. All shapes
of a file are fixed here, so that the results are constants.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import tflite

from ...ir.graph import Tensor
from .._folding import divided
from .spelling import Options, Unreadable, activation, check_said, from_front

Arrays = tuple[np.ndarray, ...]
Shape = tuple[int, ...]
# Arguments are the options, the inputs' values, and the shapes of the outputs.
Fold = Callable[[Options, Arrays, tuple[Shape, ...]], Iterable[np.ndarray]]

# Types whose values are the numbers that they look like, where no quantization says otherwise.
PLAIN = ("int32", "int64", "float32", "bool")


@dataclass(frozen=True)
class Folded:
    """How an operator is computed on constants.

    ``options`` is its options class, or None. One that ``moves`` takes values of any type; others
    take numbers only, since codes also have a scale. ``least`` is the least number of inputs.
    """

    compute: Fold
    options: type | None = None
    least: int = 1
    moves: bool = False


# Readers of shapes: they need no values of their input, which may be computed.
SHAPES: dict[str, Callable[[Shape], np.ndarray]] = {
    "SHAPE": lambda shape: np.array(shape, np.int64).reshape(-1),
    "RANK": lambda shape: np.array(len(shape), np.int64),
}


def folded(
    row: Folded, options: Options, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]
) -> list[np.ndarray]:
    """The values of an operator's outputs. Raises ``Unreadable``."""
    if len(inputs) < row.least:
        raise Unreadable("lacks an input or an output")
    shapes = tuple(tensor.shape for tensor in outputs)
    try:
        with np.errstate(all="ignore"):
            made = list(row.compute(options, tuple(t.values for t in inputs), shapes))
        pairs = list(zip(made, outputs, strict=True))
    except (ValueError, TypeError, IndexError, OverflowError, ZeroDivisionError) as error:
        raise Unreadable(f"has constants that do not fit together ({error})") from error
    return [checked(array, tensor) for array, tensor in pairs]


def checked(array: np.ndarray, output: Tensor) -> np.ndarray:
    """A result of the shape and type that the file gives its output. Raises ``Unreadable``."""
    array = np.asarray(array)
    if array.shape != output.shape:
        what = f"makes {array.shape}, but output {output.name!r} has shape {output.shape}"
        raise Unreadable(f"{what}; convert the model anew")
    with np.errstate(all="ignore"):
        array = np.ascontiguousarray(array).astype(output.dtype).reshape(output.shape)
    array.flags.writeable = False
    return array


def _grows_to(given: Iterable[int], wanted: Shape) -> None:
    """Refuse a result of another shape than the output's before it takes memory."""
    shape = tuple(map(int, given))
    if shape != wanted:
        raise ValueError(f"they make {shape[:9]}, and the output has shape {wanted}")


def _numbers(function: Callable[..., np.ndarray], operands: int, options: type | None) -> Folded:
    """A NumPy function of broadcast numbers; a fused activation clamps its result."""

    def compute(o: Options, inputs: Arrays, shapes: tuple[Shape, ...]) -> Arrays:
        _grows_to(np.broadcast_shapes(*(array.shape for array in inputs[:operands])), shapes[0])
        result = function(*inputs[:operands])
        fused = activation(o) if hasattr(options, "FusedActivationFunction") else "none"
        if fused not in ("none", "relu"):
            raise Unreadable(f"has a fused activation {fused} on constants")
        return (np.maximum(result, 0) if fused == "relu" else result,)

    return Folded(compute, options, operands)


def _floored_modulo(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if (b == 0).any():
        raise ValueError("a number is divided by 0")
    return np.mod(a, b)


def _floored(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if (b == 0).any():
        raise ValueError("a number is divided by 0")
    return a // b


def _reduction(function: Callable[..., np.ndarray]) -> Folded:
    def compute(o: Options, inputs: Arrays, shapes: tuple[Shape, ...]) -> Arrays:
        values, axes = inputs
        along = tuple({from_front(int(axis), values.ndim) for axis in axes.reshape(-1)})
        return (function(values, axis=along).astype(values.dtype).reshape(shapes[0]),)

    return Folded(compute, tflite.ReducerOptions, 2)


def _reshape(o: Options, inputs: Arrays, shapes: tuple[Shape, ...]) -> Arrays:
    return (inputs[0].reshape(shapes[0]),)  # as for activations, the output's shape counts


def _strided_slice(o: Options, inputs: Arrays, shapes: tuple[Shape, ...]) -> Arrays:
    values, (begins, ends, steps) = inputs[0], (array.reshape(-1).tolist() for array in inputs[1:4])
    index: list[slice | int | None] = []
    rest = values.ndim - len(begins)
    rest += sum(bool((o.NewAxisMask() | o.EllipsisMask()) >> at & 1) for at in range(len(begins)))
    for at, (begin, end, step) in enumerate(zip(begins, ends, steps, strict=True)):
        if o.EllipsisMask() >> at & 1:
            index += [slice(None)] * max(rest, 0)
        elif o.NewAxisMask() >> at & 1:
            index.append(None)
        elif o.ShrinkAxisMask() >> at & 1:
            index.append(0 if o.BeginMask() >> at & 1 else begin)
        else:
            first = None if o.BeginMask() >> at & 1 else begin
            end = begin + end if o.Offset() else end
            index.append(slice(first, None if o.EndMask() >> at & 1 else end, step))
    return (values[tuple(index)],)


def _slice(o: Options, inputs: Arrays, shapes: tuple[Shape, ...]) -> Arrays:
    values, starts, sizes = inputs[0], inputs[1].reshape(-1), inputs[2].reshape(-1)
    by_axis = zip(starts.tolist(), sizes.tolist(), values.shape, strict=True)
    index = tuple(slice(b, n if size == -1 else b + size) for b, size, n in by_axis)
    return (values[index],)


def _gather(o: Options, inputs: Arrays, shapes: tuple[Shape, ...]) -> Arrays:
    if o.BatchDims():
        raise Unreadable("has batch dimensions")
    if (inputs[1] < 0).any():
        raise IndexError("an index is negative")
    values, axis = inputs[0], from_front(o.Axis(), inputs[0].ndim)
    _grows_to((*values.shape[:axis], *inputs[1].shape, *values.shape[axis + 1 :]), shapes[0])
    return (np.take(values, inputs[1], axis=axis),)


def _pack(o: Options, inputs: Arrays, shapes: tuple[Shape, ...]) -> Arrays:
    check_said("values_count", o.ValuesCount(), len(inputs), "inputs")
    _grows_to((sum(array.size for array in inputs),), (math.prod(shapes[0]),))
    return (np.stack(inputs, from_front(o.Axis(), len(shapes[0]))),)


def _unpack(o: Options, inputs: Arrays, shapes: tuple[Shape, ...]) -> Arrays:
    axis = from_front(o.Axis(), inputs[0].ndim)
    return tuple(np.take(inputs[0], k, axis) for k in range(inputs[0].shape[axis]))


def _concatenation(o: Options, inputs: Arrays, shapes: tuple[Shape, ...]) -> Arrays:
    _grows_to((sum(array.size for array in inputs),), (math.prod(shapes[0]),))
    return (np.concatenate(inputs, from_front(o.Axis(), len(shapes[0]))),)


def _split(o: Options, inputs: Arrays, shapes: tuple[Shape, ...]) -> list[np.ndarray]:
    axis, values = inputs[:2]
    return np.split(values, len(shapes), from_front(int(axis.item()), values.ndim))


def _transpose(o: Options, inputs: Arrays, shapes: tuple[Shape, ...]) -> Arrays:
    return (inputs[0].transpose(inputs[1].reshape(-1).tolist()),)


def _tile(o: Options, inputs: Arrays, shapes: tuple[Shape, ...]) -> Arrays:
    times = inputs[1].reshape(-1).tolist()
    _grows_to((n * k for n, k in zip(inputs[0].shape, times, strict=True)), shapes[0])
    return (np.tile(inputs[0], times),)


def _fill(o: Options, inputs: Arrays, shapes: tuple[Shape, ...]) -> Arrays:
    _grows_to(inputs[0].reshape(-1), shapes[0])
    return (np.full(shapes[0], inputs[1].reshape(()).item()),)


def _broadcast_to(o: Options, inputs: Arrays, shapes: tuple[Shape, ...]) -> Arrays:
    return (np.broadcast_to(inputs[0], inputs[1].reshape(-1).tolist()),)


def _broadcast_args(o: Options, inputs: Arrays, shapes: tuple[Shape, ...]) -> Arrays:
    together = np.broadcast_shapes(*(tuple(array.reshape(-1).tolist()) for array in inputs[:2]))
    return (np.array(together, np.int64).reshape(-1),)


def _range(o: Options, inputs: Arrays, shapes: tuple[Shape, ...]) -> Arrays:
    start, limit, step = (array.item() for array in inputs[:3])
    if not step or math.ceil((limit - start) / step) != math.prod(shapes[0]):
        raise ValueError(f"the range has no {math.prod(shapes[0])} numbers")
    return (np.arange(start, limit, step),)


def _cast(o: Options, inputs: Arrays, shapes: tuple[Shape, ...]) -> Arrays:
    return (inputs[0],)  # to the type of the output


FOLDED: dict[str, Folded] = {
    "RESHAPE": Folded(_reshape, moves=True),
    "SQUEEZE": Folded(_reshape, moves=True),
    "EXPAND_DIMS": Folded(_reshape, moves=True),
    "STRIDED_SLICE": Folded(_strided_slice, tflite.StridedSliceOptions, 4, True),
    "SLICE": Folded(_slice, None, 3, True),
    "GATHER": Folded(_gather, tflite.GatherOptions, 2, True),
    "PACK": Folded(_pack, tflite.PackOptions, 1, True),
    "UNPACK": Folded(_unpack, tflite.UnpackOptions, 1, True),
    "CONCATENATION": Folded(_concatenation, tflite.ConcatenationOptions, 1, True),
    "SPLIT": Folded(_split, None, 2, True),
    "TRANSPOSE": Folded(_transpose, None, 2, True),
    "TILE": Folded(_tile, None, 2, True),
    "FILL": Folded(_fill, None, 2, True),
    "BROADCAST_TO": Folded(_broadcast_to, None, 2, True),
    "BROADCAST_ARGS": Folded(_broadcast_args, None, 2),
    "RANGE": Folded(_range, None, 3),
    "CAST": Folded(_cast),
    "ADD": _numbers(np.add, 2, tflite.AddOptions),
    "SUB": _numbers(np.subtract, 2, tflite.SubOptions),
    "MUL": _numbers(np.multiply, 2, tflite.MulOptions),
    "DIV": _numbers(divided, 2, tflite.DivOptions),
    "FLOOR_DIV": _numbers(_floored, 2, None),
    "FLOOR_MOD": _numbers(_floored_modulo, 2, None),
    "MINIMUM": _numbers(np.minimum, 2, None),
    "MAXIMUM": _numbers(np.maximum, 2, None),
    "NEG": _numbers(np.negative, 1, None),
    "ABS": _numbers(np.abs, 1, None),
    "REDUCE_PROD": _reduction(np.prod),
    "REDUCE_MAX": _reduction(np.max),
    "REDUCE_MIN": _reduction(np.min),
    "SUM": _reduction(np.sum),
    "EQUAL": _numbers(np.equal, 2, None),
    "NOT_EQUAL": _numbers(np.not_equal, 2, None),
    "GREATER": _numbers(np.greater, 2, None),
    "GREATER_EQUAL": _numbers(np.greater_equal, 2, None),
    "LESS": _numbers(np.less, 2, None),
    "LESS_EQUAL": _numbers(np.less_equal, 2, None),
    "SELECT": _numbers(np.where, 3, None),
    "SELECT_V2": _numbers(np.where, 3, None),
}
