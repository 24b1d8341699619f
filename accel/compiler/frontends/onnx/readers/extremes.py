"""The greatest or the least: of several tensors, or of all elements along some axes.

QuantizeLinear never falls, so that the code of the greatest number is the greatest code, where all
have one quantization.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import reduce

import numpy as np

from ....operators.maximum import Maximum
from ....operators.minimum import Minimum
from ....operators.reduce_max import ReduceMax
from ..builder import Builder, Quantizer, Unreadable
from ..codes import real_constant
from ..values import Activation, Addends, Constant, Pending, Present, Value, arranged
from .clips import clamped, held
from .elementwise import Codes, aligned
from .pools import reduced_axes
from .shapes import codes_under, numbers_at, viewed

ATTRIBUTES = {"maximum": Maximum(), "minimum": Minimum()}


def _extreme(operator: str) -> Callable[[Builder], list[Value]]:
    largest = operator == "maximum"

    def read(b: Builder) -> list[Value]:
        values = [b.required(index) for index in range(len(b.node.inputs))]
        if not values:
            raise Unreadable("has no input")
        if len(values) == 1:
            return [values[0]]
        if any(isinstance(v, Activation) and not v.real for v in values):
            return [_of_codes(b, operator, values)]
        parts = [numbers_at(b, value, index) for index, value in enumerate(values)]
        arrays = [part for part in parts if isinstance(part, np.ndarray)]
        if any(np.isnan(array).any() for array in arrays):
            raise Unreadable("has a constant that is not a number")
        (index, *others) = [i for i, part in enumerate(parts) if not isinstance(part, np.ndarray)]
        rank = len(values[index].shape)
        if not others and all(a.size == 1 and a.ndim <= rank for a in arrays):
            number = float((max if largest else min)(a.item() for a in arrays))
            return clamped(b, *((number, np.inf) if largest else (-np.inf, number)), index)
        return [_pending(b, operator, parts)]

    return read


def _pending(b: Builder, operator: str, parts: list[Activation | Pending | np.ndarray]) -> Pending:
    record = b.node
    try:
        shape = np.broadcast_shapes(*(part.shape for part in parts))
    except ValueError:
        raise Unreadable(f"has inputs of {[part.shape for part in parts][:8]}") from None

    def finish(wanted: Quantizer, activation: str, bias: Addends) -> Activation:
        with b.at(record):
            codes = [codes_under(b, part, wanted) for part in parts]
            return replace(_joined(b, operator, codes), real=False)

    return Pending(record.place, shape, finish)


def _joined(b: Builder, operator: str, codes: list[Activation | np.ndarray]) -> Activation:
    """One node for each operand after the first, all of one quantization; constants are one."""
    largest = operator == "maximum"
    operands = [value for value in codes if isinstance(value, Activation)]
    arrays = [array for array in codes if not isinstance(array, Activation)]
    if arrays and all(len(x.shape) == 4 for x in operands):  # which may have one for each channel
        operands = [b.channels_last(x) for x in operands]

    def both(x: Activation, y: Activation | Codes) -> Activation:
        names, shape, layout = aligned(b, [x, y])
        output = arranged(shape, layout)
        tensor = b.add_node(operator, ATTRIBUTES[operator], names, output, name=b.node.outputs[0])
        for other in (x, y):
            if isinstance(other, Activation):
                b.share_quantization(other.tensor, tensor)
        return Activation(tensor, shape, layout, x.real, x.unsigned)

    result = reduce(both, operands)
    if not arrays:
        return result
    b.spend(math.prod(np.broadcast_shapes(*(a.shape for a in arrays))))
    array = reduce(np.maximum if largest else np.minimum, arrays)
    if array.size == 1 and array.ndim <= len(result.shape):
        end = int(array.item())
        return held(b, result, *((end, 127) if largest else (-128, end)))
    return both(result, Codes(array, b.known_quantizer(result.tensor).quantization()))


def _of_codes(b: Builder, operator: str, values: list[Present]) -> Activation:
    first = next(v for v in values if isinstance(v, Activation))
    codes: list[Activation | np.ndarray] = []
    for index, value in enumerate(values):
        if isinstance(value, Constant):
            if value.data.dtype != (np.uint8 if first.unsigned else np.int8):
                raise Unreadable(f"compares codes with {value.data.dtype}")
            own = value.data.astype(np.int64) - 128 * first.unsigned
            codes.append(np.asarray(own, np.int8))
            continue
        x = b.codes(index)
        if x.unsigned != first.unsigned:
            raise Unreadable("compares int8 and uint8")
        b.share_quantization(first.tensor, x.tensor)
        codes.append(x)
    return _joined(b, operator, codes)


def _reduced(smallest: bool) -> Callable[[Builder], list[Value]]:
    def read(b: Builder) -> list[Value]:
        value = b.required(0)
        axes = reduced_axes(b, len(value.shape))
        if axes is None:
            return [value]
        kept = tuple(1 if axis in axes else size for axis, size in enumerate(value.shape))
        keep = b.is_one("keepdims", 1)
        shape = tuple(n for axis, n in enumerate(kept) if keep or axis not in axes)
        moved = tuple(axis for axis in axes if value.shape[axis] > 1)

        def array(a: np.ndarray) -> np.ndarray:
            return (np.min if smallest else np.max)(a, axes, keepdims=keep)

        def activation(x: Activation) -> Activation:
            if moved:
                x = b.plain(x) if x.flat is not None else x
                ours = tuple(sorted(x.layout.index(axis) for axis in moved))
                attributes = ReduceMax(axes=ours, keep=True, smallest=smallest)
                tensor = b.moved("reduce_max", attributes, x.tensor, arranged(kept, x.layout))
                x = Activation(tensor, kept, x.layout, x.real, x.unsigned)
            return b.reshaped(x, shape)

        if not isinstance(value, Activation | Pending):
            data = real_constant(value)
            if data is None:
                raise Unreadable("has a constant that is no number")
            return [Constant(array(data))]
        return [viewed(b, value, shape, array, activation)]

    return read


READERS = {
    "Max": ("maximum", _extreme("maximum")),
    "Min": ("minimum", _extreme("minimum")),
    "ReduceMax": ("reduce_max", _reduced(smallest=False)),
    "ReduceMin": ("reduce_max", _reduced(smallest=True)),
}
