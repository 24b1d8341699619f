"""Operators between a layer and its quantization in low-bit networks: float32 steps.

Only operators are read whose float32 results are the same on every machine.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .....numeric.rules.float_epilogue import Coder, EpilogueStep, FloatEpilogue
from ....operators.add import Add
from ....operators.depthwise_conv2d import DepthwiseConv2d
from ....operators.softmax import Softmax
from ..builder import Builder, Unreadable
from ..layers.convolutions import conv
from ..layers.products import gemm, matmul
from ..readers.elementwise import binary_result
from ..readers.float_steps import batch_normalization
from ..readers.moves import READERS as MOVES
from ..readers.pools import global_max_pool, max_pool
from ..readers.resizing import READERS as RESIZING
from ..readers.shapes import READERS as SHAPES
from ..readers.softmax import LAST_AXIS_OPSET
from ..readers.softmax import softmax as usual_softmax
from ..values import Activation, Constant, Dequantized, Pending, Value, channels_last
from ..windows import image, windows
from .epilogues import LayerSums, checked, not_fused, numbers_of, quantizer_of, stepped, waiting
from .quants import clip_ends, dequantize, quantize

Reader = Callable[[Builder], list[Value]]

# By operator: the step if the first operand is constant, and if the second one is.
OPERANDS = {
    "Add": ("add", "add"),
    "Sub": ("subtract_from", "subtract"),
    "Mul": ("multiply", "multiply"),
    "Div": (None, "divide"),
}


def _waiting(b: Builder, index: int) -> Pending:
    """An input as a pending result, which steps can follow."""
    value = b.required(index)
    return value if isinstance(value, Pending) else waiting(b, b.real(index))


def arithmetic(b: Builder) -> list[Value]:
    constants = [numbers_of(b.required(index)) for index in (0, 1)]
    first, second = constants
    if first is not None and second is not None:
        functions = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}
        return [Constant(functions[b.node.spelling](first, second))]
    if first is None and second is None:
        return [_joined(b)]
    index = 0 if second is None else 1
    kind = OPERANDS[b.node.spelling][index]
    if kind is None:
        raise Unreadable("divides a constant by an activation", "", "divide by a constant")
    data = checked(constants[index], "a constant")
    if kind == "divide" and not (np.abs(data) >= 2.0**-60).all():
        raise Unreadable("divides by less than 2^-60", "", "divide by larger numbers")
    return [stepped(b, _waiting(b, 1 - index), kind, data)]


def _joined(b: Builder) -> Pending:
    """The sum of two quantized activations, where branches join."""
    if b.node.spelling != "Add":
        why = "only sums of two activations are supported in low-bit networks"
        raise Unreadable("has two operands that are computed", why, "join branches by Add")
    operands, record = [b.numbers(0), b.numbers(1)], b.node

    def to_codes(coder: Coder, steps: tuple[EpilogueStep, ...]) -> Activation:
        if any(step.per_channel for step in steps):
            what = f"has numbers for each channel between it and {record.place}"
            raise Unreadable(what, "", "quantize the sum before them")
        epilogue = FloatEpilogue(np.ones(1), np.ones(1, np.int64), steps, coder)
        with b.at(replace(record, outputs=b.node.outputs)):
            joined = binary_result(b, "add", Add(epilogue=epilogue), operands)
            made = joined.finish(quantizer_of(coder), "none", ())
        b.set_code_range(made.tensor, epilogue.low, epilogue.high)
        return replace(made, real=True)

    shape = np.broadcast_shapes(*(value.shape for value in operands))
    return Pending(record.place, shape, not_fused, to_codes=to_codes)


def softmax(b: Builder) -> list[Value]:
    """The driver computes it from sums that the core stores whole, see `operators.sums`."""
    value = b.required(0)
    if not isinstance(value, Pending) or value.to_numbers is None:
        return usual_softmax(b)
    real = value.to_numbers(value.steps)
    for view in value.views:
        real = view(real)
    axis = b.attribute("axis", -1 if b.record.opset >= LAST_AXIS_OPSET else 1)
    if len(real.shape) != 2 or axis not in (-1, 1):
        raise Unreadable(f"is over axis {axis} of {real.shape}", "", "flatten its input before")
    shape = b.tensors[real.tensor].shape
    tensor = b.add_node("softmax", Softmax(), (real.tensor,), shape, "float32")
    return [replace(real, tensor=tensor)]


def relu(b: Builder) -> list[Value]:
    return [stepped(b, _waiting(b, 0), "clip", np.float32(0), np.array(np.inf, np.float32))]


def clip(b: Builder) -> list[Value]:
    """A Clip of codes has been read with their QuantizeLinear; one of real numbers is a step."""
    value, (low, high) = b.required(0), clip_ends(b)
    if isinstance(value, Constant):
        return [Constant(np.clip(value.data, low, high).astype(value.data.dtype))]
    if isinstance(value, Activation) and not value.real:
        least, most = (end + 128 * value.unsigned for end in b.code_range(value.tensor))
        if low > least or high < most:
            remedy = "put Clip between QuantizeLinear and DequantizeLinear, and nothing else there"
            raise Unreadable("clips codes that are read elsewhere too", "", remedy)
        return [value]
    if low > high:
        raise Unreadable(f"clips to {low:g}..{high:g}", "", "use a minimum below the maximum")
    return [stepped(b, _waiting(b, 0), "clip", np.float32(low), np.float32(high))]


# A mean is a sum with weights of 1, divided by their number.


def _averaged(b: Builder, kernel: tuple[int, ...] | None) -> list[Value]:
    x = b.numbers(0)
    rank = len(x.shape)
    source = b.channels_last(image(b, x))
    w = windows(
        b, source.shape[2:], source.shape[4 - rank + 2 :] if kernel is None else kernel, rank
    )
    if any(map(any, w.padding)) or w.dilation != (1, 1):
        remedy = "use windows inside the image"
        raise Unreadable("takes means over padding or with dilation", "", remedy)
    channels = source.shape[1]
    ones = np.ones((channels, 1, *w.kernel), np.int8)
    scale, zeros = np.ones(1, np.float32), np.zeros(1, np.int64)
    attributes = DepthwiseConv2d(multiplier=1, stride=w.stride, padding=w.padding)

    def form(codes: np.ndarray, activation: str) -> tuple:
        return "depthwise_conv2d", attributes, codes.transpose(1, 2, 3, 0), 3

    shape = (1, channels, *w.output)
    sums = LayerSums(b, source, Dequantized(ones, scale, zeros), shape, channels_last(4), form)
    mean = stepped(b, sums.pending(None, 1.0), "divide", np.float32(w.kernel[0] * w.kernel[1]))
    if rank == 4:
        return [mean]
    outside = (1, channels, w.output[1])
    return [mean.viewed(outside, lambda value: b.reshaped(value, outside))]


def average_pool(b: Builder) -> list[Value]:
    if b.attribute("ceil_mode", 0):
        raise Unreadable("has ceil_mode 1", "", "use ceil_mode 0")
    return _averaged(b, b.attribute("kernel_shape", ()))


def global_average_pool(b: Builder) -> list[Value]:
    return _averaged(b, None)


def _refused(b: Builder) -> list[Value]:
    known = ", ".join(name for name in READERS if name[0].isupper())
    why = "its float32 arithmetic is not known to be the runtime's, bit for bit"
    raise Unreadable("is not supported in low-bit networks", why, f"use Quant and {known}")


# Operators that low-bit networks have readers of their own for.
READERS = {
    **dict.fromkeys(OPERANDS, arithmetic),
    "BatchNormalization": batch_normalization,
    "Relu": relu,
    "Clip": clip,
    "Softmax": softmax,
    "QuantizeLinear": quantize,
    "DequantizeLinear": dequantize,
    "Conv": conv,
    "MatMul": matmul,
    "Gemm": gemm,
    "MaxPool": max_pool,
    "GlobalMaxPool": global_max_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": global_average_pool,
    **{name: row[1] for rows in (SHAPES, MOVES, RESIZING) for name, row in rows.items()},
}


def reader(spelling: str, usual: Reader, everywhere: bool) -> Reader:
    """The reader of an operator in a low-bit network; ``everywhere`` allows the ``usual`` one."""
    if spelling in READERS:
        return READERS[spelling]
    return usual if everywhere else _refused
