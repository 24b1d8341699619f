"""Operators of ONNX files that move values and change none."""

import math
from collections.abc import Callable, Sequence
from itertools import accumulate

import numpy as np

from .....numeric.runtimes import float32
from ....operators.concatenation import Concatenation
from ....operators.mirror_pad import MODES, MirrorPad
from ....operators.pad import Pad
from ....operators.slice import Slice
from ....operators.split import Split
from ..builder import Builder, Quantizer, Unreadable
from ..codes import finished, quantizer, real_constant, requantized, single
from ..values import (
    Activation,
    Addends,
    Constant,
    Dequantized,
    Pending,
    Present,
    Shape,
    Value,
    arranged,
    identity,
)


def viewed(
    b: Builder,
    value: Present,
    shape: Shape,
    array: Callable[[np.ndarray], np.ndarray],
    activation: Callable[[Activation], Activation],
) -> Present:
    """The value after a move: ``array`` moves a constant, ``activation`` a tensor of our graph."""
    record = b.node
    if isinstance(value, Constant | Dequantized):
        b.spend(math.prod(shape))
        return Constant(array(value.data)) if isinstance(value, Constant) else value.mapped(array)

    def view(x: Activation) -> Activation:
        with b.at(record):
            return activation(x)

    return value.viewed(shape, view) if isinstance(value, Pending) else activation(value)


def _reshaped(b: Builder, value: Present, shape: Shape) -> list[Value]:
    if math.prod(shape) != math.prod(value.shape):
        raise Unreadable(f"reshapes {value.shape} to {shape}, which has another number of elements")
    return [viewed(b, value, shape, lambda a: a.reshape(shape), lambda x: b.reshaped(x, shape))]


def reshape(b: Builder) -> list[Value]:
    value, wanted = b.required(0), b.constant(1)
    if wanted is None or wanted.ndim != 1 or wanted.dtype != np.int64:
        raise Unreadable("has a shape that is not a constant list")
    copies = not b.is_one("allowzero")
    sizes = [
        value.shape[axis] if size == 0 and copies and axis < len(value.shape) else size
        for axis, size in enumerate(wanted.tolist())
    ]
    known = math.prod(size for size in sizes if size != -1)
    if sizes.count(-1) > 1 or min(sizes, default=0) < -1:
        raise Unreadable(f"has an impossible shape {sizes[:9]}")
    free = math.prod(value.shape) // known if known else 0
    return _reshaped(b, value, tuple(free if size == -1 else size for size in sizes))


def flatten(b: Builder) -> list[Value]:
    value, axis = b.required(0), b.attribute("axis", 1)
    rank = len(value.shape)
    if not -rank <= axis <= rank:
        raise Unreadable(f"has axis {axis} for {rank} dimensions")
    axis += rank * (axis < 0)
    sizes = math.prod(value.shape[:axis]), math.prod(value.shape[axis:])
    return _reshaped(b, value, sizes)


def _axes(b: Builder, rank: int) -> tuple[int, ...] | None:
    given = b.integers(1)
    axes = (b.attribute("axes", ()) or None) if given is None else given
    if axes is None:
        return None
    if not all(-rank <= axis < rank for axis in axes):
        raise Unreadable(f"has axes {list(axes)} for {rank} dimensions")
    return tuple(axis % rank for axis in axes)


def squeeze(b: Builder) -> list[Value]:
    value = b.required(0)
    axes = _axes(b, len(value.shape))
    if axes is None:
        axes = tuple(axis for axis, size in enumerate(value.shape) if size == 1)
    shape = tuple(size for axis, size in enumerate(value.shape) if axis not in axes)
    return _reshaped(b, value, shape)


def unsqueeze(b: Builder) -> list[Value]:
    value = b.required(0)
    count = len(b.attribute("axes", ()) or b.integers(1) or ())
    rank = len(value.shape) + count
    axes, old = _axes(b, rank), iter(value.shape)
    if not axes or len(set(axes)) != count:
        raise Unreadable("has no axes, or repeats one")
    return _reshaped(b, value, tuple(1 if axis in axes else next(old) for axis in range(rank)))


def transpose(b: Builder) -> list[Value]:
    value = b.required(0)
    rank = len(value.shape)
    order = b.attribute("perm", tuple(range(rank - 1, -1, -1)))
    if sorted(order) != list(range(rank)):
        raise Unreadable(f"has perm {list(order)} for {rank} dimensions")
    shape = arranged(value.shape, order)
    return [viewed(b, value, shape, lambda a: a.transpose(order), lambda x: b.transposed(x, order))]


# Padding.


def pad(b: Builder) -> list[Value]:
    value, mode = b.required(0), b.attribute("mode", "constant")
    if mode not in ("constant", *MODES):
        raise Unreadable(f"has mode {mode!r}", "", f"use one of constant, {', '.join(MODES)}")
    rank, amounts, axes = len(value.shape), b.integers(1), b.integers(3)
    axes = tuple(range(rank)) if axes is None else axes
    pads = b.attribute("pads", ()) if amounts is None else amounts
    if len(pads) != 2 * len(axes) or not all(-rank <= axis < rank for axis in axes):
        raise Unreadable(f"has {len(pads)} pads for {len(axes)} dimensions")
    if not all(0 <= amount < 2**16 for amount in pads):
        raise Unreadable(f"has pads {list(pads)[:16]} out of range 0..65535")
    pairs = [(0, 0)] * rank
    for position, axis in enumerate(axes):
        pairs[axis] = (int(pads[position]), int(pads[position + len(axes)]))
    if isinstance(value, Dequantized):
        raise Unreadable("pads a quantized constant", "", "fold it")
    if mode != "constant":
        return [_mirrored(b, value, pairs, mode)]
    fill = b.constant(2)
    number = b.attribute("value", 0.0) if fill is None else single(fill)
    # Where nothing is given, codes are padded by the code 0, and numbers by the number 0.
    given_code = fill is None or fill.dtype in (np.int8, np.uint8)
    shape = tuple(n + sum(pair) for n, pair in zip(value.shape, pairs, strict=True))

    def padded(x: Activation) -> Activation:
        x = b.plain(x) if x.flat is not None else x
        code = _fill_code(b, x, number, given_code)
        own = Pad(amounts=tuple(pairs[axis] for axis in x.layout), value=code)
        tensor = b.moved("pad", own, x.tensor, arranged(shape, x.layout))
        return Activation(tensor, shape, x.layout, x.real, x.unsigned)

    return [viewed(b, value, shape, lambda a: np.pad(a, pairs, constant_values=number), padded)]


def _mirrored(b: Builder, value: Present, pairs: list[tuple[int, int]], mode: str) -> Present:
    for size, pair in zip(value.shape, pairs, strict=True):
        if max(pair) > MODES[mode](size):
            raise Unreadable(f"pads {size} elements by {pair} in mode {mode!r}", "", "pad by less")
    shape = tuple(n + sum(pair) for n, pair in zip(value.shape, pairs, strict=True))

    def array(a: np.ndarray) -> np.ndarray:
        return np.pad(a, pairs, mode=mode)  # type: ignore[call-overload]

    def padded(x: Activation) -> Activation:
        x = b.plain(x) if x.flat is not None else x
        own = MirrorPad(amounts=tuple(pairs[axis] for axis in x.layout), mode=mode)
        tensor = b.moved("mirror_pad", own, x.tensor, arranged(shape, x.layout))
        return Activation(tensor, shape, x.layout, x.real, x.unsigned)

    return viewed(b, value, shape, array, padded)


def _fill_code(b: Builder, x: Activation, number: float, given_code: bool) -> float:
    known = b.quantizer(x.tensor)
    if b.tensors[x.tensor].dtype == "float32":
        return number
    if not x.real and given_code:
        return int(number) - 128 * x.unsigned
    if b.tensors[x.tensor].dtype != "int8" or known is None:
        raise Unreadable("pads codes without a scale", "", "quantize before")
    codes = float32.quantize(np.float32(number), known.scale, known.zero_point)
    return int(np.clip(codes, -128, 127))


# Slices.


def _bounds(start: int, end: int, step: int, size: int) -> tuple[int, int]:
    """The first index along an axis and the count, by ONNX's rules for indices beyond it."""
    indices = range(size)[slice(start, None if step < 0 and end < -size else end, step)]
    return (indices[0] if indices else 0), len(indices)


def slice_of(b: Builder) -> list[Value]:
    value = b.required(0)
    rank = len(value.shape)
    starts, ends, axes, steps = (b.integers(index) for index in range(1, 5))
    if starts is None or ends is None:
        raise Unreadable("has bounds that are not inputs")
    axes = tuple(range(len(starts))) if axes is None else axes
    steps = (1,) * len(starts) if steps is None else steps
    lengths = {len(starts), len(ends), len(axes), len(steps)}
    if len(lengths) != 1 or not all(-rank <= a < rank for a in axes) or 0 in steps:
        raise Unreadable("has starts, ends, axes and steps that do not fit together")
    taken = [(0, size, 1) for size in value.shape]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        taken[axis] = (*_bounds(start, end, step, value.shape[axis]), step)
    return [_slice(b, value, taken)]


def _slice(b: Builder, value: Present, taken: list[tuple[int, int, int]]) -> Present:
    shape = tuple(count for _, count, _ in taken)
    if 0 in shape:
        raise Unreadable(f"leaves nothing of {value.shape}")

    def array(a: np.ndarray) -> np.ndarray:
        for axis, (start, count, step) in enumerate(taken):
            a = np.take(a, start + step * np.arange(count), axis=axis)
        return a

    def activation(x: Activation) -> Activation:
        x = b.plain(x) if x.flat is not None else x
        own = [taken[axis] for axis in x.layout]
        attributes = Slice(
            starts=tuple(start for start, _, _ in own),
            sizes=tuple(count for _, count, _ in own),
            steps=tuple(step if count > 1 else 1 for _, count, step in own),
        )
        tensor = b.moved("slice", attributes, x.tensor, arranged(shape, x.layout))
        return Activation(tensor, shape, x.layout, x.real, x.unsigned)

    return viewed(b, value, shape, array, activation)


def split(b: Builder) -> list[Value]:
    value, axis, pieces = b.required(0), b.attribute("axis", 0), len(b.node.outputs)
    rank, given = len(value.shape), b.integers(1)
    if not -rank <= axis < rank:
        raise Unreadable(f"has axis {axis} for {rank} dimensions")
    axis, size = axis % rank, value.shape[axis]
    even = -(-size // pieces)
    sizes = b.attribute("split", ()) if given is None else given
    sizes = sizes or [min(even, size - even * piece) for piece in range(pieces)]
    if len(sizes) != pieces or min(sizes) < 1 or sum(sizes) != size:
        raise Unreadable(f"splits {size} elements into sizes {list(sizes)[:16]}")
    if not isinstance(value, Activation):
        whole = [(0, n, 1) for n in value.shape]
        starts = accumulate([0, *sizes[:-1]])
        return [
            _slice(b, value, [*whole[:axis], (start, count, 1), *whole[axis + 1 :]])
            for start, count in zip(starts, sizes, strict=True)
        ]
    x = b.plain(value) if value.flat is not None else value
    parts: list[Activation] = []
    for name, count in zip(b.node.outputs, sizes, strict=True):
        shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
        dtype = b.tensors[x.tensor].dtype
        tensor = b.add_tensor(name, arranged(shape, x.layout), dtype)
        if dtype != "float32":
            b.share_quantization(x.tensor, tensor)
        parts.append(Activation(tensor, shape, x.layout, x.real, x.unsigned))
    attributes = Split(axis=x.layout.index(axis), sizes=tuple(sizes))
    b.attach_node("split", attributes, (x.tensor,), tuple(part.tensor for part in parts))
    return [*parts]


# Concatenations.


def _joined_shape(values: Sequence[Present], axis: int) -> tuple[Shape, int]:
    shapes = [value.shape for value in values]
    rank = len(shapes[0])
    if not -rank <= axis < rank or any(len(shape) != rank for shape in shapes):
        raise Unreadable(f"concatenates {shapes[:8]} along axis {axis}")
    axis %= rank
    rest = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
    if len(rest) != 1:
        raise Unreadable(f"concatenates {shapes[:8]} along axis {axis}")
    total = sum(shape[axis] for shape in shapes)
    return (*shapes[0][:axis], total, *shapes[0][axis + 1 :]), axis


def _join(
    b: Builder, values: Sequence[Activation | np.ndarray], shape: Shape, axis: int, name: str
) -> Activation:
    """A concatenation of codes of one quantization; arrays are constants of int8 codes."""
    plain, variable = identity(len(shape)), [v for v in values if isinstance(v, Activation)]
    if not variable:
        raise Unreadable("concatenates constants only", "", "fold them")
    layouts = (v.layout for v in variable if v.flat is None and v.layout != plain)
    layout = next(layouts, plain)
    tensors = []
    for value in values:
        if isinstance(value, Activation):
            tensors.append(b.in_layout(value, layout).tensor)
            continue
        q = b.known_quantizer(variable[0].tensor).quantization()
        tensors.append(b.add_constant(f"{name}_part", value.transpose(layout), q))
    attributes = Concatenation(axis=layout.index(axis))
    output = arranged(shape, layout)
    tensor = b.add_node("concatenation", attributes, tuple(tensors), output, name=name)
    for other in tensors:
        if not b.tensors[other].constant:
            b.share_quantization(other, tensor)
    return Activation(tensor, shape, layout, variable[0].real, variable[0].unsigned)


def codes_under(
    b: Builder, value: Activation | Pending | np.ndarray, wanted: Quantizer
) -> Activation | np.ndarray:
    """Codes of numbers under a quantization; of a constant, int8 of its shape."""
    if isinstance(value, np.ndarray):
        codes = float32.quantize(value, wanted.scale, wanted.zero_point)
        return np.asarray(np.clip(codes, -128, 127), np.int8)
    if isinstance(value, Pending):
        return finished(b, value, wanted)
    return requantized(b, value, wanted)


def numbers_at(b: Builder, value: Present, index: int) -> Activation | Pending | np.ndarray:
    """An input as real numbers, which may be a pending result."""
    if isinstance(value, Pending):
        return value
    constant = real_constant(value)
    return b.real(index) if constant is None else constant


def concat(b: Builder) -> list[Value]:
    values = [b.required(index) for index in range(len(b.node.inputs))]
    if not values:
        raise Unreadable("has no input")
    shape, axis = _joined_shape(values, b.attribute("axis", 0))
    arrays = [value.data for value in values if isinstance(value, Constant)]
    if len(arrays) == len(values):
        b.spend(math.prod(shape))
        return [Constant(np.concatenate(arrays, axis))]
    coded = [value for value in values if isinstance(value, Activation) and not value.real]
    if len(coded) == len(values):
        if len({value.unsigned for value in coded}) > 1:
            raise Unreadable("concatenates int8 and uint8")
        known = [q for value in coded if (q := b.quantizer(value.tensor)) is not None]
        alike = [b.under(value, known[0]) for value in coded] if known else coded
        return [_join(b, alike, shape, axis, b.node.outputs[0])]
    parts = [numbers_at(b, value, index) for index, value in enumerate(values)]
    record = b.node

    def finish(wanted: Quantizer, activation: str, bias: Addends) -> Activation:
        name = b.node.outputs[0]
        with b.at(record):
            codes = [codes_under(b, part, wanted) for part in parts]
            return _join(b, codes, shape, axis, name)

    return [Pending(record.place, shape, finish)]


def qlinear_concat(b: Builder) -> list[Value]:
    wanted = quantizer(b, 0, 1)
    count = (len(b.node.inputs) - 2) // 3
    if count < 1 or len(b.node.inputs) != 2 + 3 * count:
        raise Unreadable(f"has {len(b.node.inputs)} inputs, which are not 2 and 3 for each tensor")
    values = []
    for index in range(2, 2 + 3 * count, 3):
        value = b.codes(index, quantizer(b, index + 1, index + 2))
        values.append(requantized(b, value, wanted))
    shape, axis = _joined_shape(values, b.attribute("axis", 0))
    return [_join(b, values, shape, axis, b.node.outputs[0])]


READERS = {
    "Reshape": ("reshape", reshape),
    "Flatten": ("reshape", flatten),
    "Squeeze": ("reshape", squeeze),
    "Unsqueeze": ("reshape", unsqueeze),
    "Transpose": ("transpose", transpose),
    "Pad": ("pad", pad),
    "Slice": ("slice", slice_of),
    "Split": ("split", split),
    "Concat": ("concatenation", concat),
    "com.microsoft.QLinearConcat": ("concatenation", qlinear_concat),
}
