"""MatMulInteger and ConvInteger of ONNX files: int32 sums of products of codes.

A Cast or a DequantizeLinear makes numbers of them; at a network's end they may be the output.
"""

from dataclasses import replace

import numpy as np

from ..builder import Builder, Quantizer, Unreadable
from ..codes import dequantized
from ..low_bit.epilogues import not_fused
from ..values import Activation, Constant, Dequantized, Pending, Value
from ..windows import channels_first
from .convolutions import convolution
from .products import product


def _codes(b: Builder) -> Activation:
    """The first input, whose codes count from their zero point on."""
    x, zeros = b.codes(0), b.constant(2)
    zero_point = 0 if zeros is None else _single(zeros)
    return b.under(x, Quantizer(1.0, zero_point - 128 * x.unsigned, x.unsigned))


def _single(zeros: np.ndarray) -> int:
    if zeros.size != 1:
        raise Unreadable(f"has {zeros.size} zero points of its input", "", "use one for all of it")
    return int(zeros.item())


def _weights(b: Builder, axis: int) -> Dequantized:
    value, name = b.required(1), b.node.inputs[1]
    if not isinstance(value, Constant):
        raise Unreadable(f"has weights {name!r} that are computed", "", "use constant weights")
    if value.data.dtype not in (np.uint8, np.int8):
        raise Unreadable(f"has weights {name!r} of {value.data.dtype}, not int8 or uint8")
    return dequantized(value.data, np.ones((), np.float32), b.constant(3), axis)


def _integers(pending: Pending) -> Pending:
    """The sums themselves: nothing but what makes numbers of them can follow."""
    return replace(
        pending,
        finish=not_fused,
        fuses=False,
        takes_bias=False,
        with_steps=None,
        to_sums=None,
        numbers=pending,
    )


def matmul_integer(b: Builder) -> list[Value]:
    return [_integers(product(b, _codes(b), _weights(b, -1), None, integers=True))]


def conv_integer(b: Builder) -> list[Value]:
    x = channels_first(b, _codes(b))
    return [_integers(convolution(b, x, _weights(b, 0), None, integers=True))]


READERS = {
    "MatMulInteger": ("fully_connected", matmul_integer),
    "ConvInteger": ("conv2d", conv_integer),
}
