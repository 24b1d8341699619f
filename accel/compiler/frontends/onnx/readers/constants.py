"""Arithmetic on constants in ONNX files, such as that on shapes: done while the file is read."""

import math
from collections.abc import Callable

import numpy as np

from ..._folding import divided
from ..builder import Builder, Unreadable
from ..file import ELEMENTS, UnreadableConstant
from ..values import Constant, Missing, Pending, Value

NAMED_VALUES = ("value_int", "value_ints", "value_float", "value_floats")


def constant(b: Builder) -> list[Value]:
    attributes = b.node.attributes
    if isinstance(attributes.get("value"), UnreadableConstant):
        what, remedy = attributes["value"].args
        raise Unreadable(what, "", remedy)
    if isinstance(attributes.get("value"), np.ndarray):
        return [Constant(attributes["value"])]
    for name in NAMED_VALUES:
        if name in attributes:
            dtype = np.int64 if "int" in name else np.float32
            return [Constant(np.array(attributes[name], dtype))]
    raise Unreadable("has a value that is not a dense tensor of numbers")


def shape(b: Builder) -> list[Value]:
    value = b.required(0)
    sizes = np.array(value.shape, np.int64)
    return [Constant(sizes[b.attribute("start", 0) : b.attribute("end", len(sizes))])]


def size(b: Builder) -> list[Value]:
    return [Constant(np.array(math.prod(b.required(0).shape), np.int64))]


def _arrays(b: Builder) -> list[np.ndarray]:
    arrays = [b.constant(index) for index in range(len(b.node.inputs))]
    present = [array for array in arrays if array is not None]
    if len(present) < len(arrays):
        raise Unreadable("lacks an input")
    return present


def _folded(function: Callable[..., np.ndarray], operands: int) -> Callable[[Builder], list[Value]]:
    """A reader of an operator that is a NumPy function of broadcast operands."""

    def read(b: Builder) -> list[Value]:
        arrays = _arrays(b)
        if len(arrays) != operands:
            raise Unreadable(f"has {len(arrays)} inputs, not {operands}")
        try:
            b.spend(math.prod(np.broadcast_shapes(*(a.shape for a in arrays))))
            with np.errstate(all="ignore"):
                return [Constant(np.asarray(function(*arrays)).astype(arrays[0].dtype))]
        except (ValueError, TypeError) as error:
            raise Unreadable("has constants that do not fit together", str(error)) from error

    return read


power = _folded(np.power, 2)


def cast(b: Builder) -> list[Value]:
    value, kind = b.required(0), b.attribute("to", 0)
    if kind not in ELEMENTS:
        raise Unreadable("casts to a type that is not supported", "", "cast to a type of numbers")
    dtype = ELEMENTS[kind][1]
    if isinstance(value, Constant):
        b.spend(value.data.size)
        with np.errstate(invalid="ignore", over="ignore"):
            return [Constant(value.data.astype(dtype))]
    if dtype == np.float32 and isinstance(value, Pending) and value.numbers is not None:
        return [value.numbers]
    if dtype == np.float32 and getattr(value, "real", True):
        return [value]
    raise Unreadable(f"casts activations to {np.dtype(dtype).name}", "", "quantize them instead")


def gather(b: Builder) -> list[Value]:
    data, indices = _arrays(b)[:2]
    axis = b.attribute("axis", 0)
    try:
        b.spend(data.size // max(data.shape[axis], 1) * indices.size)
        return [Constant(np.take(data, indices, axis=axis))]
    except (IndexError, ValueError, TypeError) as error:
        raise Unreadable("takes an index that does not exist", str(error)) from error


def _checked_shape(values: np.ndarray) -> tuple[int, ...]:
    sizes = tuple(int(value) for value in values.reshape(-1))
    if len(sizes) > 8 or not all(0 <= size < 2**31 for size in sizes):
        raise Unreadable(f"makes a constant of an impossible shape {sizes[:9]}")
    return sizes


def constant_of_shape(b: Builder) -> list[Value]:
    sizes = _checked_shape(_arrays(b)[0])
    value = b.node.attributes.get("value", np.zeros(1, np.float32))
    if not isinstance(value, np.ndarray) or value.size != 1:
        raise Unreadable("has a value that is not a single number")
    b.spend(math.prod(sizes))
    return [Constant(np.full(sizes, value.item(), value.dtype))]


def expand(b: Builder) -> list[Value]:
    data, sizes = _arrays(b)[:2]
    try:
        shape = np.broadcast_shapes(data.shape, _checked_shape(sizes))
    except ValueError as error:
        raise Unreadable("has shapes that do not fit together", str(error)) from error
    b.spend(math.prod(shape))
    return [Constant(np.broadcast_to(data, shape))]


def range_of(b: Builder) -> list[Value]:
    start, limit, step = (array.item() for array in _arrays(b) if array.size == 1)
    if not step or not all(map(math.isfinite, (start, limit, step))):
        raise Unreadable("has a step of 0 or no end")
    b.spend(max(0, math.ceil((limit - start) / step)))
    return [Constant(np.arange(start, limit, step, dtype=_arrays(b)[0].dtype))]


def reduce_prod(b: Builder) -> list[Value]:
    return [Constant(np.prod(_arrays(b)[0], keepdims=b.is_one("keepdims", 1)))]


def same(b: Builder) -> list[Value]:
    """The input itself. Further outputs of Dropout are masks, which are not supported."""
    return [b.required(0), *(Missing() for _ in b.node.outputs[1:])]


# Operators that are read for constant inputs only; there is no operator of ours for them.
READERS = {
    "Constant": ("", constant),
    "Shape": ("", shape),
    "Size": ("", size),
    "Cast": ("", cast),
    "ConstantOfShape": ("", constant_of_shape),
    "Range": ("", range_of),
    "ReduceProd": ("", reduce_prod),
    "Identity": ("", same),
    "Dropout": ("", same),
    "Pow": ("", power),
}

# Operators of activations, folded where all inputs are constant.
FOLDED = {
    "Add": _folded(np.add, 2),
    "Sub": _folded(np.subtract, 2),
    "Mul": _folded(np.multiply, 2),
    "Div": _folded(divided, 2),
    "Floor": _folded(np.floor, 1),
    "Ceil": _folded(np.ceil, 1),
    "Neg": _folded(np.negative, 1),
    "Sqrt": _folded(np.sqrt, 1),
    "Gather": gather,
    "Expand": expand,
    "Exp": _folded(np.exp, 1),
    "Log": _folded(np.log, 1),
    "Abs": _folded(np.abs, 1),
    "Round": _folded(np.rint, 1),
    "Sign": _folded(np.sign, 1),
    "Reciprocal": _folded(np.reciprocal, 1),
    "Pow": power,
}
