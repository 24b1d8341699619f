"""QuantizeLinear and DequantizeLinear: from real numbers to codes and back."""

from dataclasses import replace

import numpy as np

from .....numeric.runtimes import float32
from ....operators.maximum import Maximum
from ....operators.minimum import Minimum
from ..builder import Builder, Quantizer, Unreadable
from ..codes import check_scale, dequantized, finished, quantizer, real_values, requantized
from ..file import FOUR_BITS
from ..low_bit.epilogues import stepped
from ..values import Activation, Constant, Dequantized, Pending, Value

FLOAT32 = 1  # the element type of the attributes output_dtype and precision
TYPES = {0: None, 2: np.uint8, 3: np.int8, 21: np.uint8, 22: np.int8}


def dequantize_linear(b: Builder) -> list[Value]:
    value, axis = b.required(0), b.attribute("axis", 1)
    _check_blocks(b)
    if b.attribute("output_dtype", 0) not in (0, FLOAT32):
        what = "has an output_dtype that is not float32"
        raise Unreadable(what, "", "export the model in float32")
    if isinstance(value, Constant):
        scale = b.constant(1)
        if scale is None or not np.issubdtype(value.data.dtype, np.integer):
            raise Unreadable("lacks a scale or has codes that are not integers")
        four_bits = b.node.inputs[0] in b.record.four_bits
        return [replace(dequantized(value.data, scale, b.constant(2), axis), four_bits=four_bits)]
    if isinstance(value, Pending) and value.numbers is not None:
        return [_scaled(b, value.numbers, axis)]
    codes = b.codes(0)
    given = quantizer(b, 1, 2, np.uint8 if codes.unsigned else np.int8)
    return [replace(b.codes(0, given), real=True)]


def _scaled(b: Builder, sums: Pending, axis: int) -> Pending:
    """int32 sums times scales, in float32."""
    scale, zeros = b.constant(1), b.constant(2)
    if scale is None:
        raise Unreadable("lacks its input 1, a scale")
    check_scale(scale)
    if zeros is not None and zeros.any():
        raise Unreadable("has sums with a zero point other than 0", "", "subtract it before")
    if scale.size > 1 and axis % len(sums.shape) != sums.axis:
        raise Unreadable("has scales along another axis than that of the channels")
    assert sums.with_steps is not None, "sums of products take steps"
    return stepped(b, sums.with_steps(sums), "multiply", _along(scale, sums))


def _along(scale: np.ndarray, sums: Pending) -> np.ndarray:
    shape = [1] * len(sums.shape)
    if scale.size > 1 and sums.axis is not None:
        shape[sums.axis] = -1
    return scale.reshape(shape)


def quantize_linear(b: Builder) -> list[Value]:
    value, kind = b.required(0), b.attribute("output_dtype", 0)
    if kind not in TYPES or b.attribute("precision", 0) not in (0, FLOAT32):
        raise Unreadable("quantizes to another type than int8 and uint8", "", "use int8 or uint8")
    _check_blocks(b)
    zero_point = b.node.inputs[2] if len(b.node.inputs) > 2 else ""
    ends = FOUR_BITS.get(kind) or b.record.four_bits.get(zero_point)
    if isinstance(value, Constant | Dequantized):
        return [_quantized_constant(b, value, TYPES[kind] or np.uint8, ends)]
    wanted = quantizer(b, 1, 2, TYPES[kind] or np.uint8)
    if isinstance(value, Pending):
        codes = finished(b, value, wanted)
    else:
        codes = requantized(b, b.real(0), wanted)
    return [codes if ends is None else _clipped(b, codes, wanted, ends)]


def _check_blocks(b: Builder) -> None:
    size = b.attribute("block_size", 0)
    if size:
        what = f"has a block_size of {size}: scales that differ within a channel"
        raise Unreadable(what, "", "quantize per tensor or per channel, without block_size")


def _clipped(b: Builder, value: Activation, wanted: Quantizer, ends: tuple[int, int]) -> Activation:
    """Codes clipped to those of a type of 4 bits; ``ends`` are the file's codes."""
    shape, tensor = b.tensors[value.tensor].shape, value.tensor
    kinds = (("maximum", Maximum()), ("minimum", Minimum()))
    for (operator, attributes), end in zip(kinds, ends, strict=True):
        code = np.full((1,) * len(shape), end - 128 * wanted.unsigned, np.int8)
        name = f"{b.node.outputs[0]}_{operator}"
        limit = b.add_constant(name, code, wanted.quantization())
        tensor = b.add_node(operator, attributes, (tensor, limit), shape)
        b.set_quantizer(tensor, wanted)
    return replace(value, tensor=tensor)


def _quantized_constant(
    b: Builder, value: Constant | Dequantized, default: type, ends: tuple[int, int] | None
) -> Constant:
    real = real_values(value) if isinstance(value, Dequantized) else value.data
    scale, zeros = b.constant(1), b.constant(2)
    if scale is None or real.dtype != np.float32:
        raise Unreadable("lacks a scale or has a constant that is not float32")
    zeros = np.zeros((), default) if zeros is None else zeros
    if zeros.dtype not in (np.uint8, np.int8, np.int32):
        raise Unreadable(f"quantizes to {zeros.dtype}", "", "use int8 or uint8")
    axis = b.attribute("axis", 1)
    like = dequantized(np.zeros(real.shape, zeros.dtype), scale, zeros, axis)
    low, high = ends or (np.iinfo(zeros.dtype).min, np.iinfo(zeros.dtype).max)
    try:
        codes = float32.quantize(real, like.scale, like.zero_point)
    except ValueError as error:
        raise Unreadable("quantizes a constant that is not a number") from error
    return Constant(np.clip(codes, low, high).astype(zeros.dtype))


READERS = {
    "QuantizeLinear": ("quantize", quantize_linear),
    "DequantizeLinear": ("dequantize", dequantize_linear),
}
