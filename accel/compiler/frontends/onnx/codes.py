"""From real numbers to codes and back: quantizers of a file, and values under them."""

from dataclasses import replace

import numpy as np

from ....numeric.rules.float_epilogue import Coder
from ...operators.quantize import Quantize
from .builder import Builder, Quantizer, Unreadable
from .values import Activation, Constant, Dequantized, Pending, Value


def check_scale(scale: np.ndarray) -> None:
    if scale.dtype != np.float32:
        raise Unreadable(f"has a scale of type {scale.dtype}, not float32")
    if not (np.isfinite(scale) & (scale > 0)).all():
        wrong = scale[~(np.isfinite(scale) & (scale > 0))][0]
        raise Unreadable(f"has a scale of {wrong}, which is not a positive number")


def quantizer(
    b: Builder,
    scale: int,
    zero_point: int,
    default: type | None = None,
    default_scale: float | None = None,
) -> Quantizer:
    """The quantization that two inputs of the present node give: a scale and a zero point.

    A zero point that is left out is 0 of the type ``default``, or of the node's own codes. A scale
    may be left out where there is a ``default_scale``.
    """
    scales, zeros = b.constant(scale), b.constant(zero_point)
    if scales is None and default_scale is not None and b.value(scale) is None:
        scales = np.asarray(default_scale, np.float32)
    if scales is None:
        raise Unreadable(f"lacks its input {scale}, a scale")
    check_scale(scales)
    zeros = np.zeros((), default or _code_type(b)) if zeros is None else zeros
    if zeros.dtype not in (np.uint8, np.int8):
        raise Unreadable(f"quantizes to {zeros.dtype}", "", "use int8 or uint8")
    if scales.size != 1 or zeros.size != 1:
        what = f"quantizes an activation with {max(scales.size, zeros.size)} scales"
        raise Unreadable(what, "", "quantize activations per tensor")
    unsigned = zeros.dtype == np.uint8
    return Quantizer(float(scales.item()), int(zeros.item()) - 128 * unsigned, unsigned)


def _code_type(b: Builder) -> type:
    """The type of the codes that an operator reads; all its codes have the same."""
    values = (b.value(index) for index in range(len(b.node.inputs)))
    codes = (v.unsigned for v in values if isinstance(v, Activation) and not v.real)
    return np.uint8 if next(codes, True) else np.int8


def dequantized(
    codes: np.ndarray, scale: np.ndarray, zero_point: np.ndarray | None, axis: int
) -> Dequantized:
    """A constant with one scale, or with one for each index along an axis."""
    check_scale(scale)
    zero_point = np.zeros((), codes.dtype) if zero_point is None else zero_point
    if zero_point.dtype != codes.dtype:
        what = f"has a zero point of type {zero_point.dtype} for codes of {codes.dtype}"
        raise Unreadable(what)

    def along(values: np.ndarray) -> np.ndarray:
        if values.size == 1:
            return np.broadcast_to(values.reshape(()), codes.shape)
        inside = -codes.ndim <= axis < codes.ndim
        if inside and values.ndim == codes.ndim and values.shape[axis] == values.size:
            values = values.reshape(-1)
        if not inside or values.shape != (codes.shape[axis],):
            what = f"has scales or zero points of shape {values.shape} for axis {axis}"
            raise Unreadable(what, f"the tensor's shape is {codes.shape}")
        shape = [1] * codes.ndim
        shape[axis] = -1
        return np.broadcast_to(values.reshape(shape), codes.shape)

    zeros = along(zero_point.astype(np.int64))
    return Dequantized(codes, along(scale), zeros, by_channel=scale.size > 1)


def real_values(value: Dequantized) -> np.ndarray:
    """The float32 numbers of a dequantized constant."""
    return value.scale * (value.codes.astype(np.int64) - value.zero_point).astype(np.float32)


def real_constant(value: Value | None) -> np.ndarray | None:
    """The real numbers of a constant, quantized or not."""
    if isinstance(value, Dequantized):
        return real_values(value)
    if isinstance(value, Constant) and value.data.dtype == np.float32:
        return value.data
    return None


def single(array: np.ndarray) -> float:
    """The one number of a constant."""
    if array.size != 1:
        raise Unreadable(f"has a constant of {array.size} numbers where there must be one")
    return array.item()


def coder(wanted: Quantizer) -> Coder:
    """A QuantizeLinear, with codes as in the file."""
    low, high = (0, 255) if wanted.unsigned else (-128, 127)
    zero_point = wanted.zero_point + 128 * wanted.unsigned
    return Coder(scale=wanted.scale, zero_point=zero_point, low=low, high=high, late=True)


def finished(b: Builder, pending: Pending, wanted: Quantizer) -> Activation:
    """The codes of a pending result, whose node is made now."""
    if wanted not in pending.made:
        if pending.to_codes is not None and not b.low_bit:
            value = pending.to_codes(coder(wanted), pending.steps)
        else:
            value = pending.finish(wanted, pending.activation, pending.bias)
        for view in pending.views:
            value = view(value)
        pending.made[wanted] = replace(value, real=False, unsigned=wanted.unsigned)
    return pending.made[wanted]


def requantized(b: Builder, value: Activation, wanted: Quantizer) -> Activation:
    """The codes of real numbers under a quantization, which may be the one they have."""
    if b.tensors[value.tensor].dtype == "int8" and b.quantizer(value.tensor) == wanted:
        return replace(value, real=False)
    shape = b.tensors[value.tensor].shape
    tensor = b.add_node("quantize", Quantize(), (value.tensor,), shape)
    b.set_quantizer(tensor, wanted)
    return replace(value, tensor=tensor, real=False, unsigned=wanted.unsigned)
