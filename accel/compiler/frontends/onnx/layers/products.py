"""Matrix products of ONNX files, of which one factor is constant or none is."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from ....operators._activation import FusedActivation
from ....operators.batch_matmul import BatchMatmul
from ....operators.float_fully_connected import FloatFullyConnected
from ....operators.fully_connected import FullyConnected
from ..builder import Builder, Quantizer, Unreadable
from ..codes import finished, quantizer
from ..values import (
    Activation,
    Addends,
    Dequantized,
    Pending,
    Shape,
    Value,
    arranged,
    identity,
    rows_kept,
)
from .float_sums import FloatForm
from .linear import linear
from .weights import code_weights, weights_of


def product(
    b: Builder,
    x: Activation,
    weights: Dequantized,
    bias: Value | None,
    integers: bool,
    factor: float = 1.0,
    plain: bool = False,
) -> Pending:
    """Rows of the last dimension times ``weights``, which are ``[in, out]``.

    They may have leading dimensions of size 1, and ``[in]`` are those of one output without a
    dimension. ``plain`` says that the runtime computes just that.
    """
    real = weights.four_bits and not integers
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
    weights = in_file_order = weights.mapped(np.transpose)
    places: np.ndarray | None = None
    rows = rows_kept(x.flat.shape, x.shape) if x.flat else 1
    if x.flat is not None and rows * x.shape[-1] == np.prod(x.flat.shape):
        tensor, indices = b.flattened(x)
        weights = weights.mapped(lambda a: a[:, indices])
        places = np.argsort(np.asarray(indices))
        x = replace(x, tensor=tensor, flat=None)
    else:
        x = b.plain(x)

    def form(codes: np.ndarray, activation: FusedActivation) -> tuple[str, Any, np.ndarray, int]:
        return "fully_connected", FullyConnected(activation=activation), codes, 0

    shape = (*x.shape[:-1], len(weights.codes))
    layout, float_form = identity(len(shape)), None
    if real and plain:
        float_form = _in_float32(b, x.shape[:-1], in_file_order, places)
    return linear(b, x, weights, bias, shape, layout, form, integers, factor, real, float_form)


def _in_float32(
    b: Builder, rows: Shape, weights: Dequantized, places: np.ndarray | None
) -> FloatForm | None:
    """``weights`` are ``[out, in]``, values in the file's order."""
    out, count = len(weights.codes), math.prod(rows)
    if out == 1 and rows[0] > 1:
        return None  # a kernel for columns, of a batch's rows that we may have apart
    transposed = bool(b.attribute("transB", 0))
    attributes = FloatFullyConnected(rows=count, transposed=transposed, places=places)
    products = weights.codes.size * count
    begins = count == 1 and not transposed and len(rows) == 1
    return FloatForm("float_fully_connected", attributes, weights, products, begins)


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
    alpha, beta = b.attribute("alpha", 1.0), b.attribute("beta", 1.0)
    plain = alpha == beta == 1.0
    return [product(b, x, weights, b.value(2), False, beta, plain=plain)]


def matmul(b: Builder) -> list[Value]:
    """The product of two factors."""
    if isinstance(b.required(0), Dequantized) and isinstance(b.required(1), Activation):
        return [_constant_first(b, weights_of(b, 0), b.numbers(1))]
    if isinstance(b.required(1), Activation) and isinstance(b.required(0), Activation):
        return [_of_two(b, b.numbers(0), b.numbers(1))]
    x, weights = operands(b, b.numbers(0), weights_of(b, 1))
    plain = b.attribute("alpha", 1.0) == 1.0
    return [product(b, x, weights, None, integers=False, plain=plain)]


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


def _of_two(b: Builder, x: Activation, y: Activation) -> Pending:
    """The product of two computed factors, each as it is in the file."""
    changed = [name for name in ("transA", "transB") if b.attribute(name, 0)]
    changed += ["alpha"] if b.attribute("alpha", 1.0) != 1.0 else []
    if changed:
        what = f"multiplies two computed tensors with {changed[0]}"
        raise Unreadable(what, "", "export it as Transpose and MatMul")
    record, shapes = b.node, (x.shape, y.shape)
    if min(map(len, shapes)) < 2 or x.shape[-1] != y.shape[-2]:
        raise Unreadable(f"multiplies {x.shape} by {y.shape}, which do not fit")
    try:
        leading = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    except ValueError as error:
        raise Unreadable(f"multiplies {x.shape} by {y.shape}, which do not fit") from error
    shape = (*leading, x.shape[-2], y.shape[-1])
    factors = b.plain(x).tensor, b.plain(y).tensor

    def finish(wanted: Quantizer, activation: FusedActivation, bias: Addends) -> Activation:
        name = b.node.outputs[0]
        with b.at(record):
            tensor = b.add_node("batch_matmul", BatchMatmul(), factors, shape, name=name)
        b.set_quantizer(tensor, wanted)
        return Activation(tensor, shape, identity(len(shape)), False, wanted.unsigned)

    return Pending(record.place, shape, finish)


def qlinear_matmul(b: Builder) -> list[Value]:
    x = b.codes(0, quantizer(b, 1, 2))
    if isinstance(b.required(3), Activation):
        pending = _of_two(b, x, b.codes(3, quantizer(b, 4, 5)))
    else:
        pending = product(b, x, code_weights(b, 3, -1), None, integers=True)
    return [finished(b, pending, quantizer(b, 6, 7))]


def qgemm(b: Builder) -> list[Value]:
    axis = 0 if b.attribute("transB", 0) else 1
    given = b.codes(0, quantizer(b, 1, 2))
    x, weights = operands(b, given, code_weights(b, 3, axis))
    _check_matrix(weights)
    pending = product(b, x, weights, b.value(6), integers=True)
    if b.value(8) is not None:  # the runtime divides by a scale if there is one
        return [finished(b, pending, quantizer(b, 7, 8, default_scale=1.0))]
    if b.value(7) is not None:
        what = "has an output scale without a zero point"
        raise Unreadable(what, "its result is in float32 then", "give it a zero point, too")
    return [pending]


READERS = {
    "Gemm": ("fully_connected", gemm),
    "MatMul": ("fully_connected", matmul),
    "QLinearMatMul": ("fully_connected", qlinear_matmul),
    "com.microsoft.QGemm": ("fully_connected", qgemm),
}
