"""Weights of convolutions and matrix products of ONNX files."""

import numpy as np

from .builder import Builder, Unreadable
from .quantize import dequantized
from .values import Activation, Constant, Dequantized, Pending


def centred(weights: Dequantized) -> Dequantized:
    """The weights as int8: zero points are subtracted where the results fit, else kept."""
    codes, zeros = weights.codes.astype(np.int64), weights.zero_point
    if codes.min(initial=0) < -128 or codes.max(initial=0) > 255:
        raise Unreadable("has weights of more than 8 bits", "", "quantize weights to int8 or uint8")
    difference = codes - zeros
    if difference.min(initial=0) >= -128 and difference.max(initial=0) <= 127:
        codes, zeros = difference, np.zeros_like(zeros)
    elif weights.codes.dtype == np.uint8:
        codes, zeros = codes - 128, zeros - 128
    return Dequantized(codes.astype(np.int8), weights.scale, zeros)


def by_channel(values: np.ndarray) -> np.ndarray:
    """One value for all of the weights ``[out, ...]``, or one for each output channel."""
    rows = values.reshape(len(values), -1)
    if (rows != rows[:, :1]).any():
        remedy = "quantize weights per tensor or per output channel"
        raise Unreadable("has weights with scales that differ within a channel", "", remedy)
    return rows[:1, 0] if (rows == rows[:1]).all() else rows[:, 0]


def weights_of(b: Builder, index: int) -> Dequantized:
    """Weights that a DequantizeLinear reads, at an input."""
    value, name = b.required(index), b.node.inputs[index]
    if isinstance(value, Activation | Pending):
        remedy = "use constant weights"
        raise Unreadable(f"has weights {name!r} that are computed", "", remedy)
    if isinstance(value, Constant):
        remedy = "quantize them too, with a DequantizeLinear after"
        raise Unreadable(f"has weights {name!r} that are not quantized", "", remedy)
    return value


def code_weights(b: Builder, index: int, axis: int) -> Dequantized:
    """Weights, scales and zero points of an operator on codes, at an input and the two after it."""
    value, scale = b.required(index), b.constant(index + 1)
    name = b.node.inputs[index]
    if not isinstance(value, Constant):
        remedy = "use constant weights"
        raise Unreadable(f"has weights {name!r} that are computed", "", remedy)
    if scale is None or value.data.dtype not in (np.uint8, np.int8):
        raise Unreadable(f"has weights {name!r} that are not int8 or uint8, or have no scale")
    return dequantized(value.data, scale, b.constant(index + 2), axis)


def ungrouped(weights: Dequantized, groups: int) -> Dequantized:
    """Weights of groups as those of one convolution, with zeros outside a channel's own group."""
    out, depth = weights.shape[:2]

    def spread(values: np.ndarray, fill: np.ndarray) -> np.ndarray:
        whole = np.broadcast_to(fill[:, :1], (out, depth * groups, *weights.shape[2:])).copy()
        for group in range(groups):
            rows = slice(group * out // groups, (group + 1) * out // groups)
            whole[rows, group * depth : (group + 1) * depth] = values[rows]
        return whole

    return Dequantized(
        spread(weights.codes, weights.zero_point.astype(weights.codes.dtype)),
        spread(weights.scale, weights.scale),
        spread(weights.zero_point, weights.zero_point),
    )
