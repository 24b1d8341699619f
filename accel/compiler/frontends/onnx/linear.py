"""Convolutions and matrix products of ONNX files."""

from dataclasses import replace
from typing import Any

import numpy as np

from ...ir.graph import Quantization
from ...operators._activation import FusedActivation
from ...operators.conv2d import Conv2d
from ...operators.depthwise_conv2d import DepthwiseConv2d
from ...operators.fully_connected import FullyConnected
from . import biases
from .builder import Builder, Quantizer, Unreadable
from .low_bit.epilogues import LayerSums
from .quantize import finished, quantizer
from .unquantized import unquantized
from .values import (
    Activation,
    Addends,
    Constant,
    Dequantized,
    Pending,
    Shape,
    Value,
    arranged,
    channels_last,
    identity,
    rows_kept,
)
from .weights import by_channel, centred, code_weights, ungrouped, weights_of
from .windows import channels_first, image, in_file_order, windows

# The node, which is made when its quantization is known.


def linear(
    b: Builder,
    x: Activation,
    weights: Dequantized,
    bias: Value | None,
    shape: Shape,
    layout: Shape,
    form: Any,
    integers: bool = False,
    factor: float = 1.0,
    real: bool = False,
) -> Pending:
    """The sums of products as a pending result.

    ``weights`` are ``[out, ...]``; ``form(weights, activation)`` returns our operator, its
    attributes, the weights in that operator's order of dimensions, and the axis of their output
    channels. ``shape`` and ``layout`` are the result's. ``factor`` multiplies the bias.
    ``real`` says that the runtime has no such operator on codes, and computes in float32.
    """
    record, source = b.node, b.known_quantizer(x.tensor)
    weights = centred(weights)
    scales, zeros = by_channel(weights.scale), by_channel(weights.zero_point)
    sums = LayerSums(b, x, replace(weights, scale=scales, zero_point=zeros), shape, layout, form)
    if b.low_bit:
        return sums.pending(bias, factor)
    count, channels = max(len(scales), len(zeros)), len(weights.codes)
    own, unit = biases.addends(bias), sums.unit()
    in_float32 = real or factor != 1.0 or not biases.are_codes(own, unit)

    def bias_codes(added: Addends) -> np.ndarray | None:
        return biases.codes(added, (source.scale, scales), channels, integers)

    # Raises now what would be wrong with the bias later.
    biases.steps(own, factor, "none", channels) if in_float32 else bias_codes(own)

    def finish(wanted: Quantizer, activation: FusedActivation, extra: Addends) -> Activation:
        name = b.node.outputs[0]
        # The runtime makes a bias of what is added to a matrix product, but not to a convolution.
        image = layout != identity(len(shape))
        apart = image and any(isinstance(addend, Constant) for addend in extra)
        if in_float32 or apart or not biases.are_codes((*own, *extra), unit):
            steps = biases.steps((*own, *extra), factor, activation, channels)
            with b.at(replace(record, outputs=(name,))):
                coded = sums.coded(biases.coder(wanted), steps)
            return replace(coded, real=False)
        with b.at(record):
            operator, attributes, data, axis = form(weights.codes, activation)
            q = Quantization(
                scale=tuple(np.broadcast_to(scales, (count,)).tolist()),
                zero_point=tuple(np.broadcast_to(zeros, (count,)).tolist()),
                axis=axis,
            )
            codes = bias_codes((*own, *extra))
            inputs = [x.tensor, b.add_constant(f"{record.outputs[0]}_weights", data, q)]
            if codes is not None:
                inputs.append(b.add_constant(f"{record.outputs[0]}_bias", codes))
            output = arranged(shape, layout)
            tensor = b.add_node(operator, attributes, tuple(inputs), output, name=name)
        b.set_quantizer(tensor, wanted)
        return Activation(tensor, shape, layout, real=False, unsigned=wanted.unsigned)

    axis = layout[-1]  # our channels are last

    def with_steps(pending: Pending) -> Pending:
        steps = biases.steps((*own, *pending.bias), factor, pending.activation, channels)
        with b.at(record):
            stepped = sums.pending(None, 1.0, steps)
        return replace(stepped, shape=pending.shape, views=pending.views, axis=pending.axis)

    def to_sums(pending: Pending) -> Activation:
        with b.at(record):
            return unquantized(
                sums, (*own, *pending.bias), pending.activation, factor, in_float32, integers
            )

    def to_integers() -> Activation:
        with b.at(record):
            return replace(sums.integers(None), real=False)

    return Pending(
        record.place,
        shape,
        finish,
        fuses=True,
        takes_bias=True,
        axis=axis,
        with_steps=with_steps,
        to_sums=to_sums,
        to_integers=to_integers,
    )


# Convolutions.


def as_images(b: Builder, x: Activation, weights: Dequantized) -> tuple[Activation, Dequantized]:
    """Input and weights of a convolution of one or two dimensions, as of one of two."""
    rank = len(x.shape)
    if len(weights.shape) != rank or rank not in (3, 4):
        shapes = f"weights of {weights.shape} for an input of {x.shape}"
        raise Unreadable(f"has {shapes}", "", "use convolutions of one or two dimensions")
    if rank == 3:
        weights = weights.mapped(lambda a: a[:, :, np.newaxis])
    return b.channels_last(image(b, x)), weights


def convolution(
    b: Builder, x: Activation, weights: Dequantized, bias: Value | None, integers: bool
) -> Pending:
    rank = len(x.shape)
    source, weights = as_images(b, x, weights)
    out, depth, *kernel = weights.shape
    channels, groups = source.shape[1], b.attribute("group", 1)
    if groups < 1 or channels != depth * groups or out % groups:
        what = f"has {groups} groups, weights of {weights.shape} and {channels} input channels"
        raise Unreadable(what)
    given = b.attribute("kernel_shape", tuple(kernel[4 - rank :]))
    if tuple(given) != tuple(kernel[4 - rank :]):
        raise Unreadable(f"has kernel_shape {list(given)} and weights of {weights.shape}")
    w = windows(b, source.shape[2:], given, rank, convolution=True)
    depthwise = groups == channels and groups > 1
    if groups > 1 and not depthwise:
        b.spend(weights.codes.size * groups)
        weights = ungrouped(weights, groups)

    def form(codes: np.ndarray, activation: FusedActivation) -> tuple[str, Any, np.ndarray, int]:
        if depthwise:
            depthwise_window = DepthwiseConv2d(
                stride=w.stride,
                padding=w.padding,
                dilation=w.dilation,
                multiplier=out // groups,
                activation=activation,
            )
            return "depthwise_conv2d", depthwise_window, codes.transpose(1, 2, 3, 0), 3
        window = Conv2d(
            stride=w.stride, padding=w.padding, dilation=w.dilation, activation=activation
        )
        return "conv2d", window, codes.transpose(0, 2, 3, 1), 0

    shape = (source.shape[0], out, *w.output)
    pending = linear(b, source, weights, bias, shape, channels_last(4), form, integers)
    return pending if rank == 4 else viewed_as(b, pending, (shape[0], out, w.output[1]))


def viewed_as(b: Builder, pending: Pending, shape: Shape) -> Pending:
    return replace(
        pending.viewed(shape, lambda value: b.reshaped(value, shape)),
        takes_bias=True,
        axis=pending.axis,
    )


def conv(b: Builder) -> list[Value]:
    return [convolution(b, b.numbers(0), weights_of(b, 1), b.value(2), integers=False)]


def qlinear_conv(b: Builder) -> list[Value]:
    x = channels_first(b, b.codes(0, quantizer(b, 1, 2)))
    pending = convolution(b, x, code_weights(b, 3, 0), b.value(8), integers=True)
    return [in_file_order(b, finished(b, pending, quantizer(b, 6, 7)))]


# Matrix products.


def product(
    b: Builder,
    x: Activation,
    weights: Dequantized,
    bias: Value | None,
    integers: bool,
    factor: float = 1.0,
) -> Pending:
    """Rows of the last dimension times ``weights``, which are ``[in, out]``.

    They may have leading dimensions of size 1, and ``[in]`` are those of one output without a
    dimension.
    """
    if len(weights.shape) == 1:
        column = weights.mapped(lambda a: a[:, np.newaxis])
        pending = product(b, x, column, bias, integers, factor)
        return pending.viewed(x.shape[:-1], lambda value: b.reshaped(value, x.shape[:-1]))
    if set(weights.shape[:-2]) == {1}:
        x = b.reshaped(x, (1,) * (len(weights.shape) - len(x.shape)) + x.shape)
        weights = weights.mapped(lambda a: a.reshape(a.shape[-2:]))
    if len(weights.shape) != 2 or not x.shape or x.shape[-1] != weights.shape[0]:
        what = f"has weights of {weights.shape} for an input of {x.shape}"
        raise Unreadable(what, "", "use weights of two dimensions that fit")
    weights = weights.mapped(np.transpose)
    rows = rows_kept(x.flat.shape, x.shape) if x.flat else 1
    if x.flat is not None and rows * x.shape[-1] == np.prod(x.flat.shape):
        tensor, indices = b.flattened(x)
        weights = weights.mapped(lambda a: a[:, indices])
        x = replace(x, tensor=tensor, flat=None)
    else:
        x = b.plain(x)

    def form(codes: np.ndarray, activation: FusedActivation) -> tuple[str, Any, np.ndarray, int]:
        return "fully_connected", FullyConnected(activation=activation), codes, 0

    shape = (*x.shape[:-1], len(weights.codes))
    return linear(b, x, weights, bias, shape, identity(len(shape)), form, integers, factor)


def operands(b: Builder, x: Activation, weights: Dequantized) -> tuple[Activation, Dequantized]:
    """The two factors after the present node's attributes transA, transB and alpha.

    A factor ``alpha`` becomes one of the input's scale, as ONNX Runtime's QGemm has it.
    """
    order = (*range(len(x.shape) - 2), len(x.shape) - 1, len(x.shape) - 2)
    if b.attribute("transA", 0):
        if len(x.shape) == 2 and x.shape[0] == 1 < x.shape[1]:
            why = "the first dimension is the batch"
            raise Unreadable("transposes its first input", why, "export it with transA 0")
        x = b.transposed(x, order)
    if b.attribute("transB", 0) and len(weights.shape) > 1:
        weights = weights.mapped(lambda a: np.swapaxes(a, -1, -2))
    alpha = b.attribute("alpha", 1.0)
    if alpha == 1.0:
        return x, weights
    known = b.known_quantizer(x.tensor)
    scale = float(np.float32(abs(alpha)) * np.float32(known.scale))
    if not 0 < scale < np.inf:
        raise Unreadable(f"has alpha {alpha}", "", "export it with alpha 1")
    return b.under(x, replace(known, scale=scale)), weights if alpha > 0 else _negated(weights)


def _negated(weights: Dequantized) -> Dequantized:
    codes = weights.zero_point - weights.codes.astype(np.int64)
    if codes.min(initial=0) < -128 or codes.max(initial=0) > 127:
        what = "has a negative alpha and weights that are more than 127 below their zero point"
        raise Unreadable(what, "", "export it with alpha 1")
    return Dequantized(codes.astype(np.int8), weights.scale, np.zeros_like(weights.zero_point))


def _check_matrix(weights: Dequantized) -> None:
    if len(weights.shape) != 2:
        raise Unreadable(f"has weights of {weights.shape}, which is not a matrix")


def gemm(b: Builder) -> list[Value]:
    x, weights = operands(b, b.numbers(0), weights_of(b, 1))
    _check_matrix(weights)
    return [product(b, x, weights, b.value(2), False, b.attribute("beta", 1.0))]


def matmul(b: Builder) -> list[Value]:
    """The product of two factors, of which one is constant."""
    if isinstance(b.required(0), Dequantized) and isinstance(b.required(1), Activation):
        return [_constant_first(b, weights_of(b, 0), b.numbers(1))]
    x, weights = operands(b, b.numbers(0), weights_of(b, 1))
    return [product(b, x, weights, None, integers=False)]


def _constant_first(b: Builder, weights: Dequantized, x: Activation) -> Pending:
    """Columns of the last two dimensions: the transposed product of transposed factors."""
    rank = len(x.shape)
    if rank < 3 or len(weights.shape) < 2:
        what = f"multiplies a constant of {weights.shape} by an input of {x.shape}"
        raise Unreadable(what, "the first dimension is the batch", "multiply it from the right")
    order = (*range(rank - 2), rank - 1, rank - 2)
    swapped = weights.mapped(lambda a: np.swapaxes(a, -1, -2))
    pending = product(b, b.transposed(x, order), swapped, None, integers=False)
    rank = len(pending.shape)
    order = (*range(rank - 2), rank - 1, rank - 2)
    shape = arranged(pending.shape, order)
    viewed = pending.viewed(shape, lambda value: b.transposed(value, order))
    return replace(viewed, takes_bias=pending.takes_bias, axis=rank - 2)


def qlinear_matmul(b: Builder) -> list[Value]:
    x = b.codes(0, quantizer(b, 1, 2))
    pending = product(b, x, code_weights(b, 3, -1), None, integers=True)
    return [finished(b, pending, quantizer(b, 6, 7))]


def qgemm(b: Builder) -> list[Value]:
    axis = 0 if b.attribute("transB", 0) else 1
    given = b.codes(0, quantizer(b, 1, 2))
    x, weights = operands(b, given, code_weights(b, 3, axis))
    _check_matrix(weights)
    pending = product(b, x, weights, b.value(6), integers=True)
    if b.value(7) is None:
        return [pending]
    return [finished(b, pending, quantizer(b, 7, 8))]


def added_bias(pending: Pending, value: Constant | Dequantized, axis: int) -> Pending | None:
    """A pending result with a constant added along its channels, if it can take one."""
    shape = (1,) * (len(pending.shape) - len(value.shape)) + value.shape
    others = [size for position, size in enumerate(shape) if position != axis]
    if not pending.takes_bias or len(shape) != len(pending.shape) or any(n > 1 for n in others):
        return None
    count = (pending.shape[axis],)

    def along(data: np.ndarray) -> np.ndarray:
        return np.broadcast_to(data.reshape(-1), count)

    addend = Constant(along(value.data)) if isinstance(value, Constant) else value.mapped(along)
    return replace(pending, bias=(*pending.bias, addend), made={})


READERS = {
    "Conv": ("conv2d", conv),
    "QLinearConv": ("conv2d", qlinear_conv),
    "com.microsoft.QLinearConv": ("conv2d", qlinear_conv),
    "Gemm": ("fully_connected", gemm),
    "MatMul": ("fully_connected", matmul),
    "QLinearMatMul": ("fully_connected", qlinear_matmul),
    "com.microsoft.QGemm": ("fully_connected", qgemm),
}
