"""QONNX's quantizers, and QuantizeLinear with the Clip after it (QCDQ)."""

from dataclasses import replace

import numpy as np

from .....numeric.rules.float_epilogue import ROUNDINGS, Coder
from ..builder import Builder, Unreadable
from ..codes import check_scale
from ..readers.quantize import dequantize_linear, quantize_linear
from ..values import Activation, Constant, Dequantized, Pending, Value
from .epilogues import checked, coded, numbers_of, quantizer_of, waiting
from .low_bit import clip_after, spelled

MOST_BITS = 8
MOST_CONSTANT_BITS = 32  # of biases, which are added as float32 numbers
FARTHEST_ZERO = 2**15
PER_TENSOR = "quantize activations per tensor (Brevitas: scaling_per_output_channel=False)"
LISTED = (spelled("Quant")[0], spelled("BipolarQuant")[0])
LINEAR_TYPES = (np.uint8, np.int8)


# Attributes and constant inputs.


def _numbers(b: Builder, index: int, what: str) -> np.ndarray:
    value = numbers_of(b.required(index))
    if value is None:
        remedy = "export the network for inference, with constant quantization"
        raise Unreadable(f"has {what} that is computed", "", remedy)
    return checked(value.astype(np.float32), what)


def _whole(values: np.ndarray, what: str, remedy: str) -> np.ndarray:
    if (values != np.rint(values)).any():
        wrong = values[values != np.rint(values)][0]
        raise Unreadable(f"has {what} of {wrong:g}, which is not an integer", "", remedy)
    return values.astype(np.int64)


def _flag(b: Builder, name: str) -> bool:
    value = b.attribute(name, 1)
    if value not in (0, 1):
        raise Unreadable(f"has {name} {value}", "", "use 0 or 1")
    return bool(value)


def _bounds(b: Builder) -> tuple[int, int, str]:
    """The least and the greatest code of Quant, and its rounding."""
    widths = _whole(_numbers(b, 3, "a bit width"), "a bit width", "use whole bits")
    signed, narrow = _flag(b, "signed"), _flag(b, "narrow")
    mode = b.attribute("rounding_mode", "ROUND").upper()
    if widths.size != 1:
        raise Unreadable(f"has {widths.size} bit widths", "", "use one for the whole tensor")
    bits = int(widths.item())
    constant = isinstance(b.required(0), Constant | Dequantized)
    if not 1 <= bits <= (MOST_CONSTANT_BITS if constant else MOST_BITS):
        what, why = f"has {bits} bits", "the core's codes have 8 bits"
        raise Unreadable(what, why, f"quantize to 1 to {MOST_BITS} bits")
    if mode not in ROUNDINGS:
        known = ", ".join(ROUNDINGS)
        raise Unreadable(f"has rounding_mode {mode!r}", "", f"use one of {known}")
    if bits == 1 and signed:
        return -1, 1, "SIGN"
    if signed:
        return -(1 << bits - 1) + narrow, (1 << bits - 1) - 1, mode
    return 0, (1 << bits) - 1 - narrow, mode


def quant(b: Builder) -> list[Value]:
    scale = _numbers(b, 1, "a scale")
    zeros = _whole(_numbers(b, 2, "a zero point"), "a zero point", "use integer zero points")
    low, high, rounding = _bounds(b)
    return [_quantized(b, scale, zeros, Coder(
        scale=1.0, zero_point=0, low=low, high=high, rounding=rounding
    ))]  # fmt: skip


def bipolar_quant(b: Builder) -> list[Value]:
    scale = _numbers(b, 1, "a scale")
    coder = Coder(scale=1.0, zero_point=0, low=-1, high=1, rounding="SIGN", divides=False)
    return [_quantized(b, scale, np.zeros((), np.int64), coder)]


def trunc(b: Builder) -> list[Value]:
    remedy = "put a Quant of the output's bits in its place (Brevitas: a QuantIdentity)"
    raise Unreadable("is not supported", "it cuts bits of sums that are not kept as codes", remedy)


# What is quantized.


def _quantized(b: Builder, scale: np.ndarray, zeros: np.ndarray, like: Coder) -> Value:
    """The present node's first input, quantized."""
    check_scale(scale)
    if np.abs(zeros).max(initial=0) > FARTHEST_ZERO:
        what = f"has a zero point beyond {FARTHEST_ZERO}"
        raise Unreadable(what, "", "use one of the codes")
    value = b.required(0)
    if isinstance(value, Constant | Dequantized):
        return _constant(value, scale, zeros, like)
    if scale.size != 1 or zeros.size != 1:
        sizes = {float(s) for s in scale.reshape(-1)}, {int(z) for z in zeros.reshape(-1)}
        if any(len(size) != 1 for size in sizes):
            what = f"quantizes an activation with {max(scale.size, zeros.size)} scales"
            raise Unreadable(what, "", PER_TENSOR)
    coder = replace(like, scale=float(scale.flat[0]), zero_point=int(zeros.flat[0]))
    return _activation(b, value, coder)


def _activation(b: Builder, value: Value, coder: Coder) -> Activation:
    if isinstance(value, Pending):
        return coded(b, value, coder)
    x = b.real(0)
    if _unchanged(b, x, coder):
        return x
    return coded(b, waiting(b, x), coder)


def _unchanged(b: Builder, x: Activation, coder: Coder) -> bool:
    """Whether numbers have this quantization already, so that quantizing them changes nothing."""
    if b.tensors[x.tensor].dtype != "int8" or coder.rounding not in ("ROUND", "HALF_EVEN"):
        return False
    low, high = (end + coder.offset for end in b.code_range(x.tensor))
    same = b.quantizer(x.tensor) == quantizer_of(coder)
    return same and coder.low <= low and high <= coder.high


def _constant(
    value: Value, scale: np.ndarray, zeros: np.ndarray, like: Coder
) -> Dequantized | Constant:
    """A constant of at most 8 bits as its codes; of more, which biases have, as its numbers."""
    real = checked(numbers_of(value), "a constant")
    try:
        scales, zeros = (np.broadcast_to(a, real.shape) for a in (scale, zeros))
    except ValueError:
        what = f"has scales of shape {scale.shape} for a constant of {real.shape}"
        raise Unreadable(what, "", "give one for each output channel, or one for all") from None
    with np.errstate(over="ignore"):
        divided = real / scales if like.divides else real
    plain = replace(like, divides=False)
    codes = plain.codes(divided if like.late else divided + zeros.astype(np.float32))
    if like.high > np.iinfo(np.uint8).max or like.low < np.iinfo(np.int8).min:
        return Constant(scales * (codes - zeros).astype(np.float32))
    codes = codes.astype(np.uint8 if like.high > 127 else np.int8)
    return Dequantized(codes, scales, zeros)


# QCDQ.


def quantize(b: Builder) -> list[Value]:
    """QuantizeLinear, whose codes a Clip after it may hold to fewer bits."""
    value = b.required(0)
    if isinstance(value, Constant | Dequantized):
        return quantize_linear(b)
    scale, zeros = b.constant(1), b.constant(2)
    if scale is None:
        raise Unreadable("lacks its input 1, a scale")
    check_scale(scale)
    zeros = np.zeros((), np.uint8) if zeros is None else zeros
    if zeros.dtype not in LINEAR_TYPES or b.attribute("output_dtype", 0):
        raise Unreadable(f"quantizes to {zeros.dtype}", "", "use int8 or uint8")
    if scale.size != 1 or zeros.size != 1:
        raise Unreadable(f"quantizes an activation with {scale.size} scales", "", PER_TENSOR)
    limits = np.iinfo(zeros.dtype)
    low, high = limits.min, limits.max
    clip = clip_after(b.record, b.node.outputs[0])
    if clip is not None:
        with b.at(clip):
            least, most = clip_ends(b)
        low, high = max(low, int(np.ceil(least))), min(high, int(np.floor(most)))
        if low > high:
            raise Unreadable(
                "is clipped to an empty range of codes", "", "use bounds of the codes' type"
            )
    coder = Coder(
        scale=float(scale.item()), zero_point=int(zeros.item()), low=low, high=high, late=True
    )
    # Our codes of uint8 ones are 128 lower, unless they have few enough bits to stay as they are.
    return [replace(_activation(b, value, coder), real=False)]


def dequantize(b: Builder) -> list[Value]:
    value = b.required(0)
    if isinstance(value, Constant):
        return dequantize_linear(b)
    if not isinstance(value, Activation) or value.real:
        raise Unreadable(f"input {b.node.inputs[0]!r} is not an 8-bit activation")
    scale, zeros = b.constant(1), b.constant(2)
    if scale is None:
        raise Unreadable("lacks its input 1, a scale")
    known = b.known_quantizer(value.tensor)
    zero_point = 0 if zeros is None else int(zeros.flat[0])
    offset = 128 * known.unsigned
    if (float(scale.flat[0]), zero_point) != (known.scale, known.zero_point + offset):
        raise Unreadable("has another scale than QuantizeLinear", "", "use the same in both")
    return [replace(value, real=True)]


def clip_ends(b: Builder) -> tuple[float, float]:
    """The bounds of the present Clip."""
    ends = []
    for index, (name, default) in enumerate((("min", -np.inf), ("max", np.inf)), 1):
        value = b.value(index)
        data = numbers_of(value)
        if data is None and value is not None:
            raise Unreadable("has bounds that are not constant numbers", "", "use constant bounds")
        if data is not None and data.size != 1:
            raise Unreadable(f"has a bound of {data.size} numbers", "", "use one number")
        ends.append(float(b.attribute(name, default) if data is None else data.item()))
    return ends[0], ends[1]


_READERS = {"Quant": quant, "IntQuant": quant, "BipolarQuant": bipolar_quant, "Trunc": trunc}

# Under qonnx's name they are listed as what is supported; there are others for the same.
READERS = {
    spelling: ("quantize" if spelling in LISTED else "", reader)
    for name, reader in _READERS.items()
    for spelling in spelled(name)
}
